package azoidctest_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestTenantsApplicationsResources(t *testing.T) {
	t.Parallel()
	other := "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
	c := newCloud(&azoidctest.Options{AdditionalTenants: []string{other}, Resources: []string{"https://management.azure.com"}})
	service := c.Service(vault)
	app := c.Register("8d7c6b5a-4f3e-2d1c-0b9a-887766554433")
	job := c.GitHubJob(&azoidctest.GitHubJobOptions{Application: app, Environment: "production: eu"})
	require.Equal(t, "repo:octo-org/octo-repo:environment:production%3A eu", job.Subject)
	require.Equal(t, app.ClientID(), job.Env()["AZURE_CLIENT_ID"])
	require.Same(t, app, c.Register(strings.ToUpper(app.ClientID())))

	form := tokenForm(c, gitHubToken(t, c, job, job.Audience), "https://management.azure.com//.default")
	requireRefusal(t, post(t, c, other, form), 70025, 401, "invalid_client") // the default application has none
	form.Set("client_id", app.ClientID())
	accessToken(t, post(t, c, other, form))
	claims := c.Requests(azoidctest.EntraToken)[1].AccessToken
	require.Equal(t, other, claims.All["tid"])
	require.Equal(t, app.ClientID(), claims.All["appid"])
	require.Equal(t, []string{"https://management.azure.com/"}, claims.Audience)

	form.Set("scope", service.Scope)
	accessToken(t, post(t, c, other, form))
	form.Set("scope", "https://graph.microsoft.com/.default")
	requireRefusal(t, post(t, c, other, form), 500011, 400, "invalid_resource")
}

func TestOnBehalfOf(t *testing.T) {
	t.Parallel()
	c := newCloud(nil)
	job := c.GitHubJob(nil)
	form := func(user string) url.Values {
		f := tokenForm(c, gitHubToken(t, c, job, job.Audience), vault+"/.default openid profile offline_access")
		f.Set("grant_type", onBehalfOf)
		f.Set("requested_token_use", "on_behalf_of")
		f.Set("assertion", user)
		return f
	}
	good := c.UserAssertion(time.Hour)
	requireRefusal(t, post(t, c, c.TenantID(), form(c.UserAssertion(-time.Second))), 500133, 400, "invalid_grant") // without tolerance
	accessToken(t, post(t, c, c.TenantID(), form(good)))
	one := form(good)
	one.Set("scope", vault+"/user_impersonation")
	require.Equal(t, 200, get(t, c, c.Service(vault).URL, accessToken(t, post(t, c, c.TenantID(), one))).status)

	requireRefusal(t, post(t, c, c.TenantID(), form(tamperSignature(t, good))), 50013, 400, "invalid_grant")
	requireRefusal(t, post(t, c, c.TenantID(), form("octocat")), 50013, 400, "invalid_grant")
	requireRefusal(t, post(t, c, c.TenantID(), form(c.UserAssertion(-time.Hour))), 500133, 400, "invalid_grant")
	requireRefusal(t, post(t, c, c.TenantID(), form("")), 900144, 400, "invalid_request")
	application := accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), "api://"+c.ClientID()+"/.default"))
	requireRefusal(t, post(t, c, c.TenantID(), form(application)), 50013, 400, "invalid_grant") // no user's
	other := accessToken(t, post(t, c, c.TenantID(), form(good)))
	requireRefusal(t, post(t, c, c.TenantID(), form(other)), 50013, 400, "invalid_grant") // for another audience
	bad := form(good)
	bad.Set("client_assertion", "octocat")
	requireRefusal(t, post(t, c, c.TenantID(), bad), 50027, 400, "invalid_request") // the client's own comes first
}

func TestAccessTokenLifetimes(t *testing.T) {
	t.Parallel()
	c := newCloud(nil)
	job := c.GitHubJob(nil)
	ask := func() answer { return exchange(t, c, gitHubToken(t, c, job, job.Audience), vault+"/.default") }
	different := map[any]bool{}
	for range 20 {
		a := ask()
		require.GreaterOrEqual(t, a.json["expires_in"], float64(3600))
		require.Less(t, a.json["expires_in"], float64(5400))
		require.Equal(t, a.json["expires_in"], a.json["ext_expires_in"])
		require.NotContains(t, a.json, "refresh_in")
		different[a.json["expires_in"]] = true
	}
	require.Greater(t, len(different), 1)
	c.SetAccessTokenLifetime(24 * time.Hour)
	c.SetRefreshIn(12 * time.Hour)
	require.Equal(t, float64(86400), ask().json["expires_in"])
	require.Equal(t, float64(43200), ask().json["refresh_in"])
}
