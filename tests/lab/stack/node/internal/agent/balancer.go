package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"time"

	"lab/stack/node/internal/config"
)

// dialTimeout bounds the attempt at one server; a host without power does not answer at all.
const dialTimeout = 2 * time.Second

// Balance serves the API servers under one address on 127.0.0.1, as k3s's own balancer does: each
// connection goes to the first server that takes it.
func Balance(ctx context.Context, c config.Config) error {
	var servers []string
	for _, server := range c.Servers {
		parsed, err := url.Parse(server)
		if err != nil {
			return err
		}
		servers = append(servers, parsed.Host)
	}
	if len(servers) == 0 {
		return fmt.Errorf("the configuration of an agent needs server: https://HOST:6443")
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", c.LBServerPort))
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go forward(ctx, client, servers)
		}
	}()
	return nil
}

func forward(ctx context.Context, client net.Conn, servers []string) {
	defer client.Close()
	for _, address := range servers {
		server, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", address)
		if err != nil {
			slog.Info("server does not answer", "server", address, "cause", err)
			continue
		}
		defer server.Close()
		ended := make(chan struct{}, 2)
		go pipe(server, client, ended)
		go pipe(client, server, ended)
		select {
		case <-ended:
		case <-ctx.Done():
		}
		return
	}
}

func pipe(to io.Writer, from io.Reader, ended chan<- struct{}) {
	// An error is the end of the connection, which is all that matters.
	_, _ = io.Copy(to, from)
	ended <- struct{}{}
}
