package tokenserver_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/tokenserver"
)

func TestServerIsOnLoopback(t *testing.T) {
	server := start(t, &source{})
	require.True(t, strings.HasPrefix(server.URL, "http://127.0.0.1:"), server.URL)
	require.Equal(t, server.URL+tokenserver.Path, server.Env()["IDENTITY_ENDPOINT"])
}

func TestServerRefusesGeneralOptions(t *testing.T) {
	server := start(t, &source{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, response.StatusCode)
}

// Close ends a request that waits for a token, and returns when all has ended.
func TestCloseWhileWaiting(t *testing.T) {
	asked, ended := make(chan struct{}), make(chan error, 1)
	server, err := tokenserver.Start(&source{get: func(ctx context.Context) (azcore.AccessToken, error) {
		close(asked)
		<-ctx.Done()
		return azcore.AccessToken{}, ctx.Err()
	}}, nil)
	require.NoError(t, err)
	r := newRequest(server.Env(), vault)
	r.RequestURI = ""
	go func() {
		response, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			err = response.Body.Close()
		}
		ended <- err
	}()
	<-asked
	require.NoError(t, server.Close())
	require.NoError(t, <-ended)
	require.NoError(t, server.Close(), "again")
	_, err = net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	require.Error(t, err)
}
