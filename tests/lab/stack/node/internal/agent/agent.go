// Package agent is a small kubelet: it makes the host a Node, and each pod bound to it processes of the host.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"

	"lab/stack/node/internal/config"
	"lab/stack/node/internal/layout"
)

// requestTimeout bounds every call to the API but watches.
const requestTimeout = 5 * time.Second

// Options are what an agent needs to run.
type Options struct {
	Config     config.Config
	Layout     layout.Layout
	Kubeconfig string
	// Registered is called once, when the Node is in the API and reports Ready.
	Registered func() error
}

// agent runs the pods of one node.
type agent struct {
	config  config.Config
	layout  layout.Layout
	rest    *rest.Config
	client  *kubernetes.Clientset
	pods    cache.Store
	workers map[string]*worker // by UID of the pod
	mutex   sync.Mutex         // guards workers, podCIDR, given
	running sync.WaitGroup
	podCIDR string            // of the Node, once it is known; guarded by mutex
	given   map[string]string // pod addresses and the UID that has each; guarded by mutex
}

// Run registers the node and runs its pods until the context ends. Pods live on after that.
func Run(ctx context.Context, o Options) error {
	restConfig, err := clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	if err != nil {
		return err
	}
	restConfig.UserAgent = "lab-node/" + o.Config.NodeName
	restConfig.QPS, restConfig.Burst = 50, 100 // as a kubelet has them
	client, err := kubernetes.NewForConfig(restConfig)
	if err != nil {
		return err
	}
	a := &agent{
		config: o.Config, layout: o.Layout, rest: restConfig, client: client,
		workers: map[string]*worker{}, given: map[string]string{},
	}
	if err := a.register(ctx); err != nil {
		return ignoreEnd(ctx, err)
	}
	if err := o.Registered(); err != nil {
		return err
	}
	slog.Info("node is registered", "node", a.config.NodeName)
	go a.heartbeat(ctx)
	err = a.runPods(ctx)
	a.running.Wait()
	return ignoreEnd(ctx, err)
}

// ignoreEnd makes the end that was asked for no error.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// runPods watches the pods bound to this node and keeps one worker for each, and for each that is left over.
func (a *agent) runPods(ctx context.Context) error {
	selector := fields.OneTermEqualSelector("spec.nodeName", a.config.NodeName)
	source := cache.NewListWatchFromClient(a.client.CoreV1().RESTClient(), "pods", corev1.NamespaceAll, selector)
	store, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: source,
		ObjectType:    &corev1.Pod{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { a.poke(ctx, object) },
			UpdateFunc: func(_, object any) { a.poke(ctx, object) },
			DeleteFunc: func(object any) { a.poke(ctx, object) },
		},
	})
	a.pods = store
	go controller.RunWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), controller.HasSynced) {
		return errors.New("the pods of this node could not be listed")
	}
	left, err := a.leftovers()
	if err != nil {
		return err
	}
	for _, uid := range left {
		a.worker(ctx, uid).poke()
	}
	<-ctx.Done()
	return nil
}

// poke lets the worker of a pod look at it.
func (a *agent) poke(ctx context.Context, object any) {
	if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	if pod, ok := object.(*corev1.Pod); ok {
		a.worker(ctx, string(pod.UID)).poke()
	}
}

// worker finds or starts the worker of a pod.
func (a *agent) worker(ctx context.Context, uid string) *worker {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if w, ok := a.workers[uid]; ok {
		return w
	}
	w := newWorker(a, uid)
	if ctx.Err() != nil {
		return w
	}
	a.workers[uid] = w
	a.running.Go(func() {
		w.run(ctx)
		a.release(uid)
		a.mutex.Lock()
		delete(a.workers, uid)
		a.mutex.Unlock()
	})
	return w
}

// pod finds the pod with this UID as the API last had it, or nil if it is gone.
func (a *agent) pod(uid string) *corev1.Pod {
	for _, object := range a.pods.List() {
		if pod, ok := object.(*corev1.Pod); ok && string(pod.UID) == uid {
			return pod
		}
	}
	return nil
}

// leftovers lists the pods that have a shim or a folder on this host.
func (a *agent) leftovers() ([]string, error) {
	var uids []string
	records, err := filepath.Glob(filepath.Join(a.layout.Shims(), "*.json"))
	if err != nil {
		return nil, err
	}
	for _, record := range records {
		uids = append(uids, strings.TrimSuffix(filepath.Base(record), ".json"))
	}
	folders, err := os.ReadDir(a.layout.Pods())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, folder := range folders {
		uids = append(uids, folder.Name())
	}
	return uids, nil
}

// podTitle names a pod in logs.
func podTitle(pod *corev1.Pod) string { return fmt.Sprintf("%s/%s", pod.Namespace, pod.Name) }
