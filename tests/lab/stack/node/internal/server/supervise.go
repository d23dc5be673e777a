package server

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lab/stack/node/internal/layout"
)

// stopTimeout bounds how long one component may take to stop before it is killed. An API server with
// open watches takes more than ten seconds; it has no state to lose.
const stopTimeout = 3 * time.Second

// child is a running component.
type child struct {
	name string
	pid  int
	done chan struct{} // closed when the process has ended
	err  error         // how it ended; read after done
}

// supervisor starts components as children that cannot outlive this process.
type supervisor struct {
	layout   layout.Layout
	requests chan startRequest
	children []*child
	died     chan *child
}

type startRequest struct {
	command *exec.Cmd
	reply   chan error
}

func newSupervisor(l layout.Layout) *supervisor {
	s := &supervisor{layout: l, requests: make(chan startRequest), died: make(chan *child, 8)}
	go s.parent()
	return s
}

// parent starts all children from one thread that lives as long as the process: PDEATHSIG is about
// the thread that started a child.
func (s *supervisor) parent() {
	runtime.LockOSThread()
	for request := range s.requests {
		request.reply <- request.command.Start()
	}
}

// startAll starts components one after another.
func (s *supervisor) startAll(components []component) error {
	for _, c := range components {
		if err := s.start(c); err != nil {
			return err
		}
		slog.Info("started", "component", c.name)
	}
	return nil
}

// start starts a component; its output goes to its log.
func (s *supervisor) start(c component) error {
	program, err := layout.Program(c.name)
	if err != nil {
		return err
	}
	path := s.layout.ComponentLog(c.name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(program, c.args...)
	command.Stdout, command.Stderr = log, log
	// etcd would report itself ready to systemd in our name.
	command.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "NOTIFY_SOCKET=") })
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	request := startRequest{command: command, reply: make(chan error)}
	s.requests <- request
	if err := <-request.reply; err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	started := &child{name: c.name, pid: command.Process.Pid, done: make(chan struct{})}
	s.children = append(s.children, started)
	go func() {
		started.err = command.Wait()
		close(started.done)
		s.died <- started
	}()
	return nil
}

// stopAll stops the components, the last started first.
func (s *supervisor) stopAll() {
	for _, c := range slices.Backward(s.children) {
		c.stop()
	}
}

func (c *child) stop() {
	select {
	case <-c.done:
		return
	default:
	}
	// It cannot have been reaped yet, or done would be closed soon; a signal to nobody does no harm.
	_ = unix.Kill(c.pid, unix.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(stopTimeout):
		_ = unix.Kill(c.pid, unix.SIGKILL)
		<-c.done
	}
}

// errDied says which component ended by itself.
func errDied(c *child, l layout.Layout) error {
	cause := c.err
	if cause == nil {
		cause = errors.New("exit status 0")
	}
	return fmt.Errorf("%s has ended (%w): see %s", c.name, cause, l.ComponentLog(c.name))
}
