// Package config reads the configuration file of k3s, with the names that k3s uses.
package config

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"lab/stack/node/internal/layout"
)

// Config is the part of k3s's configuration that has a meaning here. Other keys are let through, as
// k3s's own commands let each other's keys through.
type Config struct {
	// NodeName defaults to the host name.
	NodeName string `json:"node-name"`
	// NodeIP defaults to the first address that is not loopback.
	NodeIP string `json:"node-ip"`
	// NodeLabels are given to the Node, as key=value.
	NodeLabels []string `json:"node-label"`
	// HTTPSListenPort is the port of the API server: 6443 unless set.
	HTTPSListenPort int `json:"https-listen-port"`
	// TLSSANs are further addresses and names in the API server's certificate.
	TLSSANs []string `json:"tls-san"`
	// EtcdCluster lists all members as name=https://ip:2380, parted by commas; empty for a single server.
	EtcdCluster string `json:"etcd-cluster"`
	// Arguments of the components, as name=value.
	EtcdArgs              []string `json:"etcd-arg"`
	APIServerArgs         []string `json:"kube-apiserver-arg"`
	ControllerManagerArgs []string `json:"kube-controller-manager-arg"`
	SchedulerArgs         []string `json:"kube-scheduler-arg"`
	// Servers are the API servers that an agent uses, the first that answers: a list or one URL.
	Servers stringList `json:"server"`
	// LBServerPort is the port on 127.0.0.1 under which an agent finds the servers: 6444 unless set.
	LBServerPort int `json:"lb-server-port"`
	// Kubeconfig is the agent's kubeconfig, unless it lies where agents expect it.
	Kubeconfig string `json:"kubeconfig"`
}

// stringList takes one string for a list of one.
type stringList []string

// UnmarshalJSON reads a list of strings, or one string.
func (s *stringList) UnmarshalJSON(content []byte) error {
	var list []string
	if err := yaml.Unmarshal(content, &list); err == nil {
		*s = list
		return nil
	}
	var one string
	if err := yaml.Unmarshal(content, &one); err != nil {
		return err
	}
	*s = stringList{one}
	return nil
}

// Read reads the configuration file and fills in what it leaves out.
func Read(l layout.Layout) (Config, error) {
	var config Config
	content, err := os.ReadFile(l.Config())
	if err != nil {
		return config, err
	}
	if err := yaml.Unmarshal(content, &config); err != nil {
		return config, fmt.Errorf("%s: %w", l.Config(), err)
	}
	return config, config.complete(l)
}

func (c *Config) complete(l layout.Layout) (err error) {
	if c.NodeName == "" {
		if c.NodeName, err = os.Hostname(); err != nil {
			return err
		}
	}
	if c.NodeIP == "" {
		if c.NodeIP, err = firstAddress(); err != nil {
			return err
		}
	}
	if c.HTTPSListenPort == 0 {
		c.HTTPSListenPort = 6443
	}
	if c.LBServerPort == 0 {
		c.LBServerPort = 6444
	}
	if c.Kubeconfig == "" {
		c.Kubeconfig = l.AgentKubeconfig()
	}
	if c.EtcdCluster == "" {
		c.EtcdCluster = c.NodeName + "=" + c.PeerURL()
	}
	return nil
}

// PeerURL is where the other members of etcd find this one.
func (c Config) PeerURL() string { return "https://" + net.JoinHostPort(c.NodeIP, "2380") }

// EtcdURL is where this host's etcd serves clients.
func (c Config) EtcdURL() string { return "https://" + net.JoinHostPort(c.NodeIP, "2379") }

// APIServerURL is where this host's API server listens.
func (c Config) APIServerURL() string {
	return fmt.Sprintf("https://%s", net.JoinHostPort(c.NodeIP, fmt.Sprint(c.HTTPSListenPort)))
}

// SeveralServers tells whether etcd has other members, so that leaders must be elected.
func (c Config) SeveralServers() bool { return strings.Contains(c.EtcdCluster, ",") }

// Labels are the node's own labels.
func (c Config) Labels() map[string]string {
	labels := map[string]string{}
	for _, label := range c.NodeLabels {
		key, value, _ := strings.Cut(label, "=")
		labels[key] = value
	}
	return labels
}

func firstAddress() (string, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	found := slices.IndexFunc(addresses, func(address net.Addr) bool {
		network, ok := address.(*net.IPNet)
		return ok && !network.IP.IsLoopback() && network.IP.To4() != nil
	})
	if found < 0 {
		return "", fmt.Errorf("no address but loopback: set node-ip")
	}
	return addresses[found].(*net.IPNet).IP.String(), nil
}
