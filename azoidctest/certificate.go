package azoidctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"sync"
	"time"
)

// certificateAuthority issues a server's certificates, one for each name that a client asks for.
type certificateAuthority struct {
	key    *ecdsa.PrivateKey // also of the certificates that it issues
	parsed *x509.Certificate

	mu     sync.Mutex
	issued map[string]tls.Certificate // by name
}

func newCertificateAuthority() *certificateAuthority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	mustCertify(err)
	a := &certificateAuthority{key: key, issued: map[string]tls.Certificate{}}
	template := newCertificate("azoidctest")
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	mustCertify(err)
	a.parsed, err = x509.ParseCertificate(der)
	mustCertify(err)
	return a
}

func newCertificate(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	mustCertify(err)
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
	}
}

// certificate is for [tls.Config]'s GetCertificate.
func (a *certificateAuthority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.issued[hello.ServerName]; ok {
		return &found, nil
	}
	made, err := a.issue(hello.ServerName)
	if err != nil {
		return nil, err // the name is a client's
	}
	a.issued[hello.ServerName] = made
	return &made, nil
}

// issue makes a certificate for the name and for the addresses of loopback.
func (a *certificateAuthority) issue(name string) (tls.Certificate, error) {
	template := newCertificate("azoidctest server")
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.DNSNames = []string{name}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	der, err := x509.CreateCertificate(rand.Reader, template, a.parsed, a.key.Public(), a.key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}, err
}

func (a *certificateAuthority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.parsed)
	return pool
}

func (a *certificateAuthority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.parsed.Raw})
}

// mustCertify panics: with this package's own templates, making a certificate fails only if there is a bug here.
func mustCertify(err error) {
	if err != nil {
		panic("azoidctest: certificate: " + err.Error())
	}
}
