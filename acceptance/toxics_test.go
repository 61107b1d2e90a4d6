package acceptance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Shopify/toxiproxy/v2"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

const acquireTimeout = 3 * time.Second

const (
	legOIDC     = "OIDC endpoint"
	legEntra    = "Entra"
	legExchange = "Entra's token endpoint" // what is read before an exchange has been
)

// TestToxics puts each toxic on each leg of each credential, on real sockets. Where tokens can't arrive in spite of it,
// one arrives when it is removed while the credential tries; when it stays, the error is this library's, comes within
// AcquireTimeout and holds no secret.
func TestToxics(t *testing.T) {
	for _, source := range []string{gitHub, pipelines} {
		for _, leg := range []string{legOIDC, legEntra, legExchange} {
			for _, x := range toxics {
				t.Run(source+"/"+leg+"/"+x.name, func(t *testing.T) {
					t.Parallel()
					tryToxic(t, source, leg, x)
				})
			}
		}
	}
}

var answeredOn = map[string][]azoidctest.Leg{
	legOIDC:     {azoidctest.GitHubOIDC, azoidctest.AzureDevOpsOIDC},
	legEntra:    {azoidctest.EntraOpenIDConfiguration},
	legExchange: {azoidctest.EntraToken},
}

func tryToxic(t *testing.T, source, leg string, x toxic) {
	if x.survivable {
		p := newPatient(t, source, leg)
		x.poison(t, p.server, p.proxy)
		_, err := p.get(t)
		require.NoError(t, err)
		return
	}
	t.Run("removed", func(t *testing.T) {
		p := newPatient(t, source, leg)
		x.poison(t, p.server, p.proxy)
		removed := time.AfterFunc(400*time.Millisecond, func() { heal(t, p.proxy) })
		defer removed.Stop()
		_, err := p.get(t)
		require.NoError(t, err)
	})
	t.Run("stays", func(t *testing.T) {
		p := newPatient(t, source, leg)
		x.poison(t, p.server, p.proxy)
		start := time.Now()
		_, err := p.get(t)
		took := time.Since(start)
		t.Logf("%s: %v", took.Round(time.Millisecond), err)
		require.LessOrEqual(t, took, acquireTimeout+time.Second)
		requireExplained(t, err, leg)
		p.requireNoSecrets(t, err)
		if x.cutsAnswers {
			require.NotZero(t, p.server.Count(answeredOn[leg]...), "the handshake was cut, not the answer")
		}
	})
}

// A patient is a credential between whose job and cloud the legs are.
type patient struct {
	server *azoidctest.Server
	cred   azcore.TokenCredential
	proxy  *toxiproxy.Proxy // of the leg in question
	secret string           // of the job
}

func newPatient(t *testing.T, source, leg string) *patient {
	t.Helper()
	server := azoidctest.NewServer(nil)
	t.Cleanup(server.Close)
	legs := newToxicLegs(t, server)
	p := &patient{server: server, proxy: legs.entra}
	if leg == legOIDC {
		p.proxy = legs.oidc
	}
	options := azoidc.CredentialOptions{
		ClientOptions: azcore.ClientOptions{
			Cloud:     server.Configuration(),
			Transport: &http.Client{Transport: legs},
			Retry:     policy.RetryOptions{MaxRetries: 6, RetryDelay: 100 * time.Millisecond, MaxRetryDelay: 400 * time.Millisecond, TryTimeout: time.Second},
		},
		DisableInstanceDiscovery: true,
		TokenCache:               azoidc.TokenCacheOptions{AcquireTimeout: acquireTimeout},
	}
	var err error
	if source == gitHub {
		job := server.GitHubJob(nil)
		legs.expectOIDC(t, job.RequestURL)
		p.secret = job.RequestToken
		p.cred, err = azoidc.NewGitHubActionsCredential(server.TenantID(), server.ClientID(), &azoidc.GitHubActionsCredentialOptions{
			CredentialOptions: options, RequestURL: job.RequestURL, RequestToken: job.RequestToken,
		})
	} else {
		job := server.PipelinesJob(nil)
		legs.expectOIDC(t, job.RequestURI)
		p.secret = job.SystemAccessToken
		p.cred, err = azoidc.NewAzurePipelinesCredential(server.TenantID(), server.ClientID(), job.ServiceConnectionID, job.SystemAccessToken,
			&azoidc.AzurePipelinesCredentialOptions{CredentialOptions: options, RequestURI: job.RequestURI})
	}
	require.NoError(t, err)
	if leg == legExchange {
		_, err := tokenOf(p.cred)(t.Context(), azoidc.ScopeStorage)
		require.NoError(t, err)
		legs.hangUp()
	}
	server.Reset()
	return p
}

func (p *patient) get(t *testing.T) (string, error) {
	return tokenOf(p.cred)(t.Context(), azoidc.ScopeKeyVault)
}

// requireExplained wants an error of this library's, that programs written for azidentity understand too.
func requireExplained(t *testing.T, err error, leg string) {
	t.Helper()
	require.Error(t, err)
	var assertion *azoidc.AssertionError
	var exchange *azoidc.ExchangeError
	var failed *azidentity.AuthenticationFailedError
	if leg == legOIDC {
		require.True(t, errors.As(err, &assertion), "%T", err)
	} else {
		require.True(t, errors.As(err, &exchange), "%T", err)
	}
	require.True(t, errors.As(err, &failed), "%T", err)
}

// requireNoSecrets looks for all that the cloud took in and gave out.
func (p *patient) requireNoSecrets(t *testing.T, err error) {
	t.Helper()
	secrets := []string{p.secret}
	for _, request := range p.server.Requests() {
		for _, claims := range []*azoidctest.Claims{request.Assertion, request.AccessToken} {
			if claims != nil {
				secrets = append(secrets, claims.Raw)
			}
		}
	}
	marshaled, _ := json.Marshal(err)
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), string(marshaled)} {
		for _, secret := range secrets {
			require.NotEmpty(t, secret)
			require.NotContains(t, text, secret)
		}
	}
}
