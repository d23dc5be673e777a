package shim

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Process names a process for certain: a number alone may come to mean another one.
type Process struct {
	PID        int    `json:"pid"`
	StartTicks uint64 `json:"startTicks"`
}

// FindProcess reads when the process with this number was started.
func FindProcess(pid int) (Process, error) {
	ticks, _, err := readStat(pid)
	return Process{PID: pid, StartTicks: ticks}, err
}

// Alive tells whether this very process runs; one that only waits to be reaped does not.
func (p Process) Alive() bool {
	if p.PID <= 0 {
		return false
	}
	ticks, state, err := readStat(p.PID)
	return err == nil && ticks == p.StartTicks && state != 'Z' && state != 'X'
}

// Signal sends a signal to the process, and does nothing if it is gone.
func (p Process) Signal(signal unix.Signal) {
	if p.Alive() {
		// It may end between the two calls; then there is nothing to do either.
		_ = unix.Kill(p.PID, signal)
	}
}

// KillGroup ends the process and its group, as the end of a container's first process ends them all.
func (p Process) KillGroup() {
	if p.Alive() {
		_ = unix.Kill(-p.PID, unix.SIGKILL)
	}
}

// readStat reads the start time in clock ticks and the state: fields 22 and 3 of proc(5).
func readStat(pid int) (ticks uint64, state byte, err error) {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, err
	}
	// The second field is the name in parentheses and may hold anything.
	_, rest, found := bytes.Cut(content[bytes.LastIndexByte(content, ')')+1:], []byte(" "))
	fields := bytes.Fields(rest)
	if !found || len(fields) < 20 {
		return 0, 0, fmt.Errorf("/proc/%d/stat is not as expected", pid)
	}
	ticks, err = strconv.ParseUint(string(fields[19]), 10, 64)
	return ticks, fields[0][0], err
}
