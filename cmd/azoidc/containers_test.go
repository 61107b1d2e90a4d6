package main

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where containers are, their address is the one that all are given; elsewhere the flag says that it's of no use.
func TestStartForContainers(t *testing.T) {
	w := newWorkflow(t, newServer(t, nil))
	w.env["HTTP_PROXY"] = "http://192.0.2.1:1"
	networks, err := containerNetworks()
	if err != nil {
		r := w.step("start", "-container")
		require.Equal(t, exitNotWell, r.status)
		require.Contains(t, r.stderr, "leave the flag out")
		w.requireNothingLeft()
		return
	}
	w.well("start", "-container")
	env := w.exported()
	endpoint, err := url.Parse(env["IDENTITY_ENDPOINT"])
	require.NoError(t, err)
	require.Equal(t, networks[0].Addr().String(), endpoint.Hostname())
	require.Contains(t, env["NO_PROXY"], endpoint.Hostname())
	w.requireServed(env)
	w.well("stop")
}
