package pki

import (
	"k8s.io/client-go/tools/clientcmd"
	api "k8s.io/client-go/tools/clientcmd/api"

	"lab/stack/node/internal/layout"
)

// Admin is the cluster's administrator.
var Admin = Subject{Name: "system:admin", Groups: []string{"system:masters"}}

// Node is the identity of a node's agent.
func Node(name string) Subject {
	return Subject{Name: "system:node:" + name, Groups: []string{"system:nodes"}}
}

// Kubeconfig makes a kubeconfig with a certificate of its own.
func (a *Authority) Kubeconfig(path, server string, subject Subject) error {
	pair, err := a.Issue(subject)
	if err != nil {
		return err
	}
	return WriteKubeconfig(path, server, a.CertificatePEM, &api.AuthInfo{
		ClientCertificateData: pair.Certificate,
		ClientKeyData:         pair.Key,
	})
}

// WriteKubeconfig writes a kubeconfig with one cluster, one user and one context.
func WriteKubeconfig(path, server string, authority []byte, user *api.AuthInfo) error {
	config := api.NewConfig()
	config.Clusters["default"] = &api.Cluster{Server: server, CertificateAuthorityData: authority}
	config.AuthInfos["default"] = user
	config.Contexts["default"] = &api.Context{Cluster: "default", AuthInfo: "default"}
	config.CurrentContext = "default"
	content, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return layout.WriteFile(path, content, 0o600)
}
