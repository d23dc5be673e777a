package agent

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lab/stack/node/internal/shim"
)

// probeTimeout bounds one readiness probe.
const probeTimeout = time.Second

// report writes the pod's status if it is not what the API has.
func (w *worker) report(ctx context.Context, pod *corev1.Pod, record *shim.Record) error {
	update := pod.DeepCopy()
	w.fillPodStatus(&update.Status, pod, record)
	if equality.Semantic.DeepEqual(update.Status, pod.Status) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := w.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, update, metav1.UpdateOptions{})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil // the next look has the newer pod
	}
	return err
}

func (w *worker) fillPodStatus(status *corev1.PodStatus, pod *corev1.Pod, record *shim.Record) {
	status.HostIP = w.config.NodeIP
	status.HostIPs = []corev1.HostIP{{IP: w.config.NodeIP}}
	if status.PodIP = w.podIP(pod); status.PodIP != "" {
		status.PodIPs = []corev1.PodIP{{IP: status.PodIP}}
	}
	if status.StartTime == nil {
		now := metav1.Now().Rfc3339Copy()
		status.StartTime = &now
	}
	status.Phase = phase(pod, record)
	ready := status.Phase == corev1.PodRunning
	statuses := make([]corev1.ContainerStatus, 0, len(record.Containers))
	for _, state := range record.Containers {
		container := containerStatus(pod, state)
		container.Ready = state.Running && started(pod, state) && w.probe(pod, state.Name)
		ready = ready && container.Ready
		statuses = append(statuses, container)
	}
	status.ContainerStatuses = statuses
	setPodCondition(status, corev1.PodInitialized, true, "")
	setPodCondition(status, corev1.ContainersReady, ready, "ContainersNotReady")
	setPodCondition(status, corev1.PodReady, ready, "ContainersNotReady")
}

// phase is over only when every container has ended and none is started again.
func phase(pod *corev1.Pod, record *shim.Record) corev1.PodPhase {
	failed := false
	for _, container := range record.Containers {
		if container.Running || restarts(pod, container.ExitCode) {
			return corev1.PodRunning
		}
		failed = failed || container.ExitCode != 0
	}
	if failed {
		return corev1.PodFailed
	}
	return corev1.PodSucceeded
}

func containerStatus(pod *corev1.Pod, state shim.ContainerState) corev1.ContainerStatus {
	status := corev1.ContainerStatus{
		Name:         state.Name,
		RestartCount: state.Restarts,
		ContainerID:  fmt.Sprintf("lab://%d-%d", state.Process.PID, state.Process.StartTicks),
		Started:      &state.Running,
	}
	for _, container := range pod.Spec.Containers {
		if container.Name == state.Name {
			status.Image = container.Image
		}
	}
	startedAt := metav1.NewTime(state.StartedAt).Rfc3339Copy()
	if state.Running {
		status.State.Running = &corev1.ContainerStateRunning{StartedAt: startedAt}
		return status
	}
	status.State.Terminated = &corev1.ContainerStateTerminated{
		ExitCode:   state.ExitCode,
		Reason:     "Error",
		StartedAt:  startedAt,
		FinishedAt: metav1.NewTime(state.FinishedAt).Rfc3339Copy(),
	}
	if state.ExitCode == 0 {
		status.State.Terminated.Reason = "Completed"
	}
	return status
}

// started tells whether the time is over that the pod says it takes to start.
func started(pod *corev1.Pod, state shim.ContainerState) bool {
	seconds, err := strconv.Atoi(pod.Annotations[annotationStartSeconds])
	return err != nil || time.Since(state.StartedAt) >= time.Duration(seconds)*time.Second
}

// probe asks the HTTP readiness probe of a program that runs for real; whatever else counts as ready.
func (w *worker) probe(pod *corev1.Pod, name string) bool {
	for _, container := range pod.Spec.Containers {
		if container.Name != name || container.ReadinessProbe == nil || !runsForReal(container) {
			continue
		}
		if get := container.ReadinessProbe.HTTPGet; get != nil {
			return w.answers(net.JoinHostPort(w.config.NodeIP, get.Port.String()), get.Path)
		}
	}
	return true
}

func (w *worker) answers(address, path string) bool {
	client := http.Client{Timeout: probeTimeout}
	response, err := client.Get("http://" + address + path)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode >= http.StatusOK && response.StatusCode < http.StatusBadRequest
}

func setPodCondition(status *corev1.PodStatus, kind corev1.PodConditionType, value bool, reason string) {
	condition := corev1.PodCondition{
		Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now().Rfc3339Copy(),
	}
	if !value {
		condition.Status = corev1.ConditionFalse
		condition.Reason = reason
	}
	for index, old := range status.Conditions {
		if old.Type != kind {
			continue
		}
		if old.Status != condition.Status || old.Reason != condition.Reason {
			status.Conditions[index] = condition
		}
		return
	}
	status.Conditions = append(status.Conditions, condition)
}
