package azoidctest_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestPipelinesKinds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(nil)
		older := c.PipelinesJob(nil)
		accessToken(t, exchange(t, c, pipelinesToken(t, c, older), vault+"/.default"))
		claims := c.Requests(azoidctest.AzureDevOpsOIDC)[0].Assertion
		require.Regexp(t, `^https://vstoken\.dev\.azure\.com/[0-9a-f-]{36}$`, claims.Issuer)
		require.Equal(t, "sc://octo-org/octo-project/octo-connection", claims.Subject)
		require.Equal(t, []string{"api://AzureADTokenExchange"}, claims.Audience)
		require.Equal(t, 5*time.Minute, claims.ExpiresAt.Sub(claims.IssuedAt))
		require.Equal(t, 10*time.Minute, claims.IssuedAt.Sub(claims.NotBefore))

		newer := c.PipelinesJob(&azoidctest.PipelinesJobOptions{Kind: azoidctest.NewerConnection})
		accessToken(t, exchange(t, c, pipelinesToken(t, c, newer), vault+"/.default"))
		claims = c.Requests(azoidctest.AzureDevOpsOIDC)[1].Assertion
		require.Equal(t, "https://login.microsoftonline.com/"+c.TenantID()+"/v2.0", claims.Issuer)
		require.Regexp(t, `^/eid1/c/pub/t/[\w-]{22}/a/[\w-]{22}/sc/[0-9a-f-]{36}/`+newer.ServiceConnectionID+`$`, claims.Subject)
		require.Equal(t, []string{"fb60f99c-7a34-4190-8149-302f77469936"}, claims.Audience)
		require.Equal(t, 24*time.Hour+5*time.Minute, claims.ExpiresAt.Sub(claims.IssuedAt))
		require.Equal(t, claims.IssuedAt, claims.NotBefore)
		require.Empty(t, claims.ID, "Entra's tokens have no jti")
		require.Equal(t, "499b84ac-1321-427f-aa17-267ca6975798", claims.All["azp"])
		require.Equal(t, c.TenantID(), claims.All["tid"])
		require.Equal(t, "2.0", claims.All["ver"])
		require.Zero(t, c.Count(azoidctest.EntraOpenIDConfiguration), "what Entra reads itself is not among the clients' requests")
	})
}

// TestEntrasOwnAssertionsBelowABaseURL, whose authority is none of Microsoft's.
func TestEntrasOwnAssertionsBelowABaseURL(t *testing.T) {
	c := newCloud(&azoidctest.Options{BaseURL: "https://octo.example"})
	job := c.PipelinesJob(&azoidctest.PipelinesJobOptions{Kind: azoidctest.NewerConnection})
	require.Equal(t, "https://octo.example/"+c.TenantID()+"/v2.0", job.Issuer)
	accessToken(t, exchange(t, c, pipelinesToken(t, c, job), vault+"/.default"))
}

// The subject of learn.microsoft.com's example has the tenant in .NET's byte order.
func TestPipelinesSubjectEncoding(t *testing.T) {
	c := newCloud(&azoidctest.Options{TenantID: "00112233-4455-6677-8899-aabbccddeeff"})
	job := c.PipelinesJob(&azoidctest.PipelinesJobOptions{Kind: azoidctest.NewerConnection})
	tenant := strings.Split(job.Subject, "/")[5]
	b, err := base64.RawURLEncoding.DecodeString(tenant)
	require.NoError(t, err)
	require.Equal(t, []byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}, b)
}

func TestPipelinesSharedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(nil)
		job := c.PipelinesJob(&azoidctest.PipelinesJobOptions{Kind: azoidctest.NewerConnection, Shared: true, TokenAge: 24 * time.Hour})
		first := pipelinesToken(t, c, job)
		require.Equal(t, 5*time.Minute, time.Until(c.Requests()[0].Assertion.ExpiresAt))
		time.Sleep(5*time.Minute - 1)
		require.Equal(t, first, pipelinesToken(t, c, job))
		time.Sleep(time.Nanosecond)
		require.NotEqual(t, first, pipelinesToken(t, c, job))
	})
}

func TestPipelinesRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(nil)
		job := c.PipelinesJob(&azoidctest.PipelinesJobOptions{RequestTokenLifetime: time.Hour})
		ask := func(method, url, token, redirect string) answer {
			r := newRequest(t, method, url, token)
			r.Header.Set("X-TFS-FedAuthRedirect", redirect)
			return send(t, c, r)
		}
		require.Equal(t, 401, ask(http.MethodPost, pipelinesURL(job), "octocat", "Suppress").status)
		redirected := ask(http.MethodPost, pipelinesURL(job), "octocat", "")
		require.Equal(t, 302, redirected.status)
		page := get(t, c, redirected.header.Get("Location"), "")
		require.Equal(t, 203, page.status)
		require.Contains(t, page.header.Get("Content-Type"), "text/html")
		require.Equal(t, 405, ask(http.MethodGet, pipelinesURL(job), job.SystemAccessToken, "Suppress").status)
		a := ask(http.MethodPost, job.RequestURI+"?serviceConnectionId="+job.ServiceConnectionID, job.SystemAccessToken, "Suppress")
		require.Equal(t, 400, a.status)
		require.Contains(t, a.json["message"], "api-version")
		for version, want := range map[string]int{"7.1": 200, "7.1-preview.1": 200, "7.2-preview": 200, "7.0": 400, "2.0": 400, "octo": 400} {
			a := ask(http.MethodPost, strings.Replace(pipelinesURL(job), "api-version=7.1", "api-version="+version, 1), job.SystemAccessToken, "Suppress")
			require.Equal(t, want, a.status, version)
		}
		require.NotEmpty(t, a.header.Get("x-vss-e2eid"))
		require.NotEmpty(t, a.header.Get("x-msedge-ref"))
		require.Equal(t, 404, ask(http.MethodPost, strings.Replace(pipelinesURL(job), "/jobs/", "/jobs/0", 1), job.SystemAccessToken, "Suppress").status)

		a = ask(http.MethodPost, job.RequestURI+"?api-version=7.1&serviceConnectionId=octo", job.SystemAccessToken, "Suppress")
		requireNoReference(t, a)
		unreferenced := c.PipelinesJob(&azoidctest.PipelinesJobOptions{Unreferenced: true})
		requireNoReference(t, pipelinesAnswer(t, c, unreferenced))

		require.Equal(t, 200, pipelinesAnswer(t, c, job).status)
		time.Sleep(time.Hour)
		require.Equal(t, 401, pipelinesAnswer(t, c, job).status)
		unreferenced.ExpireRequestToken()
		require.Equal(t, 401, pipelinesAnswer(t, c, unreferenced).status)
	})
}

func requireNoReference(t *testing.T, a answer) {
	t.Helper()
	require.Equal(t, 200, a.status)
	require.Contains(t, a.json["value"], "There is no explicit reference to service connection")
	require.NotContains(t, a.json, "oidcToken")
}

func parse(t *testing.T, token string) *jwt.Token {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	require.NoError(t, err)
	return parsed
}

func TestPipelinesJobWithTwoConnections(t *testing.T) {
	c := newCloud(nil)
	app := c.Register("8d7c6b5a-4f3e-2d1c-0b9a-887766554433")
	first := c.PipelinesJob(nil)
	second := c.PipelinesJob(&azoidctest.PipelinesJobOptions{SameJob: first, ServiceConnection: "other", Application: app})
	require.Equal(t, first.RequestURI, second.RequestURI)
	require.Equal(t, first.SystemAccessToken, second.SystemAccessToken)
	require.NotEqual(t, first.ServiceConnectionID, second.ServiceConnectionID)

	form := tokenForm(c, pipelinesToken(t, c, second), vault+"/.default")
	requireRefusal(t, post(t, c, c.TenantID(), form), 700213, 401, "invalid_client")
	form.Set("client_id", app.ClientID())
	accessToken(t, post(t, c, c.TenantID(), form))
	accessToken(t, exchange(t, c, pipelinesToken(t, c, first), vault+"/.default"))

	second.ExpireRequestToken()
	require.Equal(t, http.StatusUnauthorized, pipelinesAnswer(t, c, first).status)
}
