// Package server is what "k3s server" is: the control plane's programs under one service, and the host's node.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"lab/stack/node/internal/agent"
	"lab/stack/node/internal/config"
	"lab/stack/node/internal/layout"
	"lab/stack/node/internal/notify"
)

// readyPoll is how often the API server is asked whether it is ready.
const readyPoll = 100 * time.Millisecond

// Run runs the control plane until the context ends or one of its programs does.
func Run(ctx context.Context, c config.Config, l layout.Layout) error {
	if err := identities(c, l); err != nil {
		return err
	}
	admin, err := clientFor(l.AdminKubeconfig())
	if err != nil {
		return err
	}
	supervisor := newSupervisor(l)
	defer supervisor.stopAll()
	if err := supervisor.startAll(apiComponents(c, l)); err != nil {
		return err
	}
	if err := awaitReady(ctx, admin, supervisor); err != nil || ctx.Err() != nil {
		return err
	}
	// Before the API has made its bootstrap roles, these are refused and give up.
	if err := supervisor.startAll(controllerComponents(c, l)); err != nil {
		return err
	}
	if err := notify.Send("READY=1\nSTATUS=API server ready\n"); err != nil {
		return err
	}
	slog.Info("API server is ready", "url", c.APIServerURL())
	return serveNode(ctx, c, l, admin, supervisor)
}

// awaitReady waits until the API server says that it is ready, or the context ends.
func awaitReady(ctx context.Context, admin *kubernetes.Clientset, s *supervisor) error {
	for !ready(ctx, admin) {
		select {
		case <-ctx.Done():
			return nil
		case died := <-s.died:
			return errDied(died, s.layout)
		case <-time.After(readyPoll):
		}
	}
	return nil
}

// serveNode runs the node agent of this host beside the control plane.
func serveNode(ctx context.Context, c config.Config, l layout.Layout, admin *kubernetes.Clientset, s *supervisor) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go labelControlPlane(ctx, admin, c.NodeName)
	node := make(chan error, 1)
	go func() {
		node <- agent.Run(ctx, agent.Options{
			Config: c, Layout: l, Kubeconfig: l.Credential("node"), Registered: func() error { return nil },
		})
	}()
	select {
	case <-ctx.Done():
		slog.Info("stopping")
		return nil
	case died := <-s.died:
		return errDied(died, l)
	case err := <-node:
		return err
	}
}

func clientFor(kubeconfig string) (*kubernetes.Clientset, error) {
	rest, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	rest.Timeout = 5 * time.Second
	return kubernetes.NewForConfig(rest)
}

func ready(ctx context.Context, client *kubernetes.Clientset) bool {
	_, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err == nil
}

// labelControlPlane gives the Node the role that a node must not give itself.
func labelControlPlane(ctx context.Context, admin *kubernetes.Clientset, node string) {
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:"true",%q:"true"}}}`,
		"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/etcd")
	for {
		_, err := admin.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, patch, metav1.PatchOptions{})
		if err == nil || ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}
