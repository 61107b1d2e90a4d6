package tokenserver_test

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/tokenserver"
)

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

func TestStartForContainers(t *testing.T) {
	const bridge = "127.0.0.2" // stands in for a bridge's address
	if probe, err := net.Listen("tcp", bridge+":0"); err != nil {
		t.Skip("this system has one loopback address only")
	} else {
		require.NoError(t, probe.Close())
	}
	server, err := tokenserver.Start(&source{}, &tokenserver.Options{Containers: []netip.Prefix{netip.MustParsePrefix(bridge + "/8")}})
	require.NoError(t, err)
	env := server.Env()
	endpoint, err := url.Parse(env["IDENTITY_ENDPOINT"])
	require.NoError(t, err)
	require.Equal(t, bridge, endpoint.Hostname())
	for _, host := range []string{bridge, "127.0.0.1"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			"http://"+net.JoinHostPort(host, endpoint.Port())+endpoint.Path+"?api-version=2019-08-01&resource="+vault, nil)
		require.NoError(t, err)
		r.Header.Set("X-IDENTITY-HEADER", env["IDENTITY_HEADER"])
		r.Close = true
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode, host)
	}
	require.NoError(t, server.Close())
	for _, host := range []string{bridge, "127.0.0.1"} {
		_, err := net.Dial("tcp", net.JoinHostPort(host, endpoint.Port()))
		require.Error(t, err, host)
	}
	_, err = tokenserver.Start(&source{}, &tokenserver.Options{Containers: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}})
	require.ErrorContains(t, err, "192.0.2.1")
}
