package outbound_test

import (
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/outbound"
	"github.com/azoidc/azoidc/internal/testbed"
)

// TestHeadersAreBounded with the default client, which stops reading, and with a caller's own, whose answer is refused.
func TestHeadersAreBounded(t *testing.T) {
	testbed.NotShort(t, "sends megabytes")
	t.Parallel()
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for size, fits := range map[int]bool{100: true, outbound.MaxHeader - 4096: true, outbound.MaxHeader + 100: false, 4 * outbound.MaxHeader: false, 2 << 20: false} {
			server, sent := newHeaderServer(t, protocol, size)
			for name, transport := range map[string]policy.Transporter{"default": ofServer(server), "caller's own": outbound.Transport(server.Client())} {
				sent.Store(0)
				resp, err := transport.Do(newRequest(t, http.MethodGet, server.URL))
				if fits {
					require.NoError(t, err, "%s, %s, %d", name, protocol, size)
					require.Equal(t, protocol, resp.Proto)
					resp.Body.Close()
					continue
				}
				require.Error(t, err, "%s, %s, %d", name, protocol, size)
				require.Less(t, len(err.Error()), 300)
				if name == "default" {
					require.Less(t, sent.Load(), int64(8*outbound.MaxHeader), "%s, %d", protocol, size)
				} else if protocol == "HTTP/1.1" {
					require.ErrorIs(t, err, outbound.ErrTooLarge)
				}
			}
		}
	}
}

// TestHeadersOfAnyTransporterAreBounded though they are many and small.
func TestHeadersOfAnyTransporterAreBounded(t *testing.T) {
	for names, fits := range map[int]bool{0: true, 1000: true, 6000: false} {
		resp := newResponse("")
		resp.Header = http.Header{"A": make([]string, names)}
		for i := range resp.Header["A"] {
			resp.Header["A"][i] = "12345678"
		}
		_, err := outbound.Transport(answers(func(*http.Request) *http.Response { return resp })).Do(newRequest(t, http.MethodGet, "https://x.example"))
		require.Equal(t, fits, err == nil, names)
		require.True(t, fits || errors.Is(err, outbound.ErrTooLarge))
	}
}

// ofServer is the default transport, which trusts the server.
func ofServer(server *httptest.Server) policy.Transporter {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return outbound.Default(*outbound.DefaultTransport().HTTP2, roots)
}

// newHeaderServer answers with a header of so many bytes, and counts what its connections take of it.
func newHeaderServer(t *testing.T, protocol string, size int) (server *httptest.Server, sent *atomic.Int64) {
	t.Helper()
	sent = new(atomic.Int64)
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Large", strings.Repeat("x", size))
		_, _ = io.WriteString(w, "{}")
	}))
	server.EnableHTTP2 = protocol == "HTTP/2.0"
	server.Listener = countingListener{server.Listener, sent}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, sent
}

type countingListener struct {
	net.Listener
	sent *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	// Little is under way that nobody has read yet.
	return countingConn{conn, l.sent}, conn.(*net.TCPConn).SetWriteBuffer(16 << 10)
}

type countingConn struct {
	net.Conn
	sent *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}
