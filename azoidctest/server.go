package azoidctest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
)

// Server is a [Cloud] that is served over TLS on loopback, for programs that need sockets, for instance other
// processes. It is safe for concurrent use.
type Server struct {
	*Cloud
	URL string // without a slash at its end; also the authority host

	server  *httptest.Server
	cancel  context.CancelFunc
	network string
	address string // of the listener
	root    *certificateAuthority
}

// NewServer starts a server, which the caller must [Server.Close]. options may be nil and is not modified; its BaseURL isn't
// used. NewServer panics if options are invalid, or if it can't listen on loopback, as [httptest.NewTLSServer] does.
func NewServer(options *Options) *Server {
	o := Options{}
	if options != nil {
		o = *options
	}
	server := httptest.NewUnstartedServer(nil)
	address := server.Listener.Addr()
	o.BaseURL = "https://" + address.String()
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		Cloud: New(&o), URL: o.BaseURL,
		server: server, cancel: cancel, network: address.Network(), address: address.String(), root: newCertificateAuthority(),
	}
	server.Config.Handler = s.Cloud
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	unnamed, err := s.root.issue("localhost") // for clients that send no name, but connect to an address
	mustCertify(err)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{unnamed}, GetCertificate: s.root.certificate}
	server.StartTLS()
	transport := server.Client().Transport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{RootCAs: s.root.pool()}
	transport.DialContext = s.dial
	return s
}

// dial connects to the server for every host of the cloud's. Loopback is what it is: a program may have servers of its own.
func (s *Server) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	switch ip := net.ParseIP(host); {
	case host == "localhost", ip != nil && ip.IsLoopback():
	case s.serves(hostOf(address)):
		network, address = s.network, s.address
	default:
		return nil, &unservedError{host}
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// Close stops the server and ends all requests, even those that hang.
func (s *Server) Close() {
	s.cancel()
	s.server.CloseClientConnections()
	s.server.Close()
}

// Client returns a client that connects to the server for all hosts of the cloud, for instance management.azure.com, and
// trusts its certificates. It connects to servers on loopback, too, and to no other host: there it fails with an error that
// azcore doesn't retry. Each call returns the same client, whose Transport is an *http.Transport.
func (s *Server) Client() *http.Client { return s.server.Client() }

// ClientOptions returns options with which Azure SDK clients and credentials use the server, by [Server.Client]. They
// name the public cloud, for all of whose hosts the server stands. So DisableInstanceDiscovery isn't needed.
func (s *Server) ClientOptions() azcore.ClientOptions {
	return azcore.ClientOptions{Transport: s.Client(), Cloud: cloud.AzurePublic}
}

// CertificatePEM returns the certificate of the authority that issues all the server's certificates, for variables such as
// NODE_EXTRA_CA_CERTS and SSL_CERT_FILE.
func (s *Server) CertificatePEM() []byte { return s.root.pem() }

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
