package agent

import (
	"os"
	"path/filepath"
	"regexp"

	corev1 "k8s.io/api/core/v1"

	"lab/stack/node/internal/layout"
	"lab/stack/node/internal/shim"
)

// containerPath is the PATH of containers.
const containerPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// runsForReal tells whether the container's command is a program of this host.
func runsForReal(container corev1.Container) bool {
	if len(container.Command) == 0 || !filepath.IsAbs(container.Command[0]) {
		return false
	}
	info, err := os.Stat(container.Command[0])
	return err == nil && info.Mode().IsRegular()
}

// spec is what the pod's shim is to run. Old is what a former shim left, nil after a boot of the host.
func (w *worker) spec(pod *corev1.Pod, old *shim.Record) (shim.Spec, error) {
	spec := shim.Spec{UID: w.uid, Namespace: pod.Namespace, Name: pod.Name}
	pause, err := layout.Program("pause")
	if err != nil {
		return spec, err
	}
	for _, container := range pod.Spec.Containers {
		env := w.environment(pod, container)
		run := shim.Container{
			Name:     container.Name,
			Args:     []string{pause},
			Log:      w.layout.ContainerLog(pod.Namespace, pod.Name, w.uid, container.Name),
			Restarts: nextRestarts(pod, old, container.Name),
		}
		for name, value := range env {
			run.Env = append(run.Env, name+"="+value)
		}
		if runsForReal(container) {
			run.Args = nil
			for _, arg := range append(append([]string{}, container.Command...), container.Args...) {
				run.Args = append(run.Args, expand(arg, env))
			}
		} else if pod.Annotations[annotationIgnoreSIGTERM] == "true" {
			run.Args = append(run.Args, "--ignore-sigterm")
		}
		spec.Containers = append(spec.Containers, run)
	}
	return spec, nil
}

// nextRestarts counts this start: it is a restart if the container ran before, here or before a boot.
func nextRestarts(pod *corev1.Pod, old *shim.Record, name string) int32 {
	if old != nil {
		for _, container := range old.Containers {
			if container.Name == name {
				return container.Restarts + 1
			}
		}
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == name && status.ContainerID != "" {
			return status.RestartCount + 1
		}
	}
	return 0
}

// environment is the container's environment: literal values and what the pod knows about itself.
func (w *worker) environment(pod *corev1.Pod, container corev1.Container) map[string]string {
	env := map[string]string{
		"PATH":       containerPath,
		"HOME":       "/root",
		"HOSTNAME":   pod.Name,
		"KUBECONFIG": w.layout.PodFile(w.uid, "kubeconfig"),
	}
	for _, variable := range container.Env {
		if variable.ValueFrom == nil {
			env[variable.Name] = expand(variable.Value, env)
		} else if ref := variable.ValueFrom.FieldRef; ref != nil {
			env[variable.Name] = w.field(pod, ref.FieldPath)
		}
	}
	return env
}

func (w *worker) field(pod *corev1.Pod, path string) string {
	switch path {
	case "metadata.name":
		return pod.Name
	case "metadata.namespace":
		return pod.Namespace
	case "metadata.uid":
		return string(pod.UID)
	case "spec.nodeName":
		return pod.Spec.NodeName
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName
	case "status.hostIP":
		return w.config.NodeIP
	case "status.podIP":
		return w.podIP(pod)
	}
	return ""
}

// reference is $(NAME) in a command, an argument or a value.
var reference = regexp.MustCompile(`\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)`)

// expand replaces $(NAME) by the variable's value, and leaves what is not known.
func expand(text string, env map[string]string) string {
	return reference.ReplaceAllStringFunc(text, func(match string) string {
		if value, ok := env[match[2:len(match)-1]]; ok {
			return value
		}
		return match
	})
}
