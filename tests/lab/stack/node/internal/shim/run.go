package shim

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lab/stack/node/internal/layout"
)

// startFailed is the exit code that container runtimes give to a command that could not be started.
const startFailed = 128

type exit struct {
	container int
	code      int32
}

type runner struct {
	layout layout.Layout
	spec   Spec
	record Record
	exits  chan exit
}

// Run is the life of a shim: until it may leave and nothing runs.
func Run(l layout.Layout, uid string) error {
	spec, err := readSpec(l, uid)
	if err != nil {
		return err
	}
	self, err := FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	r := &runner{layout: l, spec: spec, exits: make(chan exit, len(spec.Containers))}
	r.record = Record{UID: spec.UID, Namespace: spec.Namespace, Name: spec.Name, Shim: self}
	for _, container := range spec.Containers {
		state := ContainerState{Name: container.Name, Restarts: container.Restarts}
		r.record.Containers = append(r.record.Containers, state)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGTERM, unix.SIGHUP, unix.SIGINT)
	return r.loop(signals)
}

func (r *runner) loop(signals <-chan os.Signal) error {
	for index := range r.spec.Containers {
		r.start(index)
	}
	leaving := false
	for {
		if err := r.record.write(r.layout); err != nil {
			return err
		}
		if leaving && r.running() == 0 {
			return nil
		}
		select {
		case ended := <-r.exits:
			r.ended(ended)
		case received := <-signals:
			switch received {
			case unix.SIGTERM:
				leaving = true
			case unix.SIGHUP:
				r.startAgain()
			}
		}
	}
}

func (r *runner) running() (count int) {
	for _, container := range r.record.Containers {
		if container.Running {
			count++
		}
	}
	return count
}

func (r *runner) startAgain() {
	for index := range r.record.Containers {
		if !r.record.Containers[index].Running {
			r.record.Containers[index].Restarts++
			r.start(index)
		}
	}
}

func (r *runner) ended(ended exit) {
	state := &r.record.Containers[ended.container]
	state.Running = false
	state.ExitCode = ended.code
	state.FinishedAt = time.Now()
}

func (r *runner) start(index int) {
	state := &r.record.Containers[index]
	state.StartedAt = time.Now()
	state.FinishedAt = time.Time{}
	process, err := r.launch(index)
	if err != nil {
		fmt.Fprintf(os.Stderr, "container %s of pod %s/%s: %v\n", state.Name, r.spec.Namespace, r.spec.Name, err)
		r.ended(exit{container: index, code: startFailed})
		return
	}
	state.Process = process
	state.Running = true
}

func (r *runner) launch(index int) (Process, error) {
	container := r.spec.Containers[index]
	if err := os.MkdirAll(filepath.Dir(container.Log), 0o755); err != nil {
		return Process{}, err
	}
	log, err := os.OpenFile(container.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return Process{}, err
	}
	defer log.Close()
	command := exec.Command(container.Args[0], container.Args[1:]...)
	command.Env = container.Env
	command.Dir = "/"
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return Process{}, err
	}
	pid := command.Process.Pid
	process, err := FindProcess(pid)
	go func() {
		code := exitCode(command.Wait())
		// The end of a container's first process is the end of all of them.
		_ = unix.Kill(-pid, unix.SIGKILL)
		r.exits <- exit{container: index, code: code}
	}()
	return process, err
}

// exitCode is the code that a container runtime reports: 128 + signal for a process that was killed.
func exitCode(err error) int32 {
	var failed *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &failed):
		return startFailed
	}
	if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int32(status.Signal())
	}
	return int32(failed.ExitCode())
}
