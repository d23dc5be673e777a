// Command gitserve serves the Git repositories of a folder over HTTP, read-only, by git's own http-backend.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	root := flag.String("root", ".", "the folder of the repositories")
	listen := flag.String("listen", "127.0.0.1:8080", "the address to listen on")
	flag.Parse()
	if err := serve(*root, *listen); err != nil {
		fmt.Fprintln(os.Stderr, "gitserve:", err)
		os.Exit(1)
	}
}

func serve(root, listen string) error {
	folder, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	execPath, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return fmt.Errorf("git --exec-path: %w", err)
	}
	server := &http.Server{
		Addr:              listen,
		ReadHeaderTimeout: 10 * time.Second,
		Handler: &cgi.Handler{
			Path: filepath.Join(strings.TrimSpace(string(execPath)), "git-http-backend"),
			Dir:  folder,
			Env: []string{
				"GIT_PROJECT_ROOT=" + folder,
				"GIT_HTTP_EXPORT_ALL=1",
				// A repository may belong to another user than the one who serves it.
				"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
			},
			InheritEnv: []string{"PATH"},
		},
	}
	return server.ListenAndServe()
}
