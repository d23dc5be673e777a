// Command containerd-shim-runc-v2 is the shim of one pod; by the name pause it is a container that only waits.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"

	"lab/stack/node/internal/layout"
	"lab/stack/node/internal/shim"
)

func main() {
	if filepath.Base(os.Args[0]) == "pause" {
		pause()
		return
	}
	flag.String("namespace", "k8s.io", "the namespace of containerd; of no meaning here")
	uid := flag.String("id", "", "the UID of the pod")
	flag.Parse()
	if err := shim.Run(layout.FromEnvironment(), *uid); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", shim.ProgramName, err)
		os.Exit(1)
	}
}

// pause waits for SIGTERM, or only for SIGKILL if it is told to ignore SIGTERM.
func pause() {
	ignore := flag.Bool("ignore-sigterm", false, "end by SIGKILL only")
	flag.Parse()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM)
	<-signals
	for *ignore {
		<-signals
	}
}
