package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"lab/stack/node/internal/layout"
)

// Annotations by which a test says how a pod behaves.
const (
	// annotationIgnoreSIGTERM makes the waiting container end by SIGKILL only.
	annotationIgnoreSIGTERM = "lab/ignore-sigterm"
	// annotationStartSeconds is how long after its start a pod is not yet ready.
	annotationStartSeconds = "lab/start-seconds"
	// annotationVolume gives a pod a volume of the name "lab" though its spec has none.
	annotationVolume = "lab/volume"
)

// mountedVolumes names the volumes of a pod that are mounts on the host.
func mountedVolumes(pod *corev1.Pod) (names []string) {
	for _, volume := range pod.Spec.Volumes {
		if volume.CSI != nil || volume.PersistentVolumeClaim != nil {
			names = append(names, volume.Name)
		}
	}
	if pod.Annotations[annotationVolume] == "true" {
		names = append(names, "lab")
	}
	return names
}

// mountVolumes mounts a tmpfs for each volume that is not mounted yet.
func mountVolumes(l layout.Layout, pod *corev1.Pod) error {
	for _, name := range mountedVolumes(pod) {
		target := l.Volume(string(pod.UID), name)
		if err := os.MkdirAll(target, 0o750); err != nil {
			return err
		}
		mounted, err := isMount(target)
		if err != nil {
			return err
		}
		if mounted {
			continue
		}
		if err := unix.Mount("tmpfs", target, "tmpfs", 0, "size=1m"); err != nil {
			return fmt.Errorf("mount %s: %w", target, err)
		}
	}
	return nil
}

// isMount tells whether a folder lies on another file system than the one above it.
func isMount(folder string) (bool, error) {
	var here, above unix.Stat_t
	if err := unix.Stat(folder, &here); err != nil {
		return false, err
	}
	if err := unix.Stat(filepath.Dir(folder), &above); err != nil {
		return false, err
	}
	return here.Dev != above.Dev, nil
}

// cleanUp unmounts a pod's volumes and removes its files. It removes nothing that is still mounted.
func cleanUp(l layout.Layout, uid string) error {
	mounts, err := filepath.Glob(l.Volume(uid, "*"))
	if err != nil {
		return err
	}
	for _, target := range mounts {
		mounted, err := isMount(target)
		if err != nil {
			return err
		}
		if !mounted {
			continue
		}
		if err := unix.Unmount(target, 0); err != nil {
			return fmt.Errorf("unmount %s: %w", target, err)
		}
	}
	if err := os.RemoveAll(l.PodFile(uid)); err != nil {
		return err
	}
	for _, file := range []string{l.ShimSpec(uid), l.ShimRecord(uid)} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
