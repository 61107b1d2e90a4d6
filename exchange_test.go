package azoidc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestANewScopeLateInALongJob is U1: forty minutes into the job, long after the first OIDC token's five minutes.
func TestANewScopeLateInALongJob(t *testing.T) {
	for _, s := range testkit.Systems {
		t.Run(s.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := testkit.NewCloud()
				cred := s.Cred(t, cloud)
				testkit.Get(t, cred, testkit.ManagementScope)
				time.Sleep(40 * time.Minute)
				testkit.Get(t, cred, azoidc.ScopeKusto("https://cluster.kusto.windows.net"))
				testkit.RequireNewAssertions(t, cloud, s)
			})
		})
	}
}

// TestNoExchangeWhileATokenIsHeld is U6.
func TestNoExchangeWhileATokenIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: time.Hour})
		cred := testkit.NewGitHub(t, cloud)
		for range 40 {
			testkit.Get(t, cred, testkit.VaultScope)
			time.Sleep(time.Minute)
		}
		require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
		require.Equal(t, 1, cloud.Count(azoidctest.GitHubOIDC))
	})
}

// TestEntraIsAskedAboutAuthoritiesThatItMayNotKnow, once, and about no other.
func TestEntraIsAskedAboutAuthoritiesThatItMayNotKnow(t *testing.T) {
	const private = "https://login.private.example"
	for name, test := range map[string]struct {
		base    string // of a cloud that isn't Microsoft's
		host    string
		disable bool
		asked   int
		trips   int
	}{
		"trusted":            {"", "https://login.microsoftonline.com/", false, 0, 2},
		"private":            {private, private, false, 1, 3},
		"private, disabled":  {private, private, true, 0, 2},
		"trusted, disabled":  {"", "https://login.microsoftonline.com/", true, 0, 2},
		"trusted, sovereign": {"", "https://login.microsoftonline.us/", false, 0, 2},
		"trusted, by alias":  {"", "https://LOGIN.windows.net", false, 0, 2},
		"by default":         {"", "", false, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AZURE_AUTHORITY_HOST", "")
			synctest.Test(t, func(t *testing.T) {
				local := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, BaseURL: test.base})
				local.SetLatency(testkit.Hop)
				cred := testkit.NewGitHub(t, local, func(o *azoidc.GitHubActionsCredentialOptions) {
					o.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: test.host}
					o.DisableInstanceDiscovery = test.disable
					o.Audience = "api://AzureADTokenExchange"
				})
				began := time.Now()
				testkit.Get(t, cred, testkit.VaultScope)
				require.Equal(t, time.Duration(test.trips)*testkit.Hop, time.Since(began))
				testkit.Get(t, cred, testkit.GraphScope)
				require.Equal(t, test.asked, local.Count(azoidctest.EntraInstanceDiscovery))
				require.Equal(t, time.Duration(test.trips+2)*testkit.Hop, time.Since(began), "what was read is kept")
			})
		})
	}
}

// TestARegionalAuthority is what AZURE_REGIONAL_AUTHORITY_NAME, and where it's unset MSAL_FORCE_REGION, makes of
// Microsoft's: it takes as many round trips.
func TestARegionalAuthority(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"azidentity's": {"AZURE_REGIONAL_AUTHORITY_NAME": "westeurope", "MSAL_FORCE_REGION": "northeurope"},
		"MSAL's":       {"MSAL_FORCE_REGION": "westeurope"},
	} {
		t.Run(name, func(t *testing.T) {
			testbed.SetEnv(t, env)
			requireRegional(t, "westeurope.login.microsoft.com")
		})
	}
}

func requireRegional(t *testing.T, regional string) {
	synctest.Test(t, func(t *testing.T) {
		local := testkit.NewCloud()
		local.SetLatency(testkit.Hop)
		asked := 0
		cred := testkit.NewGitHub(t, local, func(o *azoidc.GitHubActionsCredentialOptions) {
			o.Transport = testbed.TransportFunc(func(r *http.Request) (*http.Response, error) {
				if r.URL.Host != regional {
					require.Contains(t, r.URL.Host, "actions", "%s is asked past the region", r.URL)
					return local.Do(r)
				}
				asked++
				r = r.Clone(r.Context())
				r.URL.Host, r.Host = "login.microsoft.com", ""
				resp, err := local.Do(r)
				if err == nil && r.Method == http.MethodGet {
					err = replaceInBody(resp, "login.microsoft.com", regional)
				}
				return resp, err
			})
		})
		began := time.Now()
		testkit.Get(t, cred, testkit.VaultScope)
		require.Equal(t, 2*testkit.Hop, time.Since(began))
		testkit.Get(t, cred, testkit.GraphScope)
		require.Equal(t, 4*testkit.Hop, time.Since(began))
		require.Equal(t, 3, asked, "the openid-configuration once, and two tokens")
	})
}

func replaceInBody(resp *http.Response, old, with string) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	body = bytes.ReplaceAll(body, []byte(old), []byte(with))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}

func TestTheOpenIDConfigurationIsReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cred := testkit.NewGitHub(t, cloud)
		cloud.SetLatency(time.Second)
		cloud.FailNext(azoidctest.EntraOpenIDConfiguration, 1, azoidctest.Status(500, nil, ""))
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.ScopeNumber(i)))
				assert.NoError(t, err)
			})
		}
		all.Wait()
		require.Equal(t, 2, cloud.Count(azoidctest.EntraOpenIDConfiguration), "a failure is shared, but not kept")
		cred.InvalidateAll()
		testkit.Get(t, cred, testkit.VaultScope)
		require.Equal(t, 2, cloud.Count(azoidctest.EntraOpenIDConfiguration), "a success is kept")
	})
}

// TestAnOpenIDConfigurationThatMSALRefusesIsNotKept: its issuer isn't the authority's.
func TestAnOpenIDConfigurationThatMSALRefusesIsNotKept(t *testing.T) {
	cloud := testkit.NewCloud()
	cred := testkit.NewGitHub(t, cloud)
	cloud.Fail(azoidctest.EntraOpenIDConfiguration, testkit.Text(200, `{"issuer":"https://evil.example/","token_endpoint":"https://evil.example/token",
		"authorization_endpoint":"https://evil.example/authorize"}`))
	_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	var refused *azoidc.ExchangeError
	require.ErrorAs(t, err, &refused)
	require.ErrorContains(t, err, "issuer 'https://evil.example/' does not match authority")
	require.Zero(t, cloud.Count(azoidctest.EntraToken))
	cloud.Mend()
	testkit.Get(t, cred, testkit.VaultScope)
}

func TestRetryOptionsAreHonoured(t *testing.T) {
	for name, test := range map[string]struct {
		retry    policy.RetryOptions
		fault    azoidctest.Fault
		attempts int
		earliest time.Duration
		latest   time.Duration
	}{
		"azcore's defaults":  {policy.RetryOptions{}, azoidctest.Drop(), 4, 4480 * time.Millisecond, 7280 * time.Millisecond},
		"MaxRetries":         {policy.RetryOptions{MaxRetries: 1, RetryDelay: time.Second}, azoidctest.Drop(), 2, 800 * time.Millisecond, 1300 * time.Millisecond},
		"no retries":         {policy.RetryOptions{MaxRetries: -1}, azoidctest.Drop(), 1, 0, 0},
		"no delay":           {policy.RetryOptions{RetryDelay: -1}, azoidctest.Drop(), 4, 0, 0},
		"MaxRetryDelay":      {policy.RetryOptions{RetryDelay: time.Minute, MaxRetryDelay: time.Second}, azoidctest.Drop(), 4, 3 * time.Second, 3 * time.Second},
		"TryTimeout":         {policy.RetryOptions{MaxRetries: -1, TryTimeout: time.Second}, azoidctest.Hang(), 1, time.Second, time.Second},
		"default TryTimeout": {policy.RetryOptions{MaxRetries: -1}, azoidctest.Hang(), 1, 30 * time.Second, 30 * time.Second},
		"StatusCodes":        {policy.RetryOptions{StatusCodes: []int{418}, RetryDelay: -1}, azoidctest.Status(418, nil, ""), 4, 0, 0},
		"StatusCodes, none":  {policy.RetryOptions{StatusCodes: []int{}}, azoidctest.Status(500, nil, ""), 1, 0, 0},
		"ShouldRetry": {policy.RetryOptions{RetryDelay: -1, ShouldRetry: func(resp *http.Response, _ error) bool { return resp != nil && resp.StatusCode == 409 }},
			azoidctest.Status(409, nil, ""), 4, 0, 0},
		"Retry-After within MaxRetryDelay":  {policy.RetryOptions{MaxRetries: 1, MaxRetryDelay: 20 * time.Second}, testkit.RetryAfterIn("20"), 2, 20 * time.Second, 30 * time.Second},
		"Retry-After beyond MaxRetryDelay":  {policy.RetryOptions{MaxRetryDelay: 20 * time.Second}, testkit.RetryAfterIn("21"), 1, 0, 0},
		"Retry-After beyond AcquireTimeout": {policy.RetryOptions{}, testkit.RetryAfterIn("121"), 1, 0, 0},
	} {
		for _, leg := range []azoidctest.Leg{azoidctest.GitHubOIDC, azoidctest.EntraToken} {
			t.Run(name+"/"+leg.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cloud := testkit.NewCloud()
					cred := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) { o.Retry = test.retry })
					cloud.Fail(leg, test.fault)
					// The caller's own options for its request to the service are none of the credential's business.
					ctx := policy.WithRetryOptions(t.Context(), policy.RetryOptions{MaxRetries: 50})
					start := time.Now()
					_, err := cred.GetToken(ctx, testkit.ForScope(testkit.VaultScope))
					require.Error(t, err)
					require.Equal(t, test.attempts, cloud.Count(leg))
					require.GreaterOrEqual(t, time.Since(start), test.earliest)
					require.LessOrEqual(t, time.Since(start), test.latest)
				})
			})
		}
	}
}

func TestA429FromEntraHoldsBackAllScopes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cred := testkit.NewGitHub(t, cloud)
		start := time.Now()
		cloud.FailNext(azoidctest.EntraToken, 1, azoidctest.Status(429, http.Header{"Retry-After": {"40"}}, ""))
		var all sync.WaitGroup
		all.Go(func() { testkit.Get(t, cred, testkit.VaultScope) })
		synctest.Wait()
		for i := range 5 {
			all.Go(func() { testkit.Get(t, cred, testkit.ScopeNumber(i)) })
		}
		all.Wait()
		requests := cloud.Requests(azoidctest.EntraToken)
		require.Len(t, requests, 7)
		for _, request := range requests[1:] {
			require.GreaterOrEqual(t, request.Time.Sub(start), 40*time.Second)
		}
		require.Equal(t, 7, cloud.Count(azoidctest.GitHubOIDC), "no assertion is asked for in vain")
	})
}

func TestAHoldBeyondAcquireTimeoutFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cred := testkit.NewGitHub(t, cloud)
		cloud.Fail(azoidctest.EntraToken, azoidctest.Status(429, http.Header{"Retry-After": {"600"}}, ""))
		start := time.Now()
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "asked to be left alone for 10m0s")
		_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.GraphScope))
		require.ErrorContains(t, err, "not tried: Entra asked with a 429 to be left alone, for another 10m0s")
		require.ErrorContains(t, err, "keep one credential")
		require.Zero(t, time.Since(start))
		require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
		var refused *azoidc.ExchangeError
		require.ErrorAs(t, err, &refused)
		require.Zero(t, refused.Attempts)
	})
}

// TestAttemptsBeforeAHoldAreCounted: this scope's first attempt failed for a moment, then another scope was throttled.
func TestAttemptsBeforeAHoldAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cred := testkit.NewGitHub(t, cloud)
		cloud.FailNext(azoidctest.EntraToken, 1, azoidctest.Status(503, nil, ""))
		var first error
		var all sync.WaitGroup
		all.Go(func() { _, first = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope)) })
		synctest.Wait()
		cloud.Fail(azoidctest.EntraToken, azoidctest.Status(429, http.Header{"Retry-After": {"600"}}, ""))
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.GraphScope))
		require.Error(t, err)
		all.Wait()
		require.ErrorContains(t, first, "not tried")
		var refused *azoidc.ExchangeError
		require.ErrorAs(t, first, &refused)
		require.Equal(t, 1, refused.Attempts)
	})
}

// TestWhoRunsOutOfTimeInAHoldIsToldOfTheHold, not of what wasn't waited for.
func TestWhoRunsOutOfTimeInAHoldIsToldOfTheHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cred := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) { o.TokenCache.AcquireTimeout = 10*time.Second + 1 })
		cloud.Fail(azoidctest.EntraToken, azoidctest.Status(429, http.Header{"Retry-After": {"10"}}, ""))
		var all sync.WaitGroup
		all.Go(func() {
			_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			assert.Error(t, err)
		})
		synctest.Wait()
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.GraphScope))
		all.Wait()
		require.ErrorContains(t, err, "not tried: Entra asked with a 429 to be left alone, for another 0s")
	})
}

// TestReplication has a federated credential that Entra's servers learn of only after a while.
func TestReplication(t *testing.T) {
	for name, test := range map[string]struct {
		succeeded bool
		option    time.Duration
		known     time.Duration // after which the credential is known
		latency   time.Duration
		wantErr   bool
		latest    time.Duration
	}{
		"soon":                          {known: 3 * time.Second, latest: 5 * time.Second},
		"not soon":                      {known: time.Hour, wantErr: true, latest: 5 * time.Second},
		"after a success, later":        {succeeded: true, known: 20 * time.Second, latest: 30 * time.Second},
		"after a success, never":        {succeeded: true, known: time.Hour, wantErr: true, latest: 30 * time.Second},
		"not soon, the network is slow": {known: time.Hour, latency: 600 * time.Millisecond, wantErr: true, latest: 5 * time.Second},
		"after a success, never, the network is slow": {succeeded: true, known: time.Hour, latency: 550 * time.Millisecond, wantErr: true, latest: 30 * time.Second},
		"as long as the caller wants":                 {option: time.Minute, known: 50 * time.Second, latest: time.Minute},
		"not at all, the caller wants":                {option: -1, known: time.Second, wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := testkit.NewCloud()
				cred := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) { o.ReplicationTimeout = test.option })
				if test.succeeded {
					testkit.Get(t, cred, testkit.GraphScope)
				}
				cloud.Application().Distrust()
				cloud.GitHubJob(&azoidctest.GitHubJobOptions{EffectiveAfter: test.known})
				cloud.SetLatency(test.latency)
				for range 2 {
					start := time.Now()
					_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
					require.Equal(t, test.wantErr, err != nil, "%v", err)
					require.LessOrEqual(t, time.Since(start), test.latest)
				}
				testkit.RequireNewAssertions(t, cloud, testkit.Systems[0])
			})
		})
	}
}

func TestAStaleAssertionIsRenewedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cred := testkit.NewGitHub(t, cloud)
		cloud.FailNext(azoidctest.EntraToken, 1, azoidctest.EntraRefusal(700024))
		start := time.Now()
		testkit.Get(t, cred, testkit.VaultScope)
		require.Zero(t, time.Since(start))
		cloud.Reset()
		cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700024))
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.GraphScope))
		require.ErrorContains(t, err, "AADSTS700024")
		require.Equal(t, 2, cloud.Count(azoidctest.EntraToken))
	})
}

// TestTheAssertionsErrorComesBackAsItself where azidentity's own credential would flatten it to text.
func TestTheAssertionsErrorComesBackAsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		mine := errors.New("mine")
		cred, err := azoidc.NewAssertionCredential(cloud.TenantID(), cloud.ClientID(),
			func(context.Context) (string, error) { return "", mine },
			&azoidc.AssertionCredentialOptions{CredentialOptions: testkit.CredentialOptions(cloud)})
		require.NoError(t, err)
		_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorIs(t, err, mine)
		var unusable *azoidc.AssertionError
		require.ErrorAs(t, err, &unusable)
	})
}

// TestWhereTheTimeRanOutTheReasonLeads when the outage outlasts AcquireTimeout.
func TestWhereTheTimeRanOutTheReasonLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cred := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) {
			o.TokenCache.AcquireTimeout = 20 * time.Second
		})
		cloud.Fail(azoidctest.EntraToken, azoidctest.Hang())
		cloud.FailNext(azoidctest.EntraToken, 1, azoidctest.Status(503, nil, "on fire"))
		start := time.Now()
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.Equal(t, 20*time.Second, time.Since(start))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "on fire")
		require.ErrorContains(t, err, "the time ran out")
		var refused *azoidc.ExchangeError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, 503, refused.StatusCode)
	})
}

func TestATenantThatIsNotAllowedCostsNoRequest(t *testing.T) {
	cloud := testkit.NewCloud()
	_, err := testkit.NewGitHub(t, cloud).GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, TenantID: "another"})
	require.ErrorContains(t, err, "AdditionallyAllowedTenants")
	var refused *azoidc.ExchangeError
	require.False(t, errors.As(err, &refused), "Entra wasn't asked")
	require.Zero(t, cloud.Count())

	var asked atomic.Int32
	source := func(context.Context) (string, error) { asked.Add(1); return "", errors.New("not wanted") }
	_, err = newAssertion(t, cloud, source, testkit.CredentialOptions(cloud)).GetToken(t.Context(),
		policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, TenantID: "another"})
	require.ErrorContains(t, err, "AdditionallyAllowedTenants")
	require.Zero(t, asked.Load(), "nor was the source")
}

// TestTheCallersAnnotationsStayTheirs: a flight outlives its caller, whose variable it must not write to.
func TestTheCallersAnnotationsStayTheirs(t *testing.T) {
	cloud := testkit.NewCloud()
	var captured *http.Response
	ctx := policy.WithCaptureResponse(t.Context(), &captured)
	ctx = policy.WithHTTPHeader(ctx, http.Header{"X-Mine": {"1"}})
	_, err := testkit.NewGitHub(t, cloud).GetToken(ctx, testkit.ForScope(testkit.VaultScope))
	require.NoError(t, err)
	require.Nil(t, captured)
	for _, request := range cloud.Requests() {
		require.Empty(t, request.Header.Get("X-Mine"))
	}
}

// TestA201IsASuccess, for MSAL takes it for one: its token must not be redacted on the way.
func TestA201IsASuccess(t *testing.T) {
	const token = "eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl"
	cloud := testkit.NewCloud()
	cloud.Fail(azoidctest.EntraToken, azoidctest.Status(201, nil, fmt.Sprintf(`{"access_token":"`+token+`"%s}`, `,"expires_in":3600`)))
	require.Equal(t, token, testkit.Get(t, testkit.NewGitHub(t, cloud), testkit.VaultScope).Token)
}

// TestATokenThatEndsInASecondIsOne: who wants it can use it.
func TestATokenThatEndsInASecondIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: time.Second})
		token := testkit.Get(t, testkit.NewGitHub(t, cloud), testkit.VaultScope)
		require.InDelta(t, time.Second, time.Until(token.ExpiresOn), float64(time.Second))
		require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
	})
}

// sources are all ways to an assertion of a GitHub job.
var sources = map[string]func(t *testing.T, cloud *azoidctest.Cloud, o azoidc.CredentialOptions) azcore.TokenCredential{
	"GitHub Actions": func(t *testing.T, cloud *azoidctest.Cloud, o azoidc.CredentialOptions) azcore.TokenCredential {
		return testkit.NewGitHub(t, cloud, func(options *azoidc.GitHubActionsCredentialOptions) { options.CredentialOptions = o })
	},
	"Azure Pipelines": func(t *testing.T, cloud *azoidctest.Cloud, o azoidc.CredentialOptions) azcore.TokenCredential {
		return testkit.NewPipelines(t, cloud, func(options *azoidc.AzurePipelinesCredentialOptions) { options.CredentialOptions = o })
	},
	"AssertionFunc": func(t *testing.T, cloud *azoidctest.Cloud, o azoidc.CredentialOptions) azcore.TokenCredential {
		job := cloud.GitHubJob(nil)
		return newAssertion(t, cloud, azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
			ClientOptions: o.ClientOptions, RequestURL: job.RequestURL, RequestToken: job.RequestToken}), o)
	},
}

func newAssertion(t *testing.T, cloud *azoidctest.Cloud, source azoidc.AssertionFunc, o azoidc.CredentialOptions) *azoidc.AssertionCredential {
	t.Helper()
	cred, err := azoidc.NewAssertionCredential(cloud.TenantID(), cloud.ClientID(), source, &azoidc.AssertionCredentialOptions{CredentialOptions: o})
	require.NoError(t, err)
	return cred
}

// TestAWrongClockOfThisMachineCostsNoToken, whichever way and however far.
func TestAWrongClockOfThisMachineCostsNoToken(t *testing.T) {
	testbed.NotShort(t, "simulates three hours under each clock")
	for _, offset := range []time.Duration{-11 * time.Minute, 11 * time.Minute, -3 * time.Hour, 3 * time.Hour, -30000 * time.Hour, 30000 * time.Hour} {
		for name, source := range sources {
			t.Run(fmt.Sprint(name, " ", offset), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: time.Hour})
					options := testkit.CredentialOptions(cloud)
					options.Transport = testkit.WithWrongClock(cloud, offset)
					cred := source(t, cloud, options)
					began := time.Now()
					for time.Since(began) < 3*time.Hour {
						testkit.Get(t, cred, testkit.VaultScope)
						time.Sleep(5 * time.Minute)
					}
					require.LessOrEqual(t, cloud.Count(azoidctest.EntraToken), 5, "each was the first attempt")
				})
			})
		}
	}
}

// A caller's code that this library calls.
var callersCode = map[string]func(o *azoidc.CredentialOptions, panics func()){
	"transport": func(o *azoidc.CredentialOptions, panics func()) {
		o.Transport = testbed.TransportFunc(func(*http.Request) (*http.Response, error) { panics(); return nil, nil })
	},
	"transport, asked for an assertion":             onlyOn("idtoken"),
	"transport, asked for the openid-configuration": onlyOn("openid-configuration"),
	"transport, asked for a token":                  onlyOn("oauth2"),
	"per-call policy": func(o *azoidc.CredentialOptions, panics func()) {
		o.PerCallPolicies = []policy.Policy{policyFunc(func(*policy.Request) (*http.Response, error) { panics(); return nil, nil })}
	},
	"per-retry policy": func(o *azoidc.CredentialOptions, panics func()) {
		o.PerRetryPolicies = []policy.Policy{policyFunc(func(*policy.Request) (*http.Response, error) { panics(); return nil, nil })}
	},
	"ShouldRetry": func(o *azoidc.CredentialOptions, panics func()) {
		o.Retry.ShouldRetry = func(*http.Response, error) bool { panics(); return false }
	},
	"tracer": func(o *azoidc.CredentialOptions, panics func()) {
		o.TracingProvider = tracing.NewProvider(func(string, string) tracing.Tracer {
			return tracing.NewTracer(func(ctx context.Context, _ string, _ *tracing.SpanOptions) (context.Context, tracing.Span) {
				panics()
				return ctx, tracing.Span{}
			}, nil)
		}, nil)
	},
}

// onlyOn panics in requests whose path holds part.
func onlyOn(part string) func(o *azoidc.CredentialOptions, panics func()) {
	return func(o *azoidc.CredentialOptions, panics func()) {
		inner := o.Transport
		o.Transport = testbed.TransportFunc(func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Path, part) {
				panics()
			}
			return inner.Do(r)
		})
	}
}

type policyFunc func(*policy.Request) (*http.Response, error)

func (f policyFunc) Do(req *policy.Request) (*http.Response, error) { return f(req) }

// TestAPanicIsAnErrorOfTheAcquisition for all who wait, and the next one may do better.
func TestAPanicIsAnErrorOfTheAcquisition(t *testing.T) {
	for name, inject := range callersCode {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := testkit.NewCloud()
				var mended atomic.Bool
				cred := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) {
					o.Retry.MaxRetries = -1
					inject(&o.CredentialOptions, func() {
						if !mended.Load() {
							panic("boom " + testbed.JWT(`{"sub":"secret"}`))
						}
					})
				})
				if name == "ShouldRetry" {
					cloud.Fail(azoidctest.EntraToken, azoidctest.Status(400, nil, ""))
				}
				var all sync.WaitGroup
				for range 5 {
					all.Go(func() {
						_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
						if assert.ErrorContains(t, err, "panic in ") {
							assert.ErrorContains(t, err, "exchange_test.go:")
							assert.ErrorContains(t, err, "boom [redacted]")
							assert.NotContains(t, err.Error(), "goroutine ", "the stack is for the log")
						}
						var failed *azidentity.AuthenticationFailedError
						assert.ErrorAs(t, err, &failed)
					})
				}
				all.Wait()
				mended.Store(true)
				if name == "transport" || strings.Contains(name, "policy") {
					return // they answer nothing
				}
				cloud.Mend()
				testkit.Get(t, cred, testkit.VaultScope)
			})
		})
	}
}

func TestAPanicOfAnAssertionFuncIsItsError(t *testing.T) {
	cloud := testkit.NewCloud()
	calls := 0
	good := func(ctx context.Context) (string, error) {
		job := cloud.GitHubJob(nil)
		return azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
			ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken})(ctx)
	}
	cred := newAssertion(t, cloud, func(ctx context.Context) (string, error) {
		switch calls++; calls {
		case 1:
			panic("boom")
		case 2:
			return "no JWT", nil
		case 3:
			panic("boom, asked again")
		case 4:
			runtime.Goexit()
		}
		return good(ctx)
	}, testkit.CredentialOptions(cloud))
	for _, want := range []string{"boom", "boom, asked again", "ended its goroutine"} {
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, want)
		var unusable *azoidc.AssertionError
		require.ErrorAs(t, err, &unusable)
		require.Equal(t, "assertion", unusable.Source)
	}
	testkit.Get(t, cred, testkit.VaultScope)
}

func TestATransportThatReturnsNothingIsAnError(t *testing.T) {
	cloud := testkit.NewCloud()
	cred := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) {
		o.Retry.MaxRetries = -1
		o.Transport = testbed.TransportFunc(func(*http.Request) (*http.Response, error) { return nil, nil })
	})
	_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	require.ErrorContains(t, err, "neither an answer nor an error")
}

// TestErrorsOfOthersAreLeftAlone: an AssertionFunc can be a credential of this library, and its error many callers'.
func TestErrorsOfOthersAreLeftAlone(t *testing.T) {
	cloud := testkit.NewCloud()
	cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700016))
	_, refusal := testkit.NewGitHub(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	cloud.Mend()
	cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(401, nil, "no"))
	_, lack := testkit.NewGitHub(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	for name, inner := range map[string]error{"ExchangeError": refusal, "AssertionError": lack, "ExchangeError, wrapped": fmt.Errorf("mine: %w", refusal),
		"AssertionError, wrapped": fmt.Errorf("mine: %w", lack), "of a user's own": &azoidc.AssertionError{Source: "mine", Err: errors.New("no")}} {
		t.Run(name, func(t *testing.T) {
			before := inner.Error()
			fields := fmt.Sprintf("%+v", reflect.ValueOf(inner).Elem())
			cred := newAssertion(t, cloud, func(context.Context) (string, error) { return "", inner }, testkit.CredentialOptions(cloud))
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.ScopeNumber(i)))
					assert.ErrorIs(t, err, inner, "the cause is lost")
					assert.ErrorContains(t, err, before)
				})
			}
			all.Wait()
			require.Equal(t, before, inner.Error())
			require.Equal(t, fields, fmt.Sprintf("%+v", reflect.ValueOf(inner).Elem()))
		})
	}
}

// TestAChainOfCredentialsIsNotRetriedByEach: the inner one has tried again itself.
func TestAChainOfCredentialsIsNotRetriedByEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		inner := testkit.NewGitHub(t, cloud)
		cloud.Fail(azoidctest.EntraToken, azoidctest.Drop())
		cred := newAssertion(t, cloud, func(ctx context.Context) (string, error) {
			token, err := inner.GetToken(ctx, testkit.ForScope("api://AzureADTokenExchange/.default"))
			return token.Token, err
		}, testkit.CredentialOptions(cloud))
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "connection reset")
		require.Equal(t, 4, cloud.Count(azoidctest.EntraToken))
	})
}

// TestUnavailableStaysUnavailable through an AssertionFunc, at once, whether or not Entra can be reached.
func TestUnavailableStaysUnavailable(t *testing.T) {
	testbed.NotShort(t, "tries each source in each chain")
	for name, source := range map[string]func() azoidc.AssertionFunc{
		"GitHub Actions":  func() azoidc.AssertionFunc { return azoidc.GitHubActionsAssertion(nil) },
		"Azure Pipelines": func() azoidc.AssertionFunc { return azoidc.AzurePipelinesAssertion("", "", nil) },
		"a user's own": func() azoidc.AssertionFunc {
			return func(ctx context.Context) (string, error) {
				return "", fmt.Errorf("mine: %w", azidentity.NewCredentialUnavailableError("not here"))
			}
		},
		"a slow one": func() azoidc.AssertionFunc {
			return func(ctx context.Context) (string, error) {
				time.Sleep(100 * time.Millisecond)
				return "", azidentity.NewCredentialUnavailableError("not here")
			}
		},
	} {
		for reached, fault := range map[string]azoidctest.Fault{"reached": nil, "not reached": azoidctest.Drop(), "silent": azoidctest.Hang(), "busy": azoidctest.Status(503, nil, "")} {
			t.Run(name+"/"+reached, func(t *testing.T) {
				testbed.OnALaptop(t)
				synctest.Test(t, func(t *testing.T) {
					cloud := testkit.NewCloud()
					if fault != nil {
						cloud.Fail(azoidctest.EntraOpenIDConfiguration, fault)
					}
					cred := newAssertion(t, cloud, source(), testkit.CredentialOptions(cloud))
					began := time.Now()
					testkit.RequireChainGoesOn(t, cred)
					require.LessOrEqual(t, time.Since(began), 100*time.Millisecond)
					require.LessOrEqual(t, cloud.Count(), 1)
					_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
					var unusable *azoidc.AssertionError
					require.False(t, errors.As(err, &unusable), "%v", err)
				})
			})
		}
	}
}

// TestAnAssertionThatIsOfNoUseIsNotWaitedFor: Entra doesn't know the tenant, whatever the source says.
func TestAnAssertionThatIsOfNoUseIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Hang())
		cloud.Fail(azoidctest.EntraOpenIDConfiguration, azoidctest.EntraRefusal(90002))
		start := time.Now()
		_, err := testkit.NewGitHub(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "AADSTS90002")
		require.Zero(t, time.Since(start))
	})
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cloud.Fail(azoidctest.EntraOpenIDConfiguration, azoidctest.EntraRefusal(90002))
		source := func(context.Context) (string, error) { time.Sleep(time.Hour); return "", io.EOF }
		start := time.Now()
		_, err := newAssertion(t, cloud, source, testkit.CredentialOptions(cloud)).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "AADSTS90002")
		require.Equal(t, time.Second, time.Since(start), "with a source that doesn't honour its context")
		time.Sleep(time.Hour) // until the source is done
	})
}

// TestAnAssertionThatFailsIsNotWaitedFor while the openid-configuration is.
func TestAFailedAssertionEndsTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cloud.Fail(azoidctest.EntraOpenIDConfiguration, azoidctest.Hang())
		cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(401, nil, ""))
		began := time.Now()
		_, err := testkit.NewGitHub(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "HTTP 401")
		require.Zero(t, time.Since(began))
	})
}

// TestOneAttemptIsOne, for all causes.
func TestOneAttemptIsOne(t *testing.T) {
	for name, fault := range map[string]azoidctest.Fault{
		"no federated credential": azoidctest.EntraRefusal(700213), "stale": azoidctest.EntraRefusal(700024), "momentary": azoidctest.EntraRefusal(90033),
		"network": azoidctest.Drop(), "busy": azoidctest.Status(429, http.Header{"Retry-After": {"1"}}, ""),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := testkit.NewCloud()
				cred := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) { o.Retry.MaxRetries = -1 })
				cloud.Fail(azoidctest.EntraToken, fault)
				_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
				require.Error(t, err)
				require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
				require.Equal(t, 1, cloud.Count(azoidctest.GitHubOIDC))
			})
		})
	}
	t.Run("unusable assertion", func(t *testing.T) {
		cloud := testkit.NewCloud()
		cred := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) { o.Retry.MaxRetries = -1 })
		cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(200, nil, `{"value":"no JWT"}`))
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.Error(t, err)
		require.Equal(t, 1, cloud.Count(azoidctest.GitHubOIDC))
	})
}

// TestA429IsForItsTenant, bounded, and lifted by a success or by Invalidate.
func TestA429IsForItsTenant(t *testing.T) {
	const other = "11111111-2222-3333-4444-555555555555"
	throttle := azoidctest.Status(429, http.Header{"Retry-After": {"86400"}}, "")
	ask := func(t *testing.T, cred azcore.TokenCredential, tenant, scope string) error {
		_, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}, TenantID: tenant, EnableCAE: true})
		return err
	}
	make := func(t *testing.T) (*azoidctest.Cloud, *azoidc.GitHubActionsCredential) {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AdditionalTenants: []string{other}})
		return cloud, testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) { o.AdditionallyAllowedTenants = []string{"*"} })
	}
	t.Run("other tenants go on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cloud, cred := make(t)
			cloud.FailNext(azoidctest.EntraToken, 1, throttle)
			require.Error(t, ask(t, cred, "", testkit.VaultScope))
			require.NoError(t, ask(t, cred, other, testkit.VaultScope))
			err := ask(t, cred, "", testkit.GraphScope)
			require.ErrorContains(t, err, "not tried")
			require.ErrorContains(t, err, "for another 1h0m0s", "a day is more than any client waits")
			var refused *azoidc.ExchangeError
			require.ErrorAs(t, err, &refused)
			require.Zero(t, refused.Attempts)
			require.NotContains(t, refused.Err.Error(), "not tried: \n")
			require.Error(t, ask(t, cred, strings.ToUpper(cloud.TenantID()), testkit.GraphScope), "the tenant by another spelling")
		})
	})
	t.Run("one that says nothing is for the delay between attempts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cloud := testkit.NewCloud()
			cred := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) {
				o.Retry.MaxRetries, o.Retry.RetryDelay = -1, 7*time.Second
			})
			cloud.FailNext(azoidctest.EntraToken, 1, azoidctest.Status(429, nil, ""))
			began := time.Now()
			require.Error(t, ask(t, cred, "", testkit.VaultScope))
			require.Zero(t, time.Since(began))
			require.NoError(t, ask(t, cred, "", testkit.GraphScope))
			require.GreaterOrEqual(t, time.Since(began), 7*time.Second)
			require.Less(t, time.Since(began), 9*time.Second, "not all at the same moment")
		})
	})
	t.Run("a probe finds that it is over", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cloud, cred := make(t)
			cloud.FailNext(azoidctest.EntraToken, 1, throttle)
			require.Error(t, ask(t, cred, "", testkit.VaultScope))
			time.Sleep(61 * time.Second)
			require.NoError(t, ask(t, cred, "", testkit.VaultScope))
			require.NoError(t, ask(t, cred, "", testkit.GraphScope))
		})
	})
	t.Run("Invalidate lifts it", func(t *testing.T) {
		for name, invalidate := range map[string]func(*azoidc.GitHubActionsCredential){
			"scope": func(c *azoidc.GitHubActionsCredential) { c.Invalidate(testkit.VaultScope) },
			"all":   func(c *azoidc.GitHubActionsCredential) { c.InvalidateAll() },
		} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cloud, cred := make(t)
					cloud.FailNext(azoidctest.EntraToken, 1, throttle)
					require.Error(t, ask(t, cred, "", testkit.VaultScope))
					invalidate(cred)
					require.NoError(t, ask(t, cred, "", testkit.VaultScope))
				})
			})
		}
	})
	t.Run("that of the openid-configuration isn't the token endpoint's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cloud, cred := make(t)
			cloud.FailNext(azoidctest.EntraOpenIDConfiguration, 1, throttle)
			require.ErrorContains(t, ask(t, cred, "", testkit.VaultScope), "429")
			require.NoError(t, ask(t, cred, "", testkit.GraphScope))
		})
	})
}
