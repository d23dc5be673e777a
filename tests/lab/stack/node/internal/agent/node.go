package agent

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

// A kubelet's defaults.
const (
	heartbeatInterval    = 10 * time.Second
	leaseDurationSeconds = 40
	leaseNamespace       = "kube-node-lease"
)

// version is the kubelet's version in the Node, set when the program is linked.
var version = "v0.0.0"

// register brings the Node into the API, however long the API takes to answer.
func (a *agent) register(ctx context.Context) error {
	for {
		err := a.beat(ctx)
		if err == nil {
			return nil
		}
		slog.Info("waiting for the API", "cause", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// heartbeat keeps the Node's Lease and status fresh until the context ends.
func (a *agent) heartbeat(ctx context.Context) {
	ticker := time.NewTicker(heartbeatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := a.beat(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("heartbeat failed", "cause", err)
		}
	}
}

func (a *agent) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := a.reportNode(ctx); err != nil {
		return err
	}
	return a.renewLease(ctx)
}

// reportNode creates the Node if it is missing, and writes its labels and status.
func (a *agent) reportNode(ctx context.Context) error {
	nodes := a.client.CoreV1().Nodes()
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		node, err := nodes.Get(ctx, a.config.NodeName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			fresh := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: a.config.NodeName, Labels: a.labels()}}
			node, err = nodes.Create(ctx, fresh, metav1.CreateOptions{})
		}
		if err != nil {
			return err
		}
		if a.addLabels(node) {
			if node, err = nodes.Update(ctx, node, metav1.UpdateOptions{}); err != nil {
				return err
			}
		}
		a.mutex.Lock()
		a.podCIDR = node.Spec.PodCIDR
		a.mutex.Unlock()
		a.fillStatus(&node.Status)
		_, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
		return err
	})
}

func (a *agent) labels() map[string]string {
	labels := a.config.Labels()
	labels[corev1.LabelHostname] = a.config.NodeName
	labels[corev1.LabelOSStable] = runtime.GOOS
	labels[corev1.LabelArchStable] = runtime.GOARCH
	return labels
}

func (a *agent) addLabels(node *corev1.Node) (changed bool) {
	for key, value := range a.labels() {
		if node.Labels[key] != value {
			metav1.SetMetaDataLabel(&node.ObjectMeta, key, value)
			changed = true
		}
	}
	return changed
}

// fillStatus writes what a kubelet reports. The sizes are not the host's: tests place what they like.
func (a *agent) fillStatus(status *corev1.NodeStatus) {
	status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: a.config.NodeIP},
		{Type: corev1.NodeHostName, Address: a.config.NodeName},
	}
	status.Capacity = corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("8"),
		corev1.ResourceMemory:           resource.MustParse("32Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("100Gi"),
		corev1.ResourcePods:             resource.MustParse("110"),
	}
	status.Allocatable = status.Capacity
	status.NodeInfo.MachineID = readLine("/etc/machine-id")
	status.NodeInfo.BootID = readLine("/proc/sys/kernel/random/boot_id")
	status.NodeInfo.KernelVersion = readLine("/proc/sys/kernel/osrelease")
	status.NodeInfo.OperatingSystem = runtime.GOOS
	status.NodeInfo.Architecture = runtime.GOARCH
	status.NodeInfo.KubeletVersion = version
	status.NodeInfo.ContainerRuntimeVersion = "lab://" + version
	status.VolumesInUse = nil
	setNodeCondition(status, corev1.NodeReady, corev1.ConditionTrue, "KubeletReady")
	setNodeCondition(status, corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory")
	setNodeCondition(status, corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure")
	setNodeCondition(status, corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID")
}

func setNodeCondition(status *corev1.NodeStatus, kind corev1.NodeConditionType, value corev1.ConditionStatus, reason string) {
	now := metav1.Now()
	condition := corev1.NodeCondition{
		Type: kind, Status: value, Reason: reason, LastHeartbeatTime: now, LastTransitionTime: now,
	}
	for index, old := range status.Conditions {
		if old.Type == kind {
			if old.Status == value {
				condition.LastTransitionTime = old.LastTransitionTime
			}
			status.Conditions[index] = condition
			return
		}
	}
	status.Conditions = append(status.Conditions, condition)
}

func (a *agent) renewLease(ctx context.Context) error {
	leases := a.client.CoordinationV1().Leases(leaseNamespace)
	now := metav1.NowMicro()
	lease, err := leases.Get(ctx, a.config.NodeName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: a.config.NodeName, Namespace: leaseNamespace}}
		lease.Spec = a.leaseSpec(now)
		_, err = leases.Create(ctx, lease, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec = a.leaseSpec(now)
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

func (a *agent) leaseSpec(now metav1.MicroTime) coordinationv1.LeaseSpec {
	duration := int32(leaseDurationSeconds)
	return coordinationv1.LeaseSpec{HolderIdentity: &a.config.NodeName, LeaseDurationSeconds: &duration, RenewTime: &now}
}

func readLine(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}
