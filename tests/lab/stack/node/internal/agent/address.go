package agent

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// podIP is the host's address for pods of the host network, and else one of the node's range: nothing
// listens there, for there is no pod network.
func (w *worker) podIP(pod *corev1.Pod) string {
	if pod.Spec.HostNetwork {
		return w.config.NodeIP
	}
	if w.ip == "" {
		w.ip = w.address(pod)
	}
	return w.ip
}

// address keeps the address that the pod has, or gives it the first free one; none before the range is known.
func (a *agent) address(pod *corev1.Pod) string {
	used := a.usedAddresses()
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if pod.Status.PodIP != "" {
		return pod.Status.PodIP
	}
	network, err := netip.ParsePrefix(a.podCIDR)
	if err != nil {
		return ""
	}
	// The first address of the range is the host's.
	for ip := network.Addr().Next().Next(); network.Contains(ip); ip = ip.Next() {
		if !used[ip.String()] && a.given[ip.String()] == "" {
			a.given[ip.String()] = string(pod.UID)
			return ip.String()
		}
	}
	return ""
}

func (a *agent) usedAddresses() map[string]bool {
	used := map[string]bool{}
	for _, object := range a.pods.List() {
		if pod, ok := object.(*corev1.Pod); ok {
			used[pod.Status.PodIP] = true
		}
	}
	return used
}

// release gives the addresses of a pod that is gone to others.
func (a *agent) release(uid string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for ip, owner := range a.given {
		if owner == uid {
			delete(a.given, ip)
		}
	}
}
