package tokenserver_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/tokenserver"
)

// newTerraformRequest is what azurerm sends: no secret in a header.
func newTerraformRequest(env map[string]string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, env["ARM_MSI_ENDPOINT"]+"?api-version="+env["ARM_MSI_API_VERSION"]+"&resource="+vault, nil)
	r.RemoteAddr = "127.0.0.1:50000"
	r.Header.Set("Metadata", "true")
	return r
}

func TestTerraformsAddressHoldsItsSecret(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*http.Request, map[string]string)
		status int
	}{
		"as given":         {func(*http.Request, map[string]string) {}, 200},
		"with a slash":     {func(r *http.Request, _ map[string]string) { r.URL.Path += "/" }, 200},
		"without Metadata": {func(r *http.Request, _ map[string]string) { r.Header.Del("Metadata") }, 200},
		"another secret": {func(r *http.Request, _ map[string]string) {
			r.URL.Path = tokenserver.Path + "/" + strings.Repeat("0", 64)
		}, 401},
		"the header's secret": {func(r *http.Request, env map[string]string) {
			r.URL.Path = tokenserver.Path + "/" + env["IDENTITY_HEADER"]
		}, 401},
		"the secret in a header": {func(r *http.Request, _ map[string]string) {
			r.Header.Set("X-IDENTITY-HEADER", strings.TrimPrefix(r.URL.Path, tokenserver.Path+"/"))
			r.URL.Path = tokenserver.Path
		}, 401},
		"half of it":   {func(r *http.Request, _ map[string]string) { r.URL.Path = r.URL.Path[:len(r.URL.Path)-32] }, 401},
		"more behind":  {func(r *http.Request, _ map[string]string) { r.URL.Path += "/more" }, 404},
		"another host": {func(r *http.Request, _ map[string]string) { r.Host = "evil.example" }, 403},
	} {
		t.Run(name, func(t *testing.T) {
			handler, env := newHandler(t, &source{})
			r := newTerraformRequest(env)
			test.change(r, env)
			require.Equal(t, test.status, serve(t, handler, r).status)
		})
	}
}

func TestSecretIsNewForEachHandlerAndNeverPrinted(t *testing.T) {
	handler, env := newHandler(t, &source{})
	_, other := newHandler(t, &source{})
	require.NotEqual(t, env["IDENTITY_HEADER"], other["IDENTITY_HEADER"])
	server := start(t, &source{})
	require.NoError(t, server.Close()) // some verbs follow the pointer to the http.Server, which is in use till then
	for _, value := range []any{handler, *handler, struct{ h *tokenserver.Handler }{handler}, struct{ h tokenserver.Handler }{*handler}} {
		testbed.RequirePrintsNone(t, value, env["IDENTITY_HEADER"], path.Base(env["ARM_MSI_ENDPOINT"]))
	}
	for _, value := range []any{server, *server, struct{ *tokenserver.Server }{server}} {
		testbed.RequirePrintsNone(t, value, server.Env()["IDENTITY_HEADER"], path.Base(server.Env()["ARM_MSI_ENDPOINT"]))
	}
}

// TestNobodyIsAdmittedToTheZeroHandler, although the secret that it lacks equals the one that such a request lacks.
func TestNobodyIsAdmittedToTheZeroHandler(t *testing.T) {
	handler, env := newHandler(t, &source{})
	r := newRequest(env, vault)
	r.Header.Del("X-IDENTITY-HEADER")
	require.Equal(t, 401, serve(t, handler, r).status)
	require.Equal(t, 401, serve(t, &tokenserver.Handler{}, r).status)
	require.Empty(t, (&tokenserver.Handler{}).Env("")["IDENTITY_HEADER"])
}

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
		"oversized query": {func(r *http.Request) {
			r.URL.RawQuery += strings.Repeat("&", tokenserver.MaxQuery+1-len(r.URL.RawQuery))
		}, 414, "4096"},
		"broken query":      {func(r *http.Request) { r.URL.RawQuery += "&x=%zz" }, 400, "can't be parsed"},
		"no version":        {func(r *http.Request) { r.URL.RawQuery = "resource=" + vault }, 400, "api-version"},
		"another version":   {func(r *http.Request) { r.URL.RawQuery = "api-version=2018-02-01&resource=" + vault }, 400, "2018-02-01"},
		"no resource":       {func(r *http.Request) { r.URL.RawQuery = "api-version=2019-08-01" }, 400, "resource"},
		"empty resource":    {func(r *http.Request) { r.URL.RawQuery = "api-version=2019-08-01&resource=" }, 400, "resource"},
		"two resources":     {func(r *http.Request) { r.URL.RawQuery += "&resource=https://storage.azure.com" }, 400, "resource"},
		"a foreign letter":  {func(r *http.Request) { r.URL.RawQuery = "api-version=2019-08-01&resource=https://vault.%C3%A4zure.net" }, 400, "resource"},
		"two scopes in one": {func(r *http.Request) { r.URL.RawQuery = "api-version=2019-08-01&resource=a+b" }, 400, "resource"},
	} {
		t.Run(name, func(t *testing.T) {
			cred := &source{}
			handler, env := newHandler(t, cred)
			r := newRequest(env, vault)
			test.attack(r)
			a := serve(t, handler, r)
			requireRefused(t, a, test.status, test.message)
			require.Equal(t, test.status == http.StatusUnauthorized, a.header.Get("WWW-Authenticate") != "")
			require.Equal(t, test.status == http.StatusMethodNotAllowed, a.header.Get("Allow") == http.MethodGet)
			require.NotContains(t, a.text, env["IDENTITY_HEADER"])
			require.Empty(t, cred.scopes(), "the credential isn't even asked")
		})
	}
}

func TestTheLongestQuery(t *testing.T) {
	handler, env := newHandler(t, &source{})
	r := newRequest(env, vault)
	r.URL.RawQuery += strings.Repeat("&", tokenserver.MaxQuery-len(r.URL.RawQuery))
	require.Equal(t, http.StatusOK, serve(t, handler, r).status)
}

func TestHostsThatAreNone(t *testing.T) {
	for _, host := range []string{"[::1", "::1]", "::1", "[::1]]", "[[::1]]", "[::1]:", "[::1]:x", "[::1]x", "[127.0.0.1]", "[127.0.0.1]:1", "[localhost]",
		"127.0.0.1:x", "127.0.0.1:1:1", "127.0.0.1:-1", "[::1%25lo]:1", "[::1%lo]", " 127.0.0.1", "127.0.0.1.", "127.1", "0x7f000001", "2130706433", "[]", "[]:1", ":1", "localhost.", "user@localhost"} {
		handler, env := newHandler(t, &source{})
		r := newRequest(env, vault)
		r.Host = host
		want := http.StatusForbidden
		if host == "[::1]:" { // an empty port is one, RFC 3986 section 3.2.3
			want = http.StatusOK
		}
		require.Equal(t, want, serve(t, handler, r).status, host)
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

// Containers are served on their networks, by the address that is the machine's there, and only those who have the secret.
func TestContainers(t *testing.T) {
	for name, test := range map[string]struct {
		from, host string
		change     func(*http.Request)
		status     int
	}{
		"a container":                        {"172.17.0.5:50000", "172.17.0.1:41741", nil, 200},
		"a container, mapped":                {"[::ffff:172.17.0.5]:50000", "172.17.0.1:41741", nil, 200},
		"a container of another network":     {"172.18.3.9:50000", "172.17.0.1:41741", nil, 200},
		"the machine":                        {"172.17.0.1:50000", "172.17.0.1:41741", nil, 200},
		"loopback":                           {"127.0.0.1:50000", "127.0.0.1:41741", nil, 200},
		"a container without the secret":     {"172.17.0.5:50000", "172.17.0.1:41741", func(r *http.Request) { r.Header.Del("X-IDENTITY-HEADER") }, 401},
		"nobody's address":                   {"@", "172.17.0.1:41741", nil, 403},
		"another machine":                    {"192.168.1.5:50000", "172.17.0.1:41741", nil, 403},
		"a machine that is next to them":     {"172.16.255.255:50000", "172.17.0.1:41741", nil, 403},
		"a container by a rebound name":      {"172.17.0.5:50000", "evil.example:41741", nil, 403},
		"by the other network's address":     {"172.18.3.9:50000", "172.18.0.1:41741", nil, 403},
		"by an address that is no machine's": {"172.17.0.5:50000", "172.17.0.9:41741", nil, 403},
	} {
		t.Run(name, func(t *testing.T) {
			handler, err := tokenserver.New(&source{}, &tokenserver.Options{
				Containers: []netip.Prefix{netip.MustParsePrefix("172.17.0.1/16"), netip.MustParsePrefix("172.18.0.1/16")}})
			require.NoError(t, err)
			r := newRequest(handler.Env("http://"+test.host), vault)
			r.RemoteAddr, r.Host = test.from, test.host
			if test.change != nil {
				test.change(r)
			}
			require.Equal(t, test.status, serve(t, handler, r).status)
		})
	}
}
