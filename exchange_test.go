package azoidc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestANewScopeLateInALongJob is U1: forty minutes into the job, long after the first OIDC token's five minutes.
func TestANewScopeLateInALongJob(t *testing.T) {
	for _, s := range testkit.Systems {
		t.Run(s.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := azoidctest.New(nil)
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
		cloud := azoidctest.New(&azoidctest.Options{AccessTokenLifetime: time.Hour})
		cred := testkit.NewGitHub(t, cloud)
		for range 40 {
			testkit.Get(t, cred, testkit.VaultScope)
			time.Sleep(time.Minute)
		}
		require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
		require.Equal(t, 1, cloud.Count(azoidctest.GitHubOIDC))
	})
}

func TestInstanceDiscoveryIsKeptForHostsThatAreNotTrusted(t *testing.T) {
	for name, test := range map[string]struct {
		host    string
		disable bool
		want    int
	}{
		"trusted":            {"https://login.microsoftonline.com/", false, 0},
		"private":            {"https://login.private.example/", false, 1},
		"private, disabled":  {"https://login.private.example/", true, 0},
		"trusted, disabled":  {"https://login.microsoftonline.com/", true, 0},
		"trusted, sovereign": {"https://login.microsoftonline.us/", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				local := azoidctest.New(nil)
				asked := 0
				cred := testkit.NewGitHub(t, local, func(o *azoidc.GitHubActionsCredentialOptions) {
					o.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: test.host}
					o.DisableInstanceDiscovery = test.disable
					o.Transport = testkit.TransportFunc(func(r *http.Request) (*http.Response, error) {
						if r.URL.Path == "/common/discovery/instance" {
							asked++
						}
						return local.Do(r)
					})
				})
				_, _ = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
				require.Equal(t, test.want, min(asked, 1))
			})
		})
	}
}

func TestTheOpenIDConfigurationIsReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(nil)
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
	cloud := azoidctest.New(nil)
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
					cloud := azoidctest.New(nil)
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
		cloud := azoidctest.New(nil)
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
		cloud := azoidctest.New(nil)
		cred := testkit.NewGitHub(t, cloud)
		cloud.Fail(azoidctest.EntraToken, azoidctest.Status(429, http.Header{"Retry-After": {"600"}}, ""))
		start := time.Now()
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "asked to be left alone for 10m0s")
		_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.GraphScope))
		require.ErrorContains(t, err, "not tried: Entra asked with a 429 to be left alone, for another 10m0s")
		require.Zero(t, time.Since(start))
		require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
		var refused *azoidc.ExchangeError
		require.ErrorAs(t, err, &refused)
	})
}

// TestReplication has a federated credential that Entra's servers learn of only after a while.
func TestReplication(t *testing.T) {
	for name, test := range map[string]struct {
		succeeded bool
		option    time.Duration
		known     time.Duration // after which the credential is known
		wantErr   bool
		latest    time.Duration
	}{
		"soon":                         {known: 3 * time.Second, latest: 5 * time.Second},
		"not soon":                     {known: time.Hour, wantErr: true, latest: 5 * time.Second},
		"after a success, later":       {succeeded: true, known: 20 * time.Second, latest: 30 * time.Second},
		"after a success, never":       {succeeded: true, known: time.Hour, wantErr: true, latest: 30 * time.Second},
		"as long as the caller wants":  {option: time.Minute, known: 50 * time.Second, latest: time.Minute},
		"not at all, the caller wants": {option: -1, known: time.Second, wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := azoidctest.New(nil)
				cred := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) { o.ReplicationTimeout = test.option })
				if test.succeeded {
					testkit.Get(t, cred, testkit.GraphScope)
				}
				cloud.Application().Distrust()
				cloud.GitHubJob(&azoidctest.GitHubJobOptions{EffectiveAfter: test.known})
				start := time.Now()
				_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
				require.Equal(t, test.wantErr, err != nil, "%v", err)
				require.LessOrEqual(t, time.Since(start), test.latest)
				testkit.RequireNewAssertions(t, cloud, testkit.Systems[0])
			})
		})
	}
}

func TestAStaleAssertionIsRenewedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(nil)
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
		cloud := azoidctest.New(nil)
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
		cloud := azoidctest.New(nil)
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
	cloud := azoidctest.New(nil)
	_, err := testkit.NewGitHub(t, cloud).GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, TenantID: "another"})
	require.ErrorContains(t, err, "AdditionallyAllowedTenants")
	require.Zero(t, cloud.Count())
}

// TestTheCallersAnnotationsStayTheirs: a flight outlives its caller, whose variable it must not write to.
func TestTheCallersAnnotationsStayTheirs(t *testing.T) {
	cloud := azoidctest.New(nil)
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
	cloud := azoidctest.New(nil)
	cloud.Fail(azoidctest.EntraToken, azoidctest.Status(201, nil, fmt.Sprintf(`{"access_token":"`+token+`"%s}`, `,"expires_in":3600`)))
	require.Equal(t, token, testkit.Get(t, testkit.NewGitHub(t, cloud), testkit.VaultScope).Token)
}
