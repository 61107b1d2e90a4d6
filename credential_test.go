//go:debug rsa1024min=0

package azoidc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

func TestMain(m *testing.M) {
	testkit.KeyBits = 512 // see go:debug above
	testbed.Run(m)
}

func TestConstructorsRefuseWhatCannotBeRight(t *testing.T) {
	testbed.OutsideCI(t)
	_, err := azoidc.NewGitHubActionsCredential("not/a tenant", testkit.AClientID, nil)
	require.ErrorContains(t, err, "tenant ID")
	_, err = azoidc.NewAzurePipelinesCredential("not/a tenant", testkit.AClientID, "s", "t", nil)
	require.ErrorContains(t, err, "tenant ID")
	for _, clientID := range []string{"my-application", "a1b2", "https:/one.slash", "11111111-2222-3333-4444-55555555555g"} {
		_, err = azoidc.NewGitHubActionsCredential("t", clientID, nil)
		require.ErrorContains(t, err, "the argument clientID")
		require.ErrorContains(t, err, "Application (client) ID")
		require.NotContains(t, err.Error(), clientID, "it may be a secret in the wrong place")
		t.Setenv("AZURE_CLIENT_ID", clientID)
		_, err = azoidc.NewDefaultCredential(nil)
		require.ErrorContains(t, err, "what AZURE_CLIENT_ID holds")
	}
	for name, make := range map[string]func(tenantID, clientID string) error{
		"Azure Pipelines": func(tenantID, clientID string) error {
			_, err := azoidc.NewAzurePipelinesCredential(tenantID, clientID, "s", "t", nil)
			return err
		},
		"assertion": func(tenantID, clientID string) error {
			_, err := azoidc.NewAssertionCredential(tenantID, clientID, azoidc.StaticAssertion("x"), nil)
			return err
		},
		"on behalf of": func(tenantID, clientID string) error {
			_, err := azoidc.NewOnBehalfOfCredential(tenantID, clientID, "user", azoidc.StaticAssertion("x"), nil)
			return err
		},
	} {
		require.ErrorContains(t, make("t", "my-application"), "the argument clientID", name)
		require.ErrorContains(t, make("not/a tenant", testkit.AClientID), "the argument tenantID", name)
		require.NoError(t, make("t", testkit.AClientID), name)
	}
	for _, clientID := range []string{testkit.AClientID, "{" + testkit.AClientID + "}", "11111111222233334444555555555555", "api://my-application", "https://contoso.example/app"} {
		_, err = azoidc.NewGitHubActionsCredential("t", clientID, nil)
		require.NoError(t, err, "Entra may know it")
	}
	_, err = azoidc.NewAssertionCredential("t", testkit.AClientID, nil, nil)
	require.ErrorContains(t, err, "nil")
	_, err = azoidc.NewOnBehalfOfCredential("t", testkit.AClientID, "user", nil, nil)
	require.ErrorContains(t, err, "nil")
	_, err = azoidc.NewOnBehalfOfCredential("t", testkit.AClientID, " ", azoidc.StaticAssertion("x"), nil)
	require.ErrorContains(t, err, "user assertion is empty")
	_, err = azoidc.NewOnBehalfOfCredential("t", testkit.AClientID, "a user", azoidc.StaticAssertion("x"), nil)
	require.ErrorContains(t, err, "characters that no access token has")
	_, err = azoidc.NewGitHubActionsCredential("t", testkit.AClientID, &azoidc.GitHubActionsCredentialOptions{Audience: "${{ vars.AUDIENCE }}"})
	require.ErrorContains(t, err, "Audience")
}

// TestConstructorsRefuseAnAuthorityThatIsNone wherever it's from.
func TestConstructorsRefuseAnAuthorityThatIsNone(t *testing.T) {
	testbed.OutsideCI(t)
	t.Setenv("AZURE_TENANT_ID", "t")
	t.Setenv("AZURE_CLIENT_ID", testkit.AClientID)
	for authority, want := range map[string]string{"http://login.example": "https", "login.example": "https", "https://[": "https", "$(authority)": "macro"} {
		t.Setenv("AZURE_AUTHORITY_HOST", authority)
		named := azoidc.CredentialOptions{ClientOptions: azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: authority}}}
		for _, options := range []azoidc.CredentialOptions{{}, named} {
			for name, make := range constructors(options) {
				cred, err := make()
				require.ErrorContains(t, err, want, name)
				require.Nil(t, cred, name)
			}
		}
	}
}

// constructors make each credential with these options.
func constructors(o azoidc.CredentialOptions) map[string]func() (any, error) {
	const tenantID, clientID, user = "t", testkit.AClientID, "user"
	source := azoidc.StaticAssertion("x")
	return map[string]func() (any, error){
		"assertion": func() (any, error) {
			return azoidc.NewAssertionCredential(tenantID, clientID, source, &azoidc.AssertionCredentialOptions{CredentialOptions: o})
		},
		"on behalf of": func() (any, error) {
			return azoidc.NewOnBehalfOfCredential(tenantID, clientID, user, source, &azoidc.OnBehalfOfCredentialOptions{CredentialOptions: o})
		},
		"GitHub Actions": func() (any, error) {
			return azoidc.NewGitHubActionsCredential(tenantID, clientID, &azoidc.GitHubActionsCredentialOptions{CredentialOptions: o})
		},
		"Azure Pipelines": func() (any, error) {
			return azoidc.NewAzurePipelinesCredential(tenantID, clientID, "s", "t", &azoidc.AzurePipelinesCredentialOptions{CredentialOptions: o})
		},
		"default": func() (any, error) {
			return azoidc.NewDefaultCredential(&azoidc.DefaultCredentialOptions{CredentialOptions: o})
		},
	}
}

func TestOptionsAreNeverModified(t *testing.T) {
	local := testkit.NewCloud()
	allowed := make([]string, 1, 8)
	options := &azoidc.GitHubActionsCredentialOptions{CredentialOptions: testkit.CredentialOptions(local)}
	options.Transport = local // unlike a func, a pointer can be compared
	options.Logging.AllowedHeaders = allowed
	options.AdditionallyAllowedTenants = []string{"*"}
	before := *options
	cred := testkit.NewGitHub(t, local, func(o *azoidc.GitHubActionsCredentialOptions) {
		o.Logging.AllowedHeaders = options.Logging.AllowedHeaders
	})
	_, err := azoidc.NewGitHubActionsCredential("t", testkit.AClientID, options)
	require.NoError(t, err)
	testkit.Get(t, cred, testkit.VaultScope)
	require.Equal(t, before, *options)
	require.Equal(t, make([]string, 8), allowed[:8], "the caller's slice is written to")
}

// TestTheEnvironmentNamesTheApplication where the arguments don't.
func TestTheEnvironmentNamesTheApplication(t *testing.T) {
	local := testkit.NewCloud()
	job := local.GitHubJob(nil)
	source := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: local.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken})
	options := testkit.CredentialOptions(local)
	for name, make := range map[string]func(tenant, client string) (azcore.TokenCredential, error){
		"AssertionCredential": func(tenant, client string) (azcore.TokenCredential, error) {
			return azoidc.NewAssertionCredential(tenant, client, source, &azoidc.AssertionCredentialOptions{CredentialOptions: options})
		},
		"GitHubActionsCredential": func(tenant, client string) (azcore.TokenCredential, error) {
			return azoidc.NewGitHubActionsCredential(tenant, client, &azoidc.GitHubActionsCredentialOptions{
				CredentialOptions: options, RequestURL: job.RequestURL, RequestToken: job.RequestToken})
		},
	} {
		t.Run(name, func(t *testing.T) {
			testbed.OutsideCI(t)
			cred, err := make("", "")
			require.NoError(t, err)
			testkit.RequireChainGoesOn(t, cred)

			t.Setenv("AZURE_TENANT_ID", " "+local.TenantID()+"\n")
			t.Setenv("AZURE_CLIENT_ID", local.ClientID())
			local.Reset()
			cred, err = make("", " ")
			require.NoError(t, err)
			testkit.Get(t, cred, testkit.VaultScope)
			require.Equal(t, local.ClientID(), local.Requests(azoidctest.EntraToken)[0].Form.Get("client_id"))

			t.Setenv("AZURE_TENANT_ID", "not/a tenant")
			_, err = make("", "")
			require.Error(t, err)
		})
	}
}

// TestTheAudienceOfEachCloud is what Entra recommends there.
func TestTheAudienceOfEachCloud(t *testing.T) {
	for host, want := range map[string]string{
		"login.microsoftonline.com": "api://AzureADTokenExchange", "login.private.example": "api://AzureADTokenExchange",
		"login.microsoftonline.us": "api://AzureADTokenExchangeUSGov", "login.usgovcloudapi.net": "api://AzureADTokenExchangeUSGov",
		"login-us.microsoftonline.com":     "api://AzureADTokenExchangeUSGov",
		"LOGIN.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina", "login.chinacloudapi.cn": "api://AzureADTokenExchangeChina",
	} {
		t.Run(host, func(t *testing.T) {
			local := testkit.NewCloud()
			job := local.GitHubJob(nil)
			options := &azoidc.GitHubActionsAssertionOptions{ClientOptions: local.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken}
			options.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: "https://" + host}
			_, err := azoidc.GitHubActionsAssertion(options)(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, local.Requests(azoidctest.GitHubOIDC)[0].Form.Get("audience"))
		})
	}
}

// TestOptionsAreReadOnce: what the caller does with slices afterwards has no effect.
func TestOptionsAreReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		local := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AdditionalTenants: []string{"11111111-2222-3333-4444-555555555555"}})
		var calls atomic.Int32
		count := policyFunc(func(req *policy.Request) (*http.Response, error) { calls.Add(1); return req.Next() })
		var options azoidc.CredentialOptions
		cred := testkit.NewGitHub(t, local, func(o *azoidc.GitHubActionsCredentialOptions) {
			o.Retry = policy.RetryOptions{StatusCodes: []int{418}, RetryDelay: -1}
			o.AdditionallyAllowedTenants = []string{"11111111-2222-3333-4444-555555555555"}
			o.PerCallPolicies, o.PerRetryPolicies = []policy.Policy{count}, []policy.Policy{count}
			options = o.CredentialOptions
		})
		options.Retry.StatusCodes[0] = 500
		options.AdditionallyAllowedTenants[0] = "x"
		options.PerCallPolicies[0], options.PerRetryPolicies[0] = nil, nil
		get := func(scope string) {
			_, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}, TenantID: "11111111-2222-3333-4444-555555555555"})
			require.NoError(t, err)
		}
		get(testkit.VaultScope)
		local.Reset()
		calls.Store(0)
		for _, leg := range []azoidctest.Leg{azoidctest.GitHubOIDC, azoidctest.EntraToken} {
			local.FailNext(leg, 1, azoidctest.Status(418, nil, ""))
		}
		get(testkit.GraphScope)
		require.EqualValues(t, 2*5, calls.Load(), "both policies in three requests for assertions and two for tokens")
	})
}

// TestHostileClientOptions: whatever is in azcore's options, GetToken returns in time, and nothing secret is in its error.
func TestHostileClientOptions(t *testing.T) {
	testbed.NotShort(t, "tries each text in each position")
	longest := time.Duration(1<<63 - 1)
	for name, change := range map[string]func(*azcore.ClientOptions){
		"all retries":   func(o *azcore.ClientOptions) { o.Retry = policy.RetryOptions{MaxRetries: 1<<31 - 1} },
		"least retries": func(o *azcore.ClientOptions) { o.Retry = policy.RetryOptions{MaxRetries: -1 << 31} },
		"longest delays": func(o *azcore.ClientOptions) {
			o.Retry = policy.RetryOptions{RetryDelay: longest, MaxRetryDelay: longest, TryTimeout: longest}
		},
		"longest MaxRetryDelay": func(o *azcore.ClientOptions) { o.Retry = policy.RetryOptions{MaxRetryDelay: longest} },
		"negative delays": func(o *azcore.ClientOptions) {
			o.Retry = policy.RetryOptions{RetryDelay: -longest, MaxRetryDelay: -longest, TryTimeout: -longest}
		},
		"all status codes": func(o *azcore.ClientOptions) { o.Retry = policy.RetryOptions{StatusCodes: []int{200, 400, 401, 0, -1}} },
		"always retry":     func(o *azcore.ClientOptions) { o.Retry.ShouldRetry = func(*http.Response, error) bool { return true } },
		"nil policies": func(o *azcore.ClientOptions) {
			o.PerCallPolicies, o.PerRetryPolicies = []policy.Policy{nil}, []policy.Policy{nil}
		},
		"a policy that never goes on": func(o *azcore.ClientOptions) {
			o.PerCallPolicies = []policy.Policy{policyFunc(func(req *policy.Request) (*http.Response, error) {
				<-req.Raw().Context().Done()
				return nil, req.Raw().Context().Err()
			})}
		},
		"a policy that returns nothing": func(o *azcore.ClientOptions) {
			o.PerCallPolicies = []policy.Policy{policyFunc(func(*policy.Request) (*http.Response, error) { return nil, nil })}
		},
		"a policy that returns a bare answer": func(o *azcore.ClientOptions) {
			o.PerRetryPolicies = []policy.Policy{policyFunc(func(*policy.Request) (*http.Response, error) { return &http.Response{}, nil })}
		},
		"a policy that asks twice": func(o *azcore.ClientOptions) {
			o.PerCallPolicies = []policy.Policy{policyFunc(func(req *policy.Request) (*http.Response, error) {
				if _, err := req.Clone(req.Raw().Context()).Next(); err != nil {
					return nil, err
				}
				return req.Next()
			})}
		},
		"bodies logged": func(o *azcore.ClientOptions) {
			o.Logging = policy.LogOptions{IncludeBody: true, AllowedHeaders: []string{"Authorization", ""}, AllowedQueryParams: []string{"audience", ""}}
		},
		"telemetry": func(o *azcore.ClientOptions) {
			o.Telemetry = policy.TelemetryOptions{ApplicationID: strings.Repeat("x\n", 1000), Disabled: true}
		},
		"long application ID": func(o *azcore.ClientOptions) {
			o.Telemetry = policy.TelemetryOptions{ApplicationID: strings.Repeat("x", 1000)}
		},
		"API version":         func(o *azcore.ClientOptions) { o.APIVersion = "1" },
		"credentials by http": func(o *azcore.ClientOptions) { o.InsecureAllowCredentialWithHTTP = true },
		"empty tracing": func(o *azcore.ClientOptions) {
			o.TracingProvider = tracing.NewProvider(func(string, string) tracing.Tracer { return tracing.Tracer{} }, nil)
		},
		"nil client": func(o *azcore.ClientOptions) { o.Transport = nilDoer() },
		"bare answers": func(o *azcore.ClientOptions) {
			o.Transport = testbed.TransportFunc(func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil })
		},
		"impossible statuses": func(o *azcore.ClientOptions) {
			o.Transport = testbed.TransportFunc(func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: -1}, nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				local := testkit.NewCloud()
				cred := testkit.NewGitHub(t, local, func(o *azoidc.GitHubActionsCredentialOptions) { change(&o.ClientOptions) })
				for _, fault := range []azoidctest.Fault{nil, azoidctest.EntraRefusal(700016), azoidctest.Status(503, http.Header{"Retry-After": {"10"}}, "")} {
					local.Mend()
					if fault != nil {
						local.Fail(azoidctest.EntraToken, fault)
					}
					began := time.Now()
					_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
					require.LessOrEqual(t, time.Since(began), 2*time.Minute+time.Second)
					if err != nil {
						testkit.RequireNoSecret(t, err, local)
					}
					cred.InvalidateAll()
				}
			})
		})
	}
}

// nilDoer is a transporter of a type whose pointer is nil.
func nilDoer() *ownClient { return nil }

type ownClient struct{ calls int }

func (c *ownClient) Do(*http.Request) (*http.Response, error) {
	c.calls++
	return nil, nil
}

// TestEverySpanEnds, whatever becomes of a request.
func TestEverySpanEnds(t *testing.T) {
	testbed.NotShort(t, "tries each fault on each leg")
	for name, fault := range map[string]azoidctest.Fault{
		"well": nil, "refused": azoidctest.Status(400, nil, ""), "dropped": azoidctest.Drop(), "endless": azoidctest.Endless(), "hanging": azoidctest.Hang(),
	} {
		for _, leg := range []azoidctest.Leg{azoidctest.GitHubOIDC, azoidctest.EntraOpenIDConfiguration, azoidctest.EntraToken} {
			t.Run(name+"/"+leg.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					local := testkit.NewCloud()
					if fault != nil {
						local.Fail(leg, fault)
					}
					var begun, ended spans
					cred := testkit.NewGitHub(t, local, func(o *azoidc.GitHubActionsCredentialOptions) {
						o.Retry.MaxRetries = -1
						o.TracingProvider = tracing.NewProvider(func(string, string) tracing.Tracer {
							return tracing.NewTracer(func(ctx context.Context, name string, _ *tracing.SpanOptions) (context.Context, tracing.Span) {
								begun.add(name)
								return ctx, tracing.NewSpan(tracing.SpanImpl{End: func() { ended.add(name) }})
							}, nil)
						}, nil)
					})
					_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
					require.Equal(t, fault == nil, err == nil)
					synctest.Wait()
					require.Contains(t, begun.sorted(), "GitHub Actions.RequestAssertion")
					require.Equal(t, begun.sorted(), ended.sorted())
				})
			})
		}
	}
}

// spans are their names.
type spans struct {
	mu    sync.Mutex
	names []string
}

func (s *spans) add(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = append(s.names, name)
}

func (s *spans) sorted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.names))
}

// odd are arguments that nobody should pass, and somebody does.
var odd = []string{"", " ", "\x00", "\xff", "a/b", "..", "-", "ſ", "https://evil.example/", strings.Repeat("a", 1<<16), strings.Repeat("a.", 1<<14),
	"common", "organizations", "consumers", "adfs", "tenant", "a b\nc"}

// TestOddArguments: each function that this package exports returns, and so does what it returned.
func TestOddArguments(t *testing.T) {
	testbed.OnALaptop(t)
	for i, text := range odd {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				local := testkit.NewCloud()
				options := testkit.CredentialOptions(local)
				options.Retry.MaxRetries = -1
				for _, cred := range oddCredentials(text, options) {
					useOddly(t, cred, text)
				}
			})
			var none context.Context
			for _, source := range []azoidc.AssertionFunc{
				azoidc.GitHubActionsAssertion(nil), azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{RequestURL: text, RequestToken: text, Audience: text}),
				azoidc.AzurePipelinesAssertion(text, text, nil), azoidc.AzurePipelinesAssertion(text, text, &azoidc.AzurePipelinesAssertionOptions{RequestURI: text}),
				azoidc.StaticAssertion(text), azoidc.FileAssertion(text), azoidc.CommandAssertion(text), azoidc.CommandAssertion(text, text),
			} {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				if jwt, err := source(ctx); err == nil {
					require.Equal(t, strings.TrimSpace(text), jwt, "only the static one knows it")
				}
			}
			_, err := azoidc.CommandAssertion(text)(none)
			require.Error(t, err)
			_, _ = azoidc.ParseClaims(text)
			_ = azoidc.ScopeKusto(text)
		})
	}
}

// oddCredentials are those that could be made.
func oddCredentials(text string, options azoidc.CredentialOptions) (creds []credential) {
	keep := func(cred credential, err error) {
		if err == nil {
			creds = append(creds, cred)
		}
	}
	source := azoidc.StaticAssertion(text)
	for _, args := range [][2]string{{text, text}, {"tenant", text}, {text, "client"}} {
		gitHub, err := azoidc.NewGitHubActionsCredential(args[0], args[1], &azoidc.GitHubActionsCredentialOptions{
			CredentialOptions: options, RequestURL: text, RequestToken: text, Audience: text})
		keep(gitHub, err)
		pipelines, err := azoidc.NewAzurePipelinesCredential(args[0], args[1], text, text, &azoidc.AzurePipelinesCredentialOptions{CredentialOptions: options, RequestURI: text})
		keep(pipelines, err)
		assertion, err := azoidc.NewAssertionCredential(args[0], args[1], source, &azoidc.AssertionCredentialOptions{CredentialOptions: options})
		keep(assertion, err)
		onBehalf, err := azoidc.NewOnBehalfOfCredential(args[0], args[1], text, source, &azoidc.OnBehalfOfCredentialOptions{CredentialOptions: options})
		keep(onBehalf, err)
	}
	return creds
}

type credential interface {
	azcore.TokenCredential
	Preload(context.Context, ...string) error
	KeepFresh(context.Context) error
	Invalidate(...string)
	InvalidateAll()
	Tokens() []azoidc.TokenStatus
}

func useOddly(t *testing.T, cred credential, text string) {
	t.Helper()
	began := time.Now()
	for _, request := range []policy.TokenRequestOptions{
		{}, {Scopes: []string{text}}, {Scopes: []string{text, text}, TenantID: text}, {Scopes: []string{"scope"}, Claims: text, EnableCAE: true},
	} {
		_, err := cred.GetToken(t.Context(), request)
		require.Error(t, err)
	}
	require.Error(t, cred.Preload(t.Context(), text, "scope"))
	require.LessOrEqual(t, time.Since(began), 3*time.Minute)
	cred.Invalidate(text)
	cred.InvalidateAll()
	require.Empty(t, cred.Tokens())
}

// TestNoOptionsAndOddOnes: nil is like the zero value, and no number is too large or too small.
func TestNoOptionsAndOddOnes(t *testing.T) {
	longest := time.Duration(1<<63 - 1)
	testbed.OnALaptop(t)
	for _, d := range []time.Duration{0, 1, -1, longest, -longest - 1} {
		synctest.Test(t, func(t *testing.T) {
			local := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: time.Hour})
			cred := testkit.NewGitHub(t, local, func(o *azoidc.GitHubActionsCredentialOptions) {
				o.ReplicationTimeout = d
				o.TokenCache = azoidc.TokenCacheOptions{RefreshBefore: d}
				if d > 1 {
					o.TokenCache.AcquireTimeout = d
				}
			})
			for range 10 {
				testkit.Get(t, cred, testkit.VaultScope)
				time.Sleep(time.Minute)
			}
		})
	}
	for name, make := range map[string]func() (credential, error){
		"GitHub Actions":  func() (credential, error) { return azoidc.NewGitHubActionsCredential("", "", nil) },
		"Azure Pipelines": func() (credential, error) { return azoidc.NewAzurePipelinesCredential("", "", "", "", nil) },
		"assertion": func() (credential, error) {
			return azoidc.NewAssertionCredential("", "", azoidc.StaticAssertion(""), nil)
		},
		"on behalf of": func() (credential, error) {
			return azoidc.NewOnBehalfOfCredential("", "", "user", azoidc.StaticAssertion(""), nil)
		},
		"no credential":   func() (credential, error) { return azoidc.NewTokenCache(nil, nil), nil },
		"zero cache":      func() (credential, error) { return &azoidc.TokenCache{}, nil },
		"zero credential": func() (credential, error) { return &azoidc.GitHubActionsCredential{}, nil },
		"zero chain":      func() (credential, error) { return azoidc.DefaultCredential{}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			cred, err := make()
			require.NoError(t, err)
			_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			require.Error(t, err)
			require.Error(t, cred.Preload(t.Context(), testkit.VaultScope))
			cred.Invalidate(testkit.VaultScope)
			cred.InvalidateAll()
			require.Empty(t, cred.Tokens())
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, cred.KeepFresh(ctx), context.Canceled)
		})
	}
}

// TestThePersistentCacheIsAzidentitys: it is asked in the caller's CAE mode, in Invalidate's wake, too, and what it can't do is
// no secret. internal/scenarios has the tests with storage.
func TestThePersistentCacheIsAzidentitys(t *testing.T) {
	local := testkit.NewCloud()
	watched := testkit.NewWatchedCache()
	cred := testkit.NewGitHub(t, local, func(o *azoidc.GitHubActionsCredentialOptions) { o.Cache = watched.Cache })
	testkit.Get(t, cred, testkit.VaultScope)
	require.EqualValues(t, 1, watched.CAE.Load())
	require.Zero(t, watched.Other.Load())
	_, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.GraphScope}})
	require.NoError(t, err)
	require.EqualValues(t, 1, watched.Other.Load())

	cred.InvalidateAll()
	asked := watched.CAE.Load()
	testkit.Get(t, cred, testkit.VaultScope)
	require.EqualValues(t, asked+1, watched.CAE.Load(), "what comes after an Invalidate is stored")

	watched.Err = errors.New("no keyring")
	_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.StorageScope))
	require.ErrorContains(t, err, "no keyring")

	onBehalf, err := azoidc.NewOnBehalfOfCredential(local.TenantID(), local.ClientID(), "user", azoidc.StaticAssertion("a.b.c"),
		&azoidc.OnBehalfOfCredentialOptions{CredentialOptions: azoidc.CredentialOptions{ClientOptions: local.ClientOptions(), Cache: watched.Cache}})
	require.NoError(t, err)
	asked = watched.CAE.Load()
	_, err = onBehalf.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	require.Error(t, err)
	onBehalf.InvalidateAll()
	require.Equal(t, asked, watched.CAE.Load(), "azidentity's on-behalf-of credential has none")
}
