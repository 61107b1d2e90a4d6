package azoidctest

import (
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// Server is a [Cloud] that is served over TLS on loopback, for programs that need sockets, other processes among them.
type Server struct {
	*Cloud
	URL string // also the authority host

	server *httptest.Server
	cancel context.CancelFunc
}

// NewServer starts a server; options may be nil, its BaseURL isn't used. The caller must Close it. Like
// [httptest.NewTLSServer] it panics when loopback can't be listened on.
func NewServer(options *Options) *Server {
	o := Options{}
	if options != nil {
		o = *options
	}
	server := httptest.NewUnstartedServer(nil)
	o.BaseURL = "https://" + server.Listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{Cloud: New(&o), URL: o.BaseURL, server: server, cancel: cancel}
	server.Config.Handler = s.Cloud
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.StartTLS()
	return s
}

// Close ends all requests, hanging ones too, and the server.
func (s *Server) Close() {
	s.cancel()
	s.server.CloseClientConnections()
	s.server.Close()
}

// Client trusts the server's certificate. Each call returns the same client.
func (s *Server) Client() *http.Client { return s.server.Client() }

// ClientOptions make Azure SDK clients use the server. Its host is none that Entra knows: credentials want
// DisableInstanceDiscovery, or ask login.microsoftonline.com about it.
func (s *Server) ClientOptions() azcore.ClientOptions {
	return azcore.ClientOptions{Transport: s.Client(), Cloud: s.Configuration()}
}

// CertificatePEM is the server's certificate, for NODE_EXTRA_CA_CERTS, SSL_CERT_FILE and the like.
func (s *Server) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
}
