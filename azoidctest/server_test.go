package azoidctest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestServerCertificate(t *testing.T) {
	server := azoidctest.NewServer(nil)
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
	server := azoidctest.NewServer(nil)
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
	server := azoidctest.NewServer(nil)
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
	c := azoidctest.New(&azoidctest.Options{BaseURL: "https://octo.example/cloud/"})
	job, service := c.GitHubJob(nil), c.Service(vault)
	require.True(t, strings.HasPrefix(job.RequestURL, "https://octo.example/cloud/"))
	token := accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), service.Scope))
	require.Equal(t, http.StatusOK, get(t, c, service.URL, token).status)

	r := newRequest(t, http.MethodGet, job.RequestURL, job.RequestToken)
	r.Host = "proxy.example"
	require.Equal(t, http.StatusOK, send(t, c, r).status)
}

func TestOptionsThatCannotBeMeant(t *testing.T) {
	for _, options := range []azoidctest.Options{{BaseURL: "http://octo.example"}, {BaseURL: "octo"}, {BaseURL: "https://octo.example?a=b"}, {BaseURL: "https://%"}, {TenantID: "octo"}, {ClientID: "octo"}} {
		require.Panics(t, func() { azoidctest.New(&options) }, options)
	}
}

type transporterFunc func(*http.Request) (*http.Response, error)

func (f transporterFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

func TestIssuerTransport(t *testing.T) {
	var (
		c    *azoidctest.Cloud
		read []string
	)
	c = azoidctest.New(&azoidctest.Options{IssuerTransport: transporterFunc(func(r *http.Request) (*http.Response, error) {
		read = append(read, r.URL.String())
		return c.Do(r)
	})})
	job := c.GitHubJob(nil)
	accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), vault+"/.default"))
	require.Equal(t, []string{
		"https://token.actions.githubusercontent.com/.well-known/openid-configuration",
		"https://token.actions.githubusercontent.com/.well-known/jwks",
	}, read)
}

func TestRequestsAreCopies(t *testing.T) {
	c := azoidctest.New(nil)
	job := c.GitHubJob(nil)
	exchange(t, c, gitHubToken(t, c, job, job.Audience), vault+"/.default")
	changed := c.Requests()
	for i := range changed {
		changed[i].Header.Set("X-Octo", "cat")
		changed[i].Form.Set("scope", "octocat")
		changed[i].Method = "OCTO"
	}
	for _, request := range c.Requests() {
		require.Empty(t, request.Header.Get("X-Octo"))
		require.NotEqual(t, "octocat", request.Form.Get("scope"))
		require.Contains(t, []string{http.MethodGet, http.MethodPost}, request.Method)
	}
	token := c.Requests(azoidctest.EntraToken)[0]
	require.Equal(t, vault+"/.default", token.Scope)
	require.Equal(t, clientGrant, token.Form.Get("grant_type"))
	require.Equal(t, token.Form.Get("client_assertion"), token.Assertion.Raw)
	require.Equal(t, "Bearer "+job.RequestToken, c.Requests(azoidctest.GitHubOIDC)[0].Header.Get("Authorization"))
}
