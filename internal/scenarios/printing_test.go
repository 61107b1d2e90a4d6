package scenarios_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestNoSecretIsPrinted in any form of whatever a program holds of this library.
func TestNoSecretIsPrinted(t *testing.T) {
	testbed.NotShort(t, "prints each value in each form")
	cloud := testkit.NewCloud()
	github, pipelines := testkit.NewGitHub(t, cloud), testkit.NewPipelines(t, cloud)
	user := cloud.UserAssertion(time.Hour)
	job := cloud.GitHubJob(nil)
	assertion := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken})
	onBehalf, err := azoidc.NewOnBehalfOfCredential(cloud.TenantID(), cloud.ClientID(), user, assertion,
		&azoidc.OnBehalfOfCredentialOptions{CredentialOptions: testkit.CredentialOptions(cloud)})
	require.NoError(t, err)
	testkit.Get(t, github, testkit.VaultScope)
	testkit.Get(t, pipelines, testkit.VaultScope)
	testkit.Get(t, onBehalf, testkit.VaultScope)
	cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700016))
	_, refused := github.GetToken(t.Context(), testkit.ForScope(testkit.GraphScope))
	require.Error(t, refused)
	cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(403, nil, `{"message":"no"}`))
	_, unusable := github.GetToken(t.Context(), testkit.ForScope(testkit.StorageScope))
	require.Error(t, unusable)

	secrets := append(testkit.SecretsOf(cloud), user)
	for _, value := range []any{
		github, *github, pipelines, *pipelines, onBehalf, *onBehalf, github.TokenCache, github.Tokens(), assertion,
		refused, *refused.(*azoidc.ExchangeError), unusable, *unusable.(*azoidc.AssertionError),
		struct {
			*azoidc.GitHubActionsCredential
		}{github},
	} {
		testbed.RequirePrintsNone(t, value, secrets...)
	}
}

// deployer is how a program's own options hold this library's.
type deployer struct {
	azoidc.GitHubActionsCredentialOptions
	Subscription string
	Wait         time.Duration
}

// aliased embeds them under a name that isn't exported, for which fmt calls no methods by itself.
type options = azoidc.GitHubActionsAssertionOptions
type aliased struct {
	options
	Subscription string
}

// TestWhoEmbedsTheOptions sees their own fields, and no secret.
func TestWhoEmbedsTheOptions(t *testing.T) {
	own := deployer{azoidc.GitHubActionsCredentialOptions{Audience: "api://mine", RequestToken: testkit.Canary}, "sub-1", time.Second}
	short := aliased{options{Audience: "api://mine", RequestToken: testkit.Canary}, "sub-1"}
	for _, value := range []any{own, &own, short, &short, []deployer{own}, map[string]aliased{"k": short}, struct{ Field any }{own}} {
		requireHidden(t, value)
		require.Contains(t, fmt.Sprintf("%+v", value), "Subscription:sub-1")
		require.Contains(t, fmt.Sprintf("%+v", value), "Audience:api://mine")
		require.Contains(t, fmt.Sprintf("%+v", value), "RequestToken:[redacted]")
		_, err := json.Marshal(value)
		require.ErrorContains(t, err, "unsupported type: func")
	}
	require.Contains(t, fmt.Sprintf("%+v", own), "Wait:1s", "fields are printed by their own methods")
	for _, alone := range []any{own.GitHubActionsCredentialOptions, &own.GitHubActionsCredentialOptions, short.options, &short.options} {
		requireHidden(t, alone)
	}
}

// requireHidden leaves out %p, for which fmt asks no methods.
func requireHidden(t *testing.T, value any) {
	t.Helper()
	for form, text := range testbed.Printed(value) {
		if !strings.HasPrefix(form, "%") || !strings.HasSuffix(form, "p") {
			require.NotContains(t, text, testkit.Canary, form)
		}
	}
}
