package config

import (
	"os"
	"testing"

	"lab/stack/node/internal/layout"
)

func TestReadTakesOneServerOrSeveralAndLetsOtherKeysThrough(t *testing.T) {
	for content, wanted := range map[string]int{
		"node-name: n1\nnode-ip: 10.0.0.1\nserver: https://a:6443\ntoken: t\n":         1,
		"node-name: n1\nnode-ip: 10.0.0.1\nserver: [https://a:6443, https://b:6443]\n": 2,
	} {
		t.Setenv(layout.RootVariable, t.TempDir())
		l := layout.FromEnvironment()
		if err := layout.WriteFile(l.Config(), []byte(content), os.FileMode(0o600)); err != nil {
			t.Fatal(err)
		}
		c, err := Read(l)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Servers) != wanted {
			t.Errorf("%d servers instead of %d in %q", len(c.Servers), wanted, content)
		}
		if c.APIServerURL() != "https://10.0.0.1:6443" || c.EtcdCluster != "n1=https://10.0.0.1:2380" {
			t.Errorf("defaults: %s, %s", c.APIServerURL(), c.EtcdCluster)
		}
	}
}
