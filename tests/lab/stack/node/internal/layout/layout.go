// Package layout knows where everything lies on a host: the paths of k3s, below a root that tests may move.
package layout

import (
	"os"
	"path/filepath"
)

// RootVariable is the environment variable that puts all paths below another folder.
const RootVariable = "K3S_ROOT"

// Layout is a set of paths below one root.
type Layout struct{ root string }

// FromEnvironment is the host's own layout, or the one below K3S_ROOT.
func FromEnvironment() Layout { return Layout{root: os.Getenv(RootVariable)} }

// Root is the folder in front of every path, empty on a host.
func (l Layout) Root() string { return l.root }

func (l Layout) at(path ...string) string {
	return filepath.Join(append([]string{l.root + "/"}, path...)...)
}

// Config is the configuration file of server and agent.
func (l Layout) Config() string { return l.at("etc/rancher/k3s/config.yaml") }

// AdminKubeconfig is the kubeconfig of the cluster's administrator, on servers.
func (l Layout) AdminKubeconfig() string { return l.at("etc/rancher/k3s/k3s.yaml") }

// AgentKubeconfig is the kubeconfig by which a node registers.
func (l Layout) AgentKubeconfig() string { return l.at("etc/rancher/k3s/agent.kubeconfig") }

// TLS is a file among the server's keys and certificates.
func (l Layout) TLS(name string) string { return l.at("var/lib/rancher/k3s/server/tls", name) }

// Credential is the kubeconfig of one component of the server.
func (l Layout) Credential(name string) string {
	return l.at("var/lib/rancher/k3s/server/cred", name+".kubeconfig")
}

// EtcdData is etcd's data folder.
func (l Layout) EtcdData() string { return l.at("var/lib/rancher/k3s/server/db/etcd") }

// Snapshots is the folder of etcd snapshots.
func (l Layout) Snapshots() string { return l.at("var/lib/rancher/k3s/server/db/snapshots") }

// ComponentLog is the log of one component of the server.
func (l Layout) ComponentLog(name string) string { return l.at("var/log/k3s", name+".log") }

// ContainerLog is the log of a container, where a kubelet has it.
func (l Layout) ContainerLog(namespace, pod, uid, container string) string {
	return l.at("var/log/pods", namespace+"_"+pod+"_"+uid, container, "0.log")
}

// Shims is the folder of the shims' records; it does not survive a reboot.
func (l Layout) Shims() string { return l.at("run/k3s/shims") }

// ShimRecord is what the shim of a pod says about its containers.
func (l Layout) ShimRecord(uid string) string { return l.at("run/k3s/shims", uid+".json") }

// ShimSpec is what the shim of a pod is to run.
func (l Layout) ShimSpec(uid string) string { return l.at("run/k3s/shims", uid+".spec") }

// Pods is the kubelet's folder of pods.
func (l Layout) Pods() string { return l.at("var/lib/kubelet/pods") }

// PodFile is a file or folder of one pod.
func (l Layout) PodFile(uid string, path ...string) string {
	return filepath.Join(append([]string{l.Pods(), uid}, path...)...)
}

// Volume is where a pod's volume is mounted.
func (l Layout) Volume(uid, volume string) string {
	return l.PodFile(uid, "volumes", "kubernetes.io~csi", volume, "mount")
}

// Program is another program of the same bin folder.
func Program(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(self), name), nil
}

// WriteFile replaces a file at once, making its folder if needed.
func WriteFile(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := file.Write(content); err != nil {
		file.Close()
		return err
	}
	if err := file.Chmod(mode); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
