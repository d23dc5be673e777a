package shim

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lab/stack/node/internal/layout"
)

// A test's own binary plays the shim, so that its signals are its own.
func TestMain(m *testing.M) {
	if uid := os.Getenv("TEST_SHIM"); uid != "" {
		if err := Run(layout.FromEnvironment(), uid); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func startShim(t *testing.T, args ...string) (layout.Layout, *os.Process) {
	t.Helper()
	t.Setenv(layout.RootVariable, t.TempDir())
	l := layout.FromEnvironment()
	log := filepath.Join(l.Root(), "log")
	spec := Spec{UID: "u", Namespace: "ns", Name: "pod", Containers: []Container{{Name: "main", Args: args, Log: log}}}
	if err := WriteSpec(l, spec); err != nil {
		t.Fatal(err)
	}
	process, err := os.StartProcess("/proc/self/exe", []string{"shim"}, &os.ProcAttr{
		Env: append(os.Environ(), "TEST_SHIM=u"), Files: []*os.File{nil, nil, os.Stderr},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Kill()
		_, _ = process.Wait()
	})
	return l, process
}

// awaitState waits for the record that is looked for; a shim that never writes it fails the test.
func awaitState(t *testing.T, l layout.Layout, wanted func(ContainerState) bool) ContainerState {
	t.Helper()
	for range 2000 {
		record, err := ReadRecord(l, "u")
		if err != nil {
			t.Fatal(err)
		}
		if record != nil && wanted(record.Containers[0]) {
			return record.Containers[0]
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the record never came")
	return ContainerState{}
}

func TestShimRecordsHowContainersEnd(t *testing.T) {
	l, _ := startShim(t, "/bin/sh", "-c", "exit 7")
	state := awaitState(t, l, func(c ContainerState) bool { return !c.Running && !c.FinishedAt.IsZero() })
	if state.ExitCode != 7 {
		t.Errorf("exit code %d instead of 7", state.ExitCode)
	}
}

func TestShimStartsAgainOnSIGHUP(t *testing.T) {
	l, process := startShim(t, "/bin/sh", "-c", "exit 0")
	awaitState(t, l, func(c ContainerState) bool { return !c.Running && !c.FinishedAt.IsZero() })
	if err := process.Signal(unix.SIGHUP); err != nil {
		t.Fatal(err)
	}
	awaitState(t, l, func(c ContainerState) bool { return c.Restarts == 1 })
}

func TestShimLeavesOnlyWhenNothingRuns(t *testing.T) {
	l, process := startShim(t, "/bin/sleep", "1000")
	state := awaitState(t, l, ContainerState.Alive)
	if err := process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	shim, err := FindProcess(process.Pid)
	if err != nil || !shim.Alive() {
		t.Fatalf("the shim has left its container: %v", err)
	}
	state.Process.Signal(unix.SIGTERM)
	ended, err := process.Wait()
	if err != nil || !ended.Success() {
		t.Fatalf("the shim ended with %v, %v", ended, err)
	}
	record, err := ReadRecord(l, "u")
	if err != nil || record.Containers[0].ExitCode != 128+15 {
		t.Errorf("record %+v, %v", record, err)
	}
}

func TestProcessIsNotAnotherOfItsNumber(t *testing.T) {
	self, err := FindProcess(os.Getpid())
	if err != nil || !self.Alive() {
		t.Fatalf("this process is not alive: %v", err)
	}
	self.StartTicks++
	if self.Alive() {
		t.Error("another process was taken for this one")
	}
}
