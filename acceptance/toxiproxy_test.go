package acceptance_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// toxicLegs are the two ways of an exchange to the server, each through a proxy of its own that can be made toxic.
type toxicLegs struct {
	oidc, entra *toxiproxy.Proxy

	oidcPaths         []string // all others are Entra's
	oidcVia, entraVia *http.Transport
}

func newToxicLegs(t *testing.T, server *azoidctest.Server) *toxicLegs {
	t.Helper()
	proxies := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	upstream := strings.TrimPrefix(server.URL, "https://")
	legs := &toxicLegs{}
	for name, proxy := range map[string]**toxiproxy.Proxy{"oidc": &legs.oidc, "entra": &legs.entra} {
		*proxy = toxiproxy.NewProxy(proxies, name, "127.0.0.1:0", upstream)
		require.NoError(t, (*proxy).Start())
		t.Cleanup((*proxy).Stop)
	}
	legs.oidcVia, legs.entraVia = via(t, server, legs.oidc), via(t, server, legs.entra)
	return legs
}

// via is the server's transport, but for the address it connects to.
func via(t *testing.T, server *azoidctest.Server, proxy *toxiproxy.Proxy) *http.Transport {
	transport := server.Client().Transport.(*http.Transport).Clone()
	address := proxy.Listen
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// RoundTrip sends the request by the proxy of its leg.
func (l *toxicLegs) RoundTrip(r *http.Request) (*http.Response, error) {
	if slices.Contains(l.oidcPaths, r.URL.Path) {
		return l.oidcVia.RoundTrip(r)
	}
	return l.entraVia.RoundTrip(r)
}

// hangUp makes the next requests connect anew.
func (l *toxicLegs) hangUp() {
	l.oidcVia.CloseIdleConnections()
	l.entraVia.CloseIdleConnections()
}

// expectOIDC says where a job's OIDC tokens are requested.
func (l *toxicLegs) expectOIDC(t *testing.T, requestURL string) {
	t.Helper()
	parsed, err := url.Parse(requestURL)
	require.NoError(t, err)
	l.oidcPaths = append(l.oidcPaths, parsed.Path)
}

// A toxic is what happens to what the server sends, see https://github.com/Shopify/toxiproxy#toxics.
type toxic struct {
	name, kind, attributes string
	survivable             bool // tokens arrive in spite of it
	cutsAnswers            bool // the server gets the request and answers, in vain; in attributes, %d is how much gets through
}

var toxics = []toxic{
	{name: "latency", kind: "latency", attributes: `{"latency":150,"jitter":50}`, survivable: true},
	{name: "slicer", kind: "slicer", attributes: `{"average_size":64,"size_variation":32,"delay":500}`, survivable: true},
	{name: "reset_peer", kind: "reset_peer", attributes: `{"timeout":0}`},
	{name: "limit_data in the handshake", kind: "limit_data", attributes: `{"bytes":100}`},
	{name: "limit_data in the answer", kind: "limit_data", attributes: `{"bytes":%d}`, cutsAnswers: true},
	{name: "timeout", kind: "timeout", attributes: `{"timeout":0}`},
}

func (x toxic) poison(t *testing.T, server *azoidctest.Server, proxy *toxiproxy.Proxy) {
	t.Helper()
	attributes := x.attributes
	if x.cutsAnswers {
		attributes = fmt.Sprintf(attributes, bytesBeforeAnswer(t, server)+200)
	}
	_, err := proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"name":"toxic","type":%q,"stream":"downstream","attributes":%s}`, x.kind, attributes)))
	require.NoError(t, err)
}

// bytesBeforeAnswer is what a server sends on a new connection up to the end of a short answer, which depends on the
// version of Go.
func bytesBeforeAnswer(t *testing.T, server *azoidctest.Server) int64 {
	t.Helper()
	var count int64
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return countingConn{conn, &count}, err
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+"/nowhere", nil)
	require.NoError(t, err)
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	transport.CloseIdleConnections()
	server.Reset()
	return atomic.LoadInt64(&count)
}

type countingConn struct {
	net.Conn
	count *int64
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	atomic.AddInt64(c.count, int64(n))
	return n, err
}

func heal(t *testing.T, proxy *toxiproxy.Proxy) {
	t.Helper()
	require.NoError(t, proxy.Toxics.RemoveToxic(t.Context(), "toxic"))
}
