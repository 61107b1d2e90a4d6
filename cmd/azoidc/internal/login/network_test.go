package login

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
)

// overTLS is a service that says nothing but 404.
func overTLS(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func rootOf(t *testing.T, address string) *url.URL {
	t.Helper()
	root, ok := hostOf(address)
	require.True(t, ok)
	return root
}

func TestReachTellsTheWay(t *testing.T) {
	server := overTLS(t)
	var proxy *url.URL
	var proxyErr error
	e := &examination{clock: newClock(server.Client()), proxy: func(*http.Request) (*url.URL, error) { return proxy, proxyErr }}
	const direct = `^TLS 1\.3, certificate by .* until \d{4}-\d\d-\d\d, answers \(HTTP 404\)$`
	detail, err := e.reach(t.Context(), rootOf(t, server.URL+"/a/secret/path?and=query"))
	require.NoError(t, err)
	require.Regexp(t, direct, detail)
	proxy = rootOf(t, "http://me:canary@proxy.example:8080")
	detail, err = e.reach(t.Context(), rootOf(t, server.URL))
	require.NoError(t, err)
	require.Equal(t, "through the proxy proxy.example:8080, answers (HTTP 404)", detail)
	proxyErr = errors.New("no URL")
	e.clock = newClock(server.Client())
	server.Client().CloseIdleConnections()
	detail, err = e.reach(t.Context(), rootOf(t, server.URL))
	require.NoError(t, err)
	require.Regexp(t, direct, detail)

	address := "https://localhost:" + rootOf(t, server.URL).Port()
	server.Client().Transport.(*http.Transport).TLSClientConfig.ServerName = "example.com" // as the certificate has it
	server.Client().CloseIdleConnections()
	detail, err = e.reach(t.Context(), rootOf(t, address))
	require.NoError(t, err)
	require.Regexp(t, `^\d addresses, the first [0-9a-f.:]+, TLS 1\.3`, detail)
}

func TestReachTellsWhereTheWayEnds(t *testing.T) {
	server := overTLS(t)
	e := &examination{clock: newClock(nil)}
	_, err := e.reach(t.Context(), rootOf(t, server.URL))
	require.ErrorContains(t, err, "certificate")
	require.ErrorContains(t, err, "SSL_CERT_FILE")
	server.Close()
	_, err = e.reach(t.Context(), rootOf(t, server.URL))
	require.ErrorContains(t, err, "check the network, the firewall and the proxy")
	_, err = e.reach(t.Context(), rootOf(t, "http://login.example"))
	require.ErrorAs(t, err, new(skipped))
}

// What a request that failed met, it had on its way.
func TestJourney(t *testing.T) {
	var j journey
	trace := j.trace()
	trace.DNSDone(httptrace.DNSDoneInfo{Err: errors.New("no such host"), Addrs: []net.IPAddr{{IP: net.IPv6loopback}}})
	trace.DNSDone(httptrace.DNSDoneInfo{})
	trace.TLSHandshakeDone(tls.ConnectionState{}, errors.New("no handshake"))
	require.Empty(t, j.begun())
	trace.DNSDone(httptrace.DNSDoneInfo{Addrs: []net.IPAddr{{IP: net.IPv6loopback}, {IP: net.IPv4(127, 0, 0, 1)}}})
	trace.TLSHandshakeDone(tls.ConnectionState{Version: tls.VersionTLS12}, nil)
	require.Equal(t, "2 addresses, the first ::1, TLS 1.2, then ", j.begun())
}

func TestConfiguration(t *testing.T) {
	const good = `{"issuer":"https://login.example/x"}`
	for name, test := range map[string]struct {
		tenant, host string
		answer       answering
		want, err    string
	}{
		"well":       {"t", "https://login.example/", answering{status: 200, body: good}, "issuer https://login.example/x", ""},
		"no tenant":  {"", "https://login.example/", answering{}, "", "the tenant isn't known"},
		"no URL":     {"t", "https://login example/", answering{}, "", "is no URL"},
		"no TLS":     {"t", "http://login.example/", answering{}, "", "must be an https URL"},
		"broken off": {"t", "https://login.example/", answering{status: 200, body: good, broken: true}, "", "unexpected EOF"},
		"not Entra":  {"t", "https://login.example/", answering{status: 200, body: `{}`}, "", "isn't Microsoft Entra"},
		"refused":    {"t", "https://login.example/", answering{status: 400, body: `{"error_description":"why"}`}, "", "HTTP 400: why: check the tenant's ID"},
		"silent":     {"t", "https://login.example/", answering{status: 400, body: `{}`}, "", "HTTP 400: check the authority host"},
		"no JSON":    {"t", "https://login.example/", answering{status: 502, body: `{"error_description":"why"}<html>`}, "", "HTTP 502: check the authority host"},
		"an issuer":  {"t", "https://login.example/", answering{status: 503, body: good}, "", "HTTP 503: check the authority host"},
	} {
		t.Run(name, func(t *testing.T) {
			service := test.answer
			e := &examination{clock: newClock(&service), login: Login{TenantID: test.tenant, AuthorityHost: test.host}}
			detail, err := e.configuration(t.Context())
			require.Equal(t, test.want, detail)
			if test.err == "" {
				require.NoError(t, err)
				require.Equal(t, "https://login.example/t/v2.0/.well-known/openid-configuration", service.asked.URL.String())
			} else {
				require.ErrorContains(t, err, test.err)
			}
			require.Equal(t, service.status == 0, service.asked == nil)
			require.False(t, service.open)
		})
	}
}

func TestProxy(t *testing.T) {
	for name, test := range map[string]struct {
		env       ci.Variables
		want, err string
	}{
		"none":     {nil, "none is set (HTTPS_PROXY)", ""},
		"one":      {ci.Variables{"HTTPS_PROXY=http://me:canary@proxy.example:8080/", "NO_PROXY=169.254.169.254,.local"}, "HTTPS_PROXY http://proxy.example:8080, NO_PROXY 169.254.169.254,.local", ""},
		"no URL":   {ci.Variables{"https_proxy=canary"}, "https_proxy (no URL)", ""},
		"a macro":  {ci.Variables{"HTTPS_PROXY=$(proxy)"}, "", "HTTPS_PROXY is literally $(proxy)"},
		"a line":   {ci.Variables{"NO_PROXY=a\n::error::b"}, "NO_PROXY a ::error::b", ""},
		"two":      {ci.Variables{"HTTPS_PROXY=http://a", "https_proxy=http://b"}, "HTTPS_PROXY http://a, https_proxy http://b", ""},
		"for http": {ci.Variables{"HTTP_PROXY=http://p"}, "none is set (HTTPS_PROXY)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			detail, err := (&examination{env: test.env}).proxySettings()
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			if runtime.GOOS == "windows" { // where a variable has many spellings
				require.True(t, strings.EqualFold(test.want, detail), detail)
			} else {
				require.Equal(t, test.want, detail)
			}
			require.NotContains(t, detail, "canary")
		})
	}
}

func FuzzReadConfiguration(f *testing.F) {
	f.Add(200, []byte(`{"issuer":"https://login.microsoftonline.com/x/v2.0"}`))
	f.Add(400, []byte(`{"error_description":"AADSTS90002: Tenant\n::error::not found"}`))
	f.Add(200, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		detail, err := readConfiguration(status, body)
		if err != nil {
			detail = err.Error()
		}
		require.NotEmpty(t, detail)
		require.NotContains(t, detail, "\n", "a line can be a command to the CI system")
	})
}
