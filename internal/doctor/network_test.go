package doctor

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/environ"
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
	e := &examination{clock: newClock(server.Client())}
	detail, err := e.reach(t.Context(), rootOf(t, server.URL+"/a/secret/path?and=query"))
	require.NoError(t, err)
	require.Regexp(t, `^TLS 1\.3, certificate by .* until \d{4}-\d\d-\d\d, answers \(HTTP 404\)$`, detail)

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

func TestProxy(t *testing.T) {
	for name, test := range map[string]struct {
		env       environ.Variables
		want, err string
	}{
		"none":     {nil, "none is set (HTTPS_PROXY)", ""},
		"one":      {environ.Variables{"HTTPS_PROXY=http://me:canary@proxy.example:8080/", "NO_PROXY=169.254.169.254,.local"}, "HTTPS_PROXY http://proxy.example:8080, NO_PROXY 169.254.169.254,.local", ""},
		"no URL":   {environ.Variables{"https_proxy=canary"}, "https_proxy (no URL)", ""},
		"a macro":  {environ.Variables{"HTTPS_PROXY=$(proxy)"}, "", "HTTPS_PROXY is literally $(proxy)"},
		"a line":   {environ.Variables{"NO_PROXY=a\n::error::b"}, "NO_PROXY a ::error::b", ""},
		"for http": {environ.Variables{"HTTP_PROXY=http://p"}, "none is set (HTTPS_PROXY)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			detail, err := (&examination{env: test.env}).proxy()
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
