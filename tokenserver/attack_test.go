package tokenserver_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/tokenserver"
)

func TestAttacksAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		attack  func(*http.Request)
		status  int
		message string
	}{
		"no secret":     {func(r *http.Request) { r.Header.Del("X-IDENTITY-HEADER") }, 401, "missing or wrong"},
		"wrong secret":  {func(r *http.Request) { r.Header.Set("X-IDENTITY-HEADER", strings.Repeat("0", 64)) }, 401, "missing or wrong"},
		"half a secret": {func(r *http.Request) { r.Header.Set("X-IDENTITY-HEADER", r.Header.Get("X-IDENTITY-HEADER")[:32]) }, 401, "missing or wrong"},
		"longer secret": {func(r *http.Request) {
			r.Header.Set("Secret", r.Header.Get("X-IDENTITY-HEADER")+"0")
			r.Header.Del("X-IDENTITY-HEADER")
		}, 401, "missing or wrong"},
		"secret in query": {func(r *http.Request) {
			r.URL.RawQuery += "&secret=" + r.Header.Get("X-IDENTITY-HEADER")
			r.Header = nil
		}, 401, "missing or wrong"},
		"rebound name":       {func(r *http.Request) { r.Host = "evil.example:41741" }, 403, "Host header"},
		"name that begins":   {func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, 403, "Host header"},
		"name like loopback": {func(r *http.Request) { r.Host = "localhost.evil.example" }, 403, "Host header"},
		"any address":        {func(r *http.Request) { r.Host = "0.0.0.0:41741" }, 403, "Host header"},
		"no host":            {func(r *http.Request) { r.Host = "" }, 403, "Host header"},
		"another machine":    {func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1234" }, 403, "this machine only"},
		"POST":               {func(r *http.Request) { r.Method = http.MethodPost }, 405, "GET"},
		"HEAD":               {func(r *http.Request) { r.Method = http.MethodHead }, 405, "GET"},
		"OPTIONS":            {func(r *http.Request) { r.Method = http.MethodOptions }, 405, "GET"},
		"body":               {func(r *http.Request) { r.ContentLength = 1 }, 400, "no body"},
		"another path":       {func(r *http.Request) { r.URL.Path = "/metadata/identity/oauth2/token" }, 404, "/MSI/token"},
		"two slashes":        {func(r *http.Request) { r.URL.Path += "//" }, 404, "/MSI/token"},
		"oversized query":    {func(r *http.Request) { r.URL.RawQuery += "&x=" + strings.Repeat("x", tokenserver.MaxQuery) }, 414, "4096"},
		"broken query":       {func(r *http.Request) { r.URL.RawQuery += "&x=%zz" }, 400, "can't be parsed"},
		"no version":         {func(r *http.Request) { r.URL.RawQuery = "resource=" + vault }, 400, "api-version"},
		"another version":    {func(r *http.Request) { r.URL.RawQuery = "api-version=2018-02-01&resource=" + vault }, 400, "2018-02-01"},
		"no resource":        {func(r *http.Request) { r.URL.RawQuery = "api-version=2019-08-01" }, 400, "resource"},
		"empty resource":     {func(r *http.Request) { r.URL.RawQuery = "api-version=2019-08-01&resource=" }, 400, "resource"},
		"two resources":      {func(r *http.Request) { r.URL.RawQuery += "&resource=https://storage.azure.com" }, 400, "resource"},
		"two scopes in one":  {func(r *http.Request) { r.URL.RawQuery = "api-version=2019-08-01&resource=a+b" }, 400, "resource"},
	} {
		t.Run(name, func(t *testing.T) {
			cred := &source{}
			handler, env := newHandler(t, cred)
			r := newRequest(env, vault)
			test.attack(r)
			a := serve(t, handler, r)
			requireRefused(t, a, test.status, test.message)
			require.NotContains(t, a.text, env["IDENTITY_HEADER"])
			require.Empty(t, cred.scopes(), "the credential isn't even asked")
		})
	}
}

func TestLoopbackHosts(t *testing.T) {
	for _, host := range []string{"127.0.0.1:41741", "127.0.0.1", "localhost:41741", "LOCALHOST", "[::1]:41741", "[::1]", "127.1.2.3:1"} {
		handler, env := newHandler(t, &source{})
		r := newRequest(env, vault)
		r.Host = host
		require.Equal(t, http.StatusOK, serve(t, handler, r).status, host)
	}
}

func TestOversizedHeader(t *testing.T) {
	server := start(t, &source{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"?"+strings.Repeat("x", tokenserver.MaxHeader+8192), nil)
	require.NoError(t, err)
	response, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, response.StatusCode)
}

// Hundreds of clients that stop in the middle of their request are cut off, and others are served meanwhile.
func TestSlowClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, env := newHandler(t, &source{})
		listener := newPipes()
		server := tokenserver.Serve(handler, listener)
		began := time.Now()
		var slow sync.WaitGroup
		for range 500 {
			conn := listener.dial()
			slow.Go(func() {
				_, _ = io.WriteString(conn, "GET /MSI/token HTTP/1.1\r\nHost: 127.0.0.1\r\nX-IDENTITY-")
				_, _ = io.Copy(io.Discard, conn) // until the server closes the connection
			})
		}
		conn := listener.dial()
		r := newRequest(env, vault)
		r.RequestURI = ""
		require.NoError(t, r.Write(conn))
		response, err := http.ReadResponse(bufio.NewReader(conn), r)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Zero(t, time.Since(began))
		require.NoError(t, conn.Close())

		slow.Wait()

		require.Equal(t, tokenserver.ReadHeaderTimeout, time.Since(began))
		require.NoError(t, server.Close())
	})
}

// A client that never sends the body it announced doesn't hold its connection either.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, _ := newHandler(t, &source{})
		listener := newPipes()
		server := tokenserver.Serve(handler, listener)
		began := time.Now()
		conn := listener.dial()
		_, err := io.WriteString(conn, "POST /MSI/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nx")
		require.NoError(t, err)
		answer, _ := io.ReadAll(conn)
		require.Contains(t, string(answer), "405 Method Not Allowed")
		require.LessOrEqual(t, time.Since(began), 10*time.Second)
		require.NoError(t, server.Close())
	})
}

// Over sockets, who has the secret gets the token, and who hasn't doesn't, however many come at once. Ten thousand come
// in the tests of cmd/azoidc: the race detector can't watch so many goroutines.
func TestThousandsAtOnce(t *testing.T) {
	const clients = 3000
	server := start(t, &source{})
	env := server.Env()
	conns := make([]net.Conn, clients)
	for i := range conns {
		conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		conns[i] = conn
	}
	for i, conn := range conns {
		secret := env["IDENTITY_HEADER"]
		if i%2 == 1 {
			secret = strings.Repeat("0", len(secret))
		}
		_, err := fmt.Fprintf(conn, "GET %s?api-version=2019-08-01&resource=%s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-IDENTITY-HEADER: %s\r\nConnection: close\r\n\r\n",
			tokenserver.Path, vault, secret)
		require.NoError(t, err)
	}
	for i, conn := range conns {
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		if i%2 == 1 {
			require.Contains(t, string(answer), "401 Unauthorized")
			require.NotContains(t, string(answer), theToken)
		} else {
			require.Contains(t, string(answer), "200 OK")
			require.Contains(t, string(answer), theToken)
		}
	}
}
