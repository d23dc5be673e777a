// Package shim runs the containers of one pod outside of the life of k3s, as containerd-shim does.
//
// The agent writes a Spec and starts the shim; the shim writes a Record after every change.
// SIGHUP starts again what has ended; SIGTERM lets the shim leave as soon as nothing runs any more.
package shim

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"lab/stack/node/internal/layout"
)

// ProgramName is the file name of the shim.
const ProgramName = "containerd-shim-runc-v2"

// Spec is what a shim is to run.
type Spec struct {
	UID        string      `json:"uid"`
	Namespace  string      `json:"namespace"`
	Name       string      `json:"name"`
	Containers []Container `json:"containers"`
}

// Container is one process of a pod.
type Container struct {
	Name     string   `json:"name"`
	Args     []string `json:"args"`
	Env      []string `json:"env"`
	Log      string   `json:"log"`
	Restarts int32    `json:"restarts"`
}

// Record is the present state of a shim and its containers.
type Record struct {
	UID        string           `json:"uid"`
	Namespace  string           `json:"namespace"`
	Name       string           `json:"name"`
	Shim       Process          `json:"shim"`
	Containers []ContainerState `json:"containers"`
}

// ContainerState is the present state of one container.
type ContainerState struct {
	Name       string    `json:"name"`
	Process    Process   `json:"process"`
	Running    bool      `json:"running"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`
	ExitCode   int32     `json:"exitCode"`
	Restarts   int32     `json:"restarts"`
}

// Alive tells whether the container's process runs; a record outlives a shim that was killed.
func (c ContainerState) Alive() bool { return c.Running && c.Process.Alive() }

// AnyAlive tells whether a container of the pod runs.
func (r *Record) AnyAlive() bool {
	for _, container := range r.Containers {
		if container.Alive() {
			return true
		}
	}
	return false
}

// ReadRecord reads the record of a pod's shim, or gives nil if there is none.
func ReadRecord(l layout.Layout, uid string) (*Record, error) {
	content, err := os.ReadFile(l.ShimRecord(uid))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	record := new(Record)
	return record, json.Unmarshal(content, record)
}

func (r *Record) write(l layout.Layout) error {
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return layout.WriteFile(l.ShimRecord(r.UID), content, 0o600)
}

// WriteSpec writes what the shim of a pod is to run.
func WriteSpec(l layout.Layout, spec Spec) error {
	content, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return layout.WriteFile(l.ShimSpec(spec.UID), content, 0o600)
}

func readSpec(l layout.Layout, uid string) (Spec, error) {
	var spec Spec
	content, err := os.ReadFile(l.ShimSpec(uid))
	if err != nil {
		return spec, err
	}
	return spec, json.Unmarshal(content, &spec)
}
