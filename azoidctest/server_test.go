package azoidctest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestServerCertificate(t *testing.T) {
	server := newServer()
	defer server.Close()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(server.CertificatePEM()))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	job := server.GitHubJob(nil)
	require.True(t, strings.HasPrefix(job.RequestURL, server.URL+"/"))

	a := send(t, &http.Client{Transport: transport}, newRequest(t, http.MethodGet, job.RequestURL, job.RequestToken))

	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, job.RequestURL, server.Requests()[0].URL)
}

func TestFaultsOverSockets(t *testing.T) {
	t.Parallel()
	server := newServer()
	defer server.Close()
	job := server.PipelinesJob(nil)
	request := func() *http.Request { return newRequest(t, http.MethodPost, pipelinesURL(job), job.SystemAccessToken) }

	server.FailNext(azoidctest.AzureDevOpsOIDC, 1, azoidctest.Drop())
	_, err := server.Client().Do(request())
	require.ErrorIs(t, err, io.EOF)

	server.FailNext(azoidctest.AzureDevOpsOIDC, 1, azoidctest.Truncate())
	response, err := server.Client().Do(request())
	require.NoError(t, err)
	_, err = io.ReadAll(response.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)

	server.FailNext(azoidctest.AzureDevOpsOIDC, 1, azoidctest.Endless())
	response, err = server.Client().Do(request())
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, response.Body, 1<<20)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())

	require.Equal(t, http.StatusOK, send(t, server.Client(), request()).status)
}

func TestHangOverSocketsEndsWithTheClientOrTheServer(t *testing.T) {
	server := newServer()
	job := server.GitHubJob(nil)
	arrived, left := make(chan struct{}), make(chan struct{})
	server.FailNext(azoidctest.GitHubOIDC, 2, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		defer func() { left <- struct{}{} }()
		arrived <- struct{}{}
		azoidctest.Hang()(w, r, next)
	})
	for _, end := range []func(cancel context.CancelFunc){
		func(cancel context.CancelFunc) { cancel() },
		func(context.CancelFunc) { go server.Close() },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() {
			_, err := server.Client().Do(newRequest(t, http.MethodGet, job.RequestURL, job.RequestToken).WithContext(ctx))
			failed <- err
		}()
		<-arrived
		end(cancel)
		require.Error(t, <-failed)
		<-left
		cancel()
	}
}

// A program behind a proxy of its own, or a test's http server under any path, reaches the whole cloud below the base
// URL.
func TestBaseURLWithPath(t *testing.T) {
	c := newCloud(&azoidctest.Options{BaseURL: "https://octo.example/cloud/"})
	job, service := c.GitHubJob(nil), c.Service(vault)
	require.Regexp(t, "^https://octo.example/cloud/[^/]", job.RequestURL)
	token := accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), service.Scope))
	require.Equal(t, http.StatusOK, get(t, c, service.URL, token).status)

	r := newRequest(t, http.MethodGet, job.RequestURL, job.RequestToken)
	r.Host = "proxy.example"
	require.Equal(t, http.StatusOK, send(t, c, r).status)
}

// TestServerStandsForAllHosts of the cloud: clients find Entra, Azure and the test's handlers where they look for them.
func TestServerStandsForAllHosts(t *testing.T) {
	t.Parallel()
	server := newServer()
	defer server.Close()
	server.Handle("*.azurecr.io", say("registry"))
	pipeline := pipelineTo(t, server.ClientOptions(), server.Cloud, "https://management.azure.com/.default")
	for url, want := range map[string]string{
		"https://management.azure.com/subscriptions?api-version=2022-12-01": server.SubscriptionID(),
		"https://octo.azurecr.io/v2/":                                       "registry",
		server.Service("https://management.azure.com").URL + "/octo":        server.ClientID(),
	} {
		request, err := runtime.NewRequest(t.Context(), http.MethodGet, url)
		require.NoError(t, err)
		response, err := pipeline.Do(request)
		require.NoError(t, err, url)
		body, err := runtime.Payload(response)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode, "%s: %s", url, body)
		require.Contains(t, string(body), want)
	}
	require.Equal(t, 2, server.Service("https://management.azure.com").Hits())
	require.Contains(t, server.Requests(azoidctest.EntraToken)[0].URL, "https://login.microsoftonline.com/")
}

// TestServerCertificates are each host's own, whose authority other programs can trust.
func TestServerCertificates(t *testing.T) {
	t.Parallel()
	server := newServer()
	defer server.Close()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(server.CertificatePEM()))
	address := server.URL[len("https://"):]
	for _, name := range []string{"management.azure.com", "octo.vault.azure.net", "localhost", "127.0.0.1", "management.azure.com"} {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: name})
		require.NoError(t, err, name)
		require.NoError(t, conn.Close())
	}
	_, err := tls.Dial("tcp", address, &tls.Config{ServerName: "management.azure.com", RootCAs: x509.NewCertPool()})
	require.Error(t, err)
}

// TestClientReachesServersOnLoopback, for instance a managed identity endpoint, and no other host.
func TestClientReachesServersOnLoopback(t *testing.T) {
	own := httptest.NewServer(say("own"))
	defer own.Close()
	server := newServer()
	defer server.Close()
	require.Equal(t, "own", send(t, server.Client(), newRequest(t, http.MethodGet, own.URL, "")).body)
	_, err := server.Client().Get("https://192.0.2.1/")
	require.ErrorContains(t, err, "azoidctest serves nothing at 192.0.2.1")
}
