package azoidctest

import (
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// Server is a [Cloud] that is served over TLS on loopback, for programs that need sockets, for instance other processes.
type Server struct {
	*Cloud
	URL string // without a slash at its end; also the authority host

	server *httptest.Server
	cancel context.CancelFunc
}

// NewServer starts a server, which the caller must [Server.Close]. options may be nil and is not modified; its BaseURL isn't
// used. NewServer panics if options are invalid, or if it can't listen on loopback, as [httptest.NewTLSServer] does.
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

// Close stops the server and ends all requests, even those that hang.
func (s *Server) Close() {
	s.cancel()
	s.server.CloseClientConnections()
	s.server.Close()
}

// Client returns a client that trusts the server's certificate. Each call returns the same one.
func (s *Server) Client() *http.Client { return s.server.Client() }

// ClientOptions returns options that make Azure SDK clients use the server. Entra doesn't know the server's host, so a
// credential needs DisableInstanceDiscovery too; without it, MSAL asks login.microsoftonline.com about the host.
func (s *Server) ClientOptions() azcore.ClientOptions {
	return azcore.ClientOptions{Transport: s.Client(), Cloud: s.Configuration()}
}

// CertificatePEM returns the server's certificate, for variables such as NODE_EXTRA_CA_CERTS and SSL_CERT_FILE.
func (s *Server) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
}
