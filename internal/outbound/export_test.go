package outbound

import (
	"crypto/x509"
	"net"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Default is Transport(nil) but for its health checks, in a pool of its own that trusts roots.
func Default(checks http.HTTP2Config, roots *x509.CertPool) policy.Transporter {
	own := &pool{more: func() *http.Client {
		t := newTransport(checks)
		t.TLSClientConfig.RootCAs = roots
		return &http.Client{Transport: t}
	}}
	return transport{connections: own.connections}
}

// DefaultTransport is one as the default uses it.
func DefaultTransport() *http.Transport { return defaultPool.more().Transport.(*http.Transport) }

// DefaultDialer is one as the default uses it.
func DefaultDialer() *net.Dialer { return newDialer() }

// BuildOf is ReadBuild for another program than the running one.
var BuildOf = buildOf
