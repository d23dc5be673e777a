// Package pki makes the keys, certificates and kubeconfigs of a cluster, once, and keeps them.
package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"

	"lab/stack/node/internal/layout"
)

// validity is longer than any cluster of a test lives.
const validity = 10 * 365 * 24 * time.Hour

// File names in the folder of keys and certificates.
const (
	CACertificate  = "ca.crt"
	caKey          = "ca.key"
	ServiceAccount = "sa.key"
)

// Authority signs the certificates of one cluster.
type Authority struct {
	folder      func(name string) string
	certificate *x509.Certificate
	key         crypto.Signer
	// CertificatePEM is the authority's certificate as clients need it.
	CertificatePEM []byte
}

// Open reads the authority and the key of service accounts from a folder, or makes them there.
func Open(folder func(name string) string) (*Authority, error) {
	a := &Authority{folder: folder}
	if _, err := a.keyAt(ServiceAccount); err != nil {
		return nil, err
	}
	key, err := a.keyAt(caKey)
	if err != nil {
		return nil, err
	}
	a.key = key
	content, err := os.ReadFile(folder(CACertificate))
	if errors.Is(err, fs.ErrNotExist) {
		content, err = a.makeCertificate()
	}
	if err != nil {
		return nil, err
	}
	a.CertificatePEM = content
	a.certificate, err = parseCertificate(content)
	return a, err
}

func (a *Authority) makeCertificate() ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "lab-ca"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(validity),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	content := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	return content, layout.WriteFile(a.folder(CACertificate), content, 0o644)
}

// keyAt reads a key, or makes one there.
func (a *Authority) keyAt(name string) (*ecdsa.PrivateKey, error) {
	content, err := os.ReadFile(a.folder(name))
	if err == nil {
		block, _ := pem.Decode(content)
		if block == nil {
			return nil, fmt.Errorf("%s holds no key", a.folder(name))
		}
		return x509.ParseECPrivateKey(block.Bytes)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, content, err := newKey()
	if err != nil {
		return nil, err
	}
	return key, layout.WriteFile(a.folder(name), content, 0o600)
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	raw, err := x509.MarshalECPrivateKey(key)
	return key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}), err
}

func parseCertificate(content []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, errors.New("no certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

// Pair is a certificate and its key, in PEM.
type Pair struct{ Certificate, Key []byte }

// Subject is what a certificate says: who (and of which groups), and for which addresses and names.
type Subject struct {
	Name   string
	Groups []string
	SANs   []string
}

// Issue signs a new certificate, good for clients and servers alike.
func (a *Authority) Issue(subject Subject) (Pair, error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return Pair{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return Pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: subject.Name, Organization: subject.Groups},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(validity),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range subject.SANs {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), Key: keyPEM}, nil
}

// Ensure keeps NAME.crt and NAME.key in the folder as long as they are ours and name the same addresses.
func (a *Authority) Ensure(file string, subject Subject) error {
	if a.fits(file, subject) {
		return nil
	}
	pair, err := a.Issue(subject)
	if err != nil {
		return err
	}
	if err := layout.WriteFile(a.folder(file+".key"), pair.Key, 0o600); err != nil {
		return err
	}
	return layout.WriteFile(a.folder(file+".crt"), pair.Certificate, 0o644)
}

func (a *Authority) fits(file string, subject Subject) bool {
	content, err := os.ReadFile(a.folder(file + ".crt"))
	if err != nil {
		return false
	}
	certificate, err := parseCertificate(content)
	if err != nil || !bytes.Equal(certificate.RawIssuer, a.certificate.RawSubject) {
		return false
	}
	if certificate.CheckSignatureFrom(a.certificate) != nil {
		return false
	}
	for _, name := range subject.SANs {
		if certificate.VerifyHostname(name) != nil {
			return false
		}
	}
	return true
}
