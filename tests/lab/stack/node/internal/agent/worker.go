package agent

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"lab/stack/node/internal/layout"
	"lab/stack/node/internal/shim"
)

const (
	// lookInterval is how often a worker looks at its pod when nothing tells it to.
	lookInterval = 250 * time.Millisecond
	// orphanGrace is what the containers of a pod get that is gone from the API.
	orphanGrace = time.Second
	// shimLeave is how long a shim without containers may take to leave.
	shimLeave = 2 * time.Second
	// longestBackOff bounds the wait before a container is started again.
	longestBackOff = 30 * time.Second
	// shimPath is the command line of shims as k3s's own have it, so that what looks for them finds these.
	shimPath = "/var/lib/rancher/k3s/data/current/bin/" + shim.ProgramName
)

// worker brings one pod to what the API wants: it looks, does the next thing, and looks again.
type worker struct {
	*agent
	uid      string
	pokes    chan struct{}
	killAt   time.Time // when containers that were told to end are killed; zero if not told
	startAt  time.Time // not before this may anything be started again
	identity identity
	ip       string
}

func newWorker(a *agent, uid string) *worker {
	return &worker{agent: a, uid: uid, pokes: make(chan struct{}, 1)}
}

func (w *worker) poke() {
	select {
	case w.pokes <- struct{}{}:
	default: // one is waiting already
	}
}

func (w *worker) run(ctx context.Context) {
	select { // the first poke comes when the list of pods is known
	case <-ctx.Done():
		return
	case <-w.pokes:
	}
	for {
		done, err := w.step(ctx)
		if err != nil && ctx.Err() == nil {
			slog.Warn("pod", "uid", w.uid, "cause", err)
		}
		if done {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-w.pokes:
		case <-time.After(lookInterval):
		}
	}
}

// step does the next thing for the pod; done means that nothing is left of it here or in the API.
func (w *worker) step(ctx context.Context) (done bool, err error) {
	pod := w.pod(w.uid)
	record, err := shim.ReadRecord(w.layout, w.uid)
	if err != nil {
		return false, err
	}
	switch {
	case pod == nil:
		return w.end(record, orphanGrace)
	case pod.DeletionTimestamp != nil:
		ended, err := w.end(record, deletionGrace(pod))
		if !ended || err != nil {
			return false, err
		}
		return false, w.deletePod(ctx, pod)
	case pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		_, err := w.end(record, deletionGrace(pod))
		return false, err
	}
	if err := w.keepRunning(ctx, pod, record); err != nil {
		return false, err
	}
	record, err = shim.ReadRecord(w.layout, w.uid)
	if err != nil || record == nil {
		return false, err
	}
	return false, w.report(ctx, pod, record)
}

// keepRunning starts what should run and does not.
func (w *worker) keepRunning(ctx context.Context, pod *corev1.Pod, record *shim.Record) error {
	if record == nil || !record.Shim.Alive() {
		return w.startShim(ctx, pod, record)
	}
	if err := w.identity.refresh(ctx, w, pod); err != nil {
		return err
	}
	ended := endedContainers(pod, record)
	switch {
	case ended == 0:
		w.startAt = time.Time{}
	case w.startAt.IsZero():
		w.startAt = time.Now().Add(backOff(record))
	case time.Now().After(w.startAt):
		w.startAt = time.Time{}
		record.Shim.Signal(unix.SIGHUP)
	}
	return nil
}

// endedContainers counts the containers that are to be started again.
func endedContainers(pod *corev1.Pod, record *shim.Record) (count int) {
	for _, container := range record.Containers {
		if !container.Running && restarts(pod, container.ExitCode) {
			count++
		}
	}
	return count
}

func restarts(pod *corev1.Pod, exitCode int32) bool {
	switch pod.Spec.RestartPolicy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return exitCode != 0
	}
	return true
}

// backOff doubles from one second with every restart.
func backOff(record *shim.Record) time.Duration {
	most := int32(0)
	for _, container := range record.Containers {
		most = max(most, container.Restarts)
	}
	return min(time.Second<<min(most, 10), longestBackOff)
}

// startShim prepares the pod on this host and starts its shim with all its containers.
func (w *worker) startShim(ctx context.Context, pod *corev1.Pod, old *shim.Record) error {
	if time.Now().Before(w.startAt) {
		return nil
	}
	w.startAt = time.Now().Add(time.Second) // should anything below fail
	if old != nil {                         // the shim was killed: its containers have nobody any more
		for _, container := range old.Containers {
			container.Process.KillGroup()
		}
	}
	if err := mountVolumes(w.layout, pod); err != nil {
		return err
	}
	if err := w.identity.refresh(ctx, w, pod); err != nil {
		return err
	}
	spec, err := w.spec(pod, old)
	if err != nil {
		return err
	}
	if err := shim.WriteSpec(w.layout, spec); err != nil {
		return err
	}
	program, err := layout.Program(shim.ProgramName)
	if err != nil {
		return err
	}
	command := &exec.Cmd{
		Path:        program,
		Args:        []string{shimPath, "-namespace", "k8s.io", "-id", w.uid},
		Env:         []string{"PATH=" + os.Getenv("PATH"), layout.RootVariable + "=" + w.layout.Root()},
		Dir:         "/",
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := command.Start(); err != nil {
		return err
	}
	slog.Info("pod started", "pod", podTitle(pod), "uid", w.uid, "shim", command.Process.Pid)
	go func() {
		_ = command.Wait() // its record says how its containers ended
		w.poke()
	}()
	return w.awaitRecord(ctx, command.Process.Pid)
}

// awaitRecord waits until the new shim has written its first record, so that no second one is started.
func (w *worker) awaitRecord(ctx context.Context, pid int) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for {
		record, err := shim.ReadRecord(w.layout, w.uid)
		if err != nil || (record != nil && record.Shim.PID == pid) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// end brings the pod's processes and mounts to an end; true when nothing is left of them.
func (w *worker) end(record *shim.Record, grace time.Duration) (bool, error) {
	if record != nil && (record.AnyAlive() || record.Shim.Alive()) {
		w.endProcesses(record, grace)
		return false, nil
	}
	return true, cleanUp(w.layout, w.uid)
}

func (w *worker) endProcesses(record *shim.Record, grace time.Duration) {
	now := time.Now()
	switch {
	case w.killAt.IsZero():
		w.killAt = now.Add(grace)
		record.Shim.Signal(unix.SIGTERM)
		for _, container := range record.Containers {
			if container.Running {
				container.Process.Signal(unix.SIGTERM)
			}
		}
	case now.After(w.killAt):
		for _, container := range record.Containers {
			if container.Running {
				container.Process.KillGroup()
			}
		}
		if now.After(w.killAt.Add(shimLeave)) {
			record.Shim.Signal(unix.SIGKILL)
		}
	}
}

// deletionGrace is how long the pod's containers have to end.
func deletionGrace(pod *corev1.Pod) time.Duration {
	seconds := pod.DeletionGracePeriodSeconds
	if seconds == nil {
		seconds = pod.Spec.TerminationGracePeriodSeconds
	}
	if seconds == nil {
		return orphanGrace
	}
	return time.Duration(*seconds) * time.Second
}

// deletePod takes the pod out of the API: this very one, and not another of its name.
func (w *worker) deletePod(ctx context.Context, pod *corev1.Pod) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	none := int64(0)
	uid := types.UID(w.uid)
	err := w.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &none,
		Preconditions:      &metav1.Preconditions{UID: &uid},
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err == nil {
		slog.Info("pod ended", "pod", podTitle(pod), "uid", w.uid)
	}
	return err
}
