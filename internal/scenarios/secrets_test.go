//go:debug rsa1024min=0

package scenarios_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestMain listens to all that azcore and azidentity log; the listener can't be set while clients are in use.
func TestMain(m *testing.M) {
	log.SetListener(testkit.Logged.Write)
	if !live {
		testbed.ForgetEnvironment()
	}
	testkit.KeyBits = 512 // see go:debug above
	testbed.CollectLess()
	os.Exit(m.Run())
}

func TestNothingSecretInAnyExportedValue(t *testing.T) {
	lines := testkit.Logged.Keep(t)
	cloud := testkit.NewCloud()
	github := cloud.GitHubJob(nil)
	options := &azoidc.GitHubActionsCredentialOptions{CredentialOptions: testkit.CredentialOptions(cloud), RequestURL: github.RequestURL, RequestToken: github.RequestToken}
	options.Logging = policy.LogOptions{IncludeBody: true, AllowedHeaders: []string{"authorization"}}
	cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), options)
	require.NoError(t, err)
	pipelines := testkit.NewPipelines(t, cloud, func(o *azoidc.AzurePipelinesCredentialOptions) { o.Logging = options.Logging })
	testkit.Get(t, cred, testkit.VaultScope)
	testkit.Get(t, pipelines, testkit.VaultScope)
	user := cloud.UserAssertion(3600e9)
	obo, err := azoidc.NewOnBehalfOfCredential(cloud.TenantID(), cloud.ClientID(), user, azoidc.StaticAssertion(testkit.Canary), nil)
	require.NoError(t, err)
	require.NotEmpty(t, lines(), "nothing was logged, so nothing was checked")

	secrets := append(testkit.SecretsOf(cloud), user)
	values := map[string]any{
		"GitHubActionsCredential": cred, "AzurePipelinesCredential": pipelines, "OnBehalfOfCredential": obo,
		"GitHubActionsCredential value": *cred, "TokenCache": cred.TokenCache, "TokenStatus": cred.Tokens(),
		"options": options, "options value": *options,
		"assertion options": azoidc.GitHubActionsAssertionOptions{RequestToken: github.RequestToken},
		"AssertionFunc":     azoidc.StaticAssertion(testkit.Canary),
	}
	for name, value := range values {
		for form, text := range testkit.FormsOf(t, value) {
			for _, secret := range secrets {
				require.False(t, secret != "" && strings.Contains(text, secret), "%s as %s: %s", name, form, text)
			}
		}
	}
	for _, secret := range secrets {
		require.False(t, secret != "" && strings.Contains(lines(), secret), "a secret in the log: %s", lines())
	}
}

// TestMSALsOwnComplaintsLeakNothing: a success can be good and still hold a member that MSAL can't read.
func TestMSALsOwnComplaintsLeakNothing(t *testing.T) {
	for member, value := range map[string]string{
		"expires_on": `"garbage"`, "refresh_in": `"soon"`, "ext_expires_in": `[]`, "id_token": `"a.b.c"`,
		"client_info": `"!"`, "token_type": `7`, "scope": `{}`, "error_codes": `"x"`,
	} {
		t.Run(member, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lines := testkit.Logged.Keep(t)
				cloud := testkit.NewCloud()
				cloud.Fail(azoidctest.EntraToken, azoidctest.Status(200, nil,
					`{"access_token":"`+testkit.Canary+`","token_type":"Bearer","expires_in":3600,"`+member+`":`+value+`}`))
				token, err := testkit.NewGitHub(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
				if err == nil {
					require.Equal(t, testkit.Canary, token.Token, "MSAL doesn't mind")
					return
				}
				require.ErrorContains(t, err, "MSAL couldn't use Entra's answer")
				testkit.RequireNoSecret(t, err, cloud)
				testkit.RequireNoSecretLogged(t, lines(), cloud)
			})
		})
	}
}

// TestRefusalsAreLogged as every Azure SDK client logs them.
func TestRefusalsAreLogged(t *testing.T) {
	for _, s := range testkit.Systems {
		lines := testkit.Logged.Keep(t)
		cloud := testkit.NewCloud()
		cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700016))
		_, err := s.Cred(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.Error(t, err)
		require.Contains(t, lines(), "ResponseError POST https://login.microsoftonline.com/")
		require.Contains(t, lines(), "ERROR CODE: AADSTS700016")
		cloud.Fail(s.Leg, azoidctest.Status(403, nil, `{"message":"not you"}`))
		_, err = s.Cred(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.Error(t, err)
		require.Contains(t, lines(), "not you")
	}
}

// TestEchoesOfSecrets: what a service sends back of what it got is taken out, in each form that it can plausibly have.
func TestEchoesOfSecrets(t *testing.T) {
	testbed.NotShort(t, "tries each form on each leg")
	for _, s := range testkit.Systems {
		for _, leg := range []azoidctest.Leg{s.Leg, azoidctest.EntraToken} {
			for name, form := range testbed.Echoes {
				t.Run(fmt.Sprint(s.Name, "/", leg, "/", name), func(t *testing.T) {
					lines := testkit.Logged.Keep(t)
					local := testkit.NewCloud()
					var secret string
					cred := makers["own"](t, local, s, testbed.TransportFunc(func(r *http.Request) (*http.Response, error) {
						if legOf(r, s) != leg {
							return local.Do(r)
						}
						secret = sentWith(t, r)
						echo := form(secret)
						return answered(400, "Sorry, "+echo, http.Header{"X-Ms-Request-Id": {echo}, "X-Vss-E2eid": {echo}},
							jsonOf(map[string]any{"message": "you sent " + echo, "error_description": "AADSTS700016: " + echo, "trace_id": echo, "correlation_id": echo}))
					}))
					_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
					require.ErrorContains(t, err, "[redacted]")
					require.Greater(t, len(secret), 20)
					for printed, output := range testkit.FormsOf(t, err) {
						require.Empty(t, testbed.LeftOf(secret, output), printed)
						require.Empty(t, testbed.LeftOf(form(secret), output), printed)
					}
					require.Empty(t, testbed.LeftOf(form(secret), lines()))
				})
			}
		}
	}
}

// sentWith is the secret that a request carries.
func sentWith(t *testing.T, r *http.Request) string {
	t.Helper()
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return bearer
	}
	require.NoError(t, r.ParseForm())
	return r.Form.Get("client_assertion")
}
