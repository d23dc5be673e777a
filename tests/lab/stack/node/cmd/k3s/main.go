// Command k3s stands in for the packaging of k3s: the real control plane under one service, a small
// kubelet instead of a container runtime, and the commands that tests need.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"lab/stack/node/internal/agent"
	"lab/stack/node/internal/config"
	"lab/stack/node/internal/layout"
	"lab/stack/node/internal/notify"
	"lab/stack/node/internal/pki"
	"lab/stack/node/internal/server"
)

const usage = `usage:
  k3s server                                 run the control plane and this host's node
  k3s agent                                  run this host's node
  k3s etcd-snapshot save [--name NAME]       save a snapshot of etcd
  k3s etcd-snapshot ls [-o json]             list the snapshots
  k3s kubectl ARGUMENT...                    run kubectl as administrator
  k3s pki --dir DIR --server URL [--agents NAME,...]
                                             make a cluster's keys and kubeconfigs ahead of its start
`

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no command\n%s", usage)
	}
	l := layout.FromEnvironment()
	switch args[0] {
	case "kubectl":
		return kubectl(l, args[1:])
	case "pki":
		return makePKI(args[1:])
	}
	c, err := config.Read(l)
	if err != nil {
		return err
	}
	switch args[0] {
	case "server":
		return server.Run(ctx, c, l)
	case "agent":
		return runAgent(ctx, c, l)
	case "etcd-snapshot":
		return snapshot(ctx, c, l, args[1:])
	}
	return fmt.Errorf("unknown command %q\n%s", args[0], usage)
}

func runAgent(ctx context.Context, c config.Config, l layout.Layout) error {
	if err := agent.Balance(ctx, c); err != nil {
		return err
	}
	return agent.Run(ctx, agent.Options{
		Config: c, Layout: l, Kubeconfig: c.Kubeconfig,
		Registered: func() error { return notify.Send("READY=1\nSTATUS=node registered\n") },
	})
}

// kubectl becomes kubectl, with the administrator's kubeconfig unless another is set.
func kubectl(l layout.Layout, args []string) error {
	program, err := layout.Program("kubectl")
	if err != nil {
		return err
	}
	if os.Getenv("KUBECONFIG") == "" {
		if err := os.Setenv("KUBECONFIG", l.AdminKubeconfig()); err != nil {
			return err
		}
	}
	return &os.PathError{Op: "exec", Path: program, Err: syscall.Exec(program, append([]string{"kubectl"}, args...), os.Environ())}
}

func snapshot(ctx context.Context, c config.Config, l layout.Layout, args []string) error {
	command := "save"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("etcd-snapshot", flag.ContinueOnError)
	name := flags.String("name", "on-demand", "the first part of the snapshot's name")
	format := flags.String("o", "", "json or table")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch command {
	case "save":
		return server.SaveSnapshot(ctx, c, l, *name)
	case "ls", "list":
		return server.ListSnapshots(os.Stdout, c, l, *format)
	}
	return fmt.Errorf("unknown command etcd-snapshot %q\n%s", command, usage)
}

// makePKI writes DIR/tls for the servers, DIR/admin.kubeconfig and DIR/agent-NAME.kubeconfig.
func makePKI(args []string) error {
	flags := flag.NewFlagSet("pki", flag.ContinueOnError)
	dir := flags.String("dir", "", "where to write")
	url := flags.String("server", "", "the API server's URL for the administrator")
	agents := flags.String("agents", "", "names of the nodes without control plane, parted by commas")
	balancer := flags.String("balancer", "https://127.0.0.1:6444", "the API server's URL for agents")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" || *url == "" {
		return fmt.Errorf("pki needs --dir and --server\n%s", usage)
	}
	authority, err := pki.Open(func(name string) string { return filepath.Join(*dir, "tls", name) })
	if err != nil {
		return err
	}
	if err := authority.Kubeconfig(filepath.Join(*dir, "admin.kubeconfig"), *url, pki.Admin); err != nil {
		return err
	}
	for name := range strings.SplitSeq(*agents, ",") {
		if name == "" {
			continue
		}
		path := filepath.Join(*dir, "agent-"+name+".kubeconfig")
		if err := authority.Kubeconfig(path, *balancer, pki.Node(name)); err != nil {
			return err
		}
	}
	return nil
}
