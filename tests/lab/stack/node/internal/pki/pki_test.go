package pki

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCertificatesAreKeptAndRenewedForNewAddresses(t *testing.T) {
	folder := t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	read := func() string {
		authority, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := authority.Ensure("api", Subject{Name: "api", SANs: []string{"127.0.0.1", "localhost"}}); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path("api.crt"))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	first := read()
	if read() != first {
		t.Error("a certificate that fits was replaced")
	}
	authority, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := authority.Ensure("api", Subject{Name: "api", SANs: []string{"10.0.0.1"}}); err != nil {
		t.Fatal(err)
	}
	if read() == first {
		t.Error("a certificate for another address was kept")
	}
}
