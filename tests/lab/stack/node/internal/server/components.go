package server

import (
	"strconv"

	"lab/stack/node/internal/config"
	"lab/stack/node/internal/layout"
	"lab/stack/node/internal/pki"
)

// Address ranges, as k3s has them.
const (
	clusterCIDR       = "10.42.0.0/16"
	serviceCIDR       = "10.43.0.0/16"
	apiServiceAddress = "10.43.0.1"
)

// component is one program of the control plane.
type component struct {
	name string
	args []string
}

// apiComponents are what the API needs, in the order in which it starts; all stops the other way round.
func apiComponents(c config.Config, l layout.Layout) []component {
	return []component{
		{"etcd", append(etcdArgs(c, l), flags(c.EtcdArgs)...)},
		{"kube-apiserver", append(apiServerArgs(c, l), flags(c.APIServerArgs)...)},
	}
}

// controllerComponents are what needs the API.
func controllerComponents(c config.Config, l layout.Layout) []component {
	return []component{
		{"kube-controller-manager", append(controllerManagerArgs(c, l), flags(c.ControllerManagerArgs)...)},
		{"kube-scheduler", append(clientArgs("kube-scheduler", c, l), flags(c.SchedulerArgs)...)},
	}
}

func flags(settings []string) (args []string) {
	for _, setting := range settings {
		args = append(args, "--"+setting)
	}
	return args
}

func etcdArgs(c config.Config, l layout.Layout) []string {
	return []string{
		"--name=" + c.NodeName,
		"--data-dir=" + l.EtcdData(),
		"--listen-client-urls=" + c.EtcdURL(),
		"--advertise-client-urls=" + c.EtcdURL(),
		"--listen-peer-urls=" + c.PeerURL(),
		"--initial-advertise-peer-urls=" + c.PeerURL(),
		"--initial-cluster=" + c.EtcdCluster,
		"--initial-cluster-token=lab",
		"--cert-file=" + l.TLS("etcd.crt"), "--key-file=" + l.TLS("etcd.key"),
		"--trusted-ca-file=" + l.TLS(pki.CACertificate), "--client-cert-auth",
		"--peer-cert-file=" + l.TLS("etcd.crt"), "--peer-key-file=" + l.TLS("etcd.key"),
		"--peer-trusted-ca-file=" + l.TLS(pki.CACertificate), "--peer-client-cert-auth",
		// A lab host that loses its power keeps what it wrote, synced or not: the kernel below lives on.
		"--unsafe-no-fsync",
		"--logger=zap", "--log-level=warn",
	}
}

func apiServerArgs(c config.Config, l layout.Layout) []string {
	return []string{
		"--bind-address=" + c.NodeIP,
		"--secure-port=" + strconv.Itoa(c.HTTPSListenPort),
		"--advertise-address=" + c.NodeIP,
		// Nothing uses the address of the service "kubernetes", and a host needs no default route so.
		"--endpoint-reconciler-type=none",
		"--etcd-servers=" + c.EtcdURL(),
		"--etcd-cafile=" + l.TLS(pki.CACertificate),
		"--etcd-certfile=" + l.TLS("etcd.crt"), "--etcd-keyfile=" + l.TLS("etcd.key"),
		"--client-ca-file=" + l.TLS(pki.CACertificate),
		"--tls-cert-file=" + l.TLS("kube-apiserver.crt"),
		"--tls-private-key-file=" + l.TLS("kube-apiserver.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-signing-key-file=" + l.TLS(pki.ServiceAccount),
		"--service-account-key-file=" + l.TLS(pki.ServiceAccount),
		"--service-cluster-ip-range=" + serviceCIDR,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--profiling=false",
	}
}

func controllerManagerArgs(c config.Config, l layout.Layout) []string {
	return append(clientArgs("kube-controller-manager", c, l),
		"--service-account-private-key-file="+l.TLS(pki.ServiceAccount),
		"--root-ca-file="+l.TLS(pki.CACertificate),
		"--use-service-account-credentials=true",
		"--allocate-node-cidrs=true",
		"--cluster-cidr="+clusterCIDR,
		"--service-cluster-ip-range="+serviceCIDR,
	)
}

// clientArgs are the arguments that controller-manager and scheduler have in common.
func clientArgs(name string, c config.Config, l layout.Layout) []string {
	return []string{
		"--kubeconfig=" + l.Credential(name),
		"--authentication-kubeconfig=" + l.Credential(name),
		"--authorization-kubeconfig=" + l.Credential(name),
		"--bind-address=127.0.0.1",
		"--leader-elect=" + strconv.FormatBool(c.SeveralServers()),
		"--profiling=false",
	}
}

// identities makes or keeps everything by which the components know each other.
func identities(c config.Config, l layout.Layout) error {
	authority, err := pki.Open(l.TLS)
	if err != nil {
		return err
	}
	names := append([]string{
		c.NodeIP, "127.0.0.1", apiServiceAddress, "localhost", c.NodeName,
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}, c.TLSSANs...)
	if err := authority.Ensure("kube-apiserver", pki.Subject{Name: "kube-apiserver", SANs: names}); err != nil {
		return err
	}
	if err := authority.Ensure("etcd", pki.Subject{Name: "etcd", SANs: []string{c.NodeIP, "127.0.0.1"}}); err != nil {
		return err
	}
	for path, subject := range map[string]pki.Subject{
		l.AdminKubeconfig():                     pki.Admin,
		l.Credential("kube-controller-manager"): {Name: "system:kube-controller-manager"},
		l.Credential("kube-scheduler"):          {Name: "system:kube-scheduler"},
		l.Credential("node"):                    pki.Node(c.NodeName),
	} {
		if err := authority.Kubeconfig(path, c.APIServerURL(), subject); err != nil {
			return err
		}
	}
	return nil
}
