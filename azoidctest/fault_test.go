package azoidctest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestFaultsInTurn(t *testing.T) {
	c := newCloud(nil)
	job := c.GitHubJob(nil)
	status := func() int { return get(t, c, job.RequestURL, job.RequestToken).status }
	c.Fail(azoidctest.GitHubOIDC, azoidctest.Status(http.StatusBadGateway, http.Header{"Retry-After": {"7"}}, "octocat"))
	c.FailNext(azoidctest.GitHubOIDC, 2, azoidctest.Status(http.StatusServiceUnavailable, nil, ""))
	c.FailNext(azoidctest.GitHubOIDC, 1, azoidctest.Empty())
	require.Equal(t, []int{503, 503, 200, 502, 502}, []int{status(), status(), status(), status(), status()})
	a := get(t, c, job.RequestURL, job.RequestToken)
	require.Equal(t, "octocat", a.body)
	require.Equal(t, "7", a.header.Get("Retry-After"))
	require.Equal(t, http.StatusUnauthorized, get(t, c, c.Service(vault).URL, "").status, "other legs are well")

	c.Mend(azoidctest.EntraToken)
	require.Equal(t, 502, status())
	c.Mend()
	require.Equal(t, 200, status())
	require.Equal(t, 8, c.Count(azoidctest.GitHubOIDC))
	require.Equal(t, 9, c.Count())
	c.Reset()
	require.Empty(t, c.Requests())
}

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(nil)
		job := c.GitHubJob(nil)
		c.Fail(azoidctest.GitHubOIDC, azoidctest.Throttle(2, time.Minute))
		send := func() answer { return get(t, c, job.RequestURL, job.RequestToken) }
		require.Equal(t, 200, send().status)
		time.Sleep(10*time.Second + 1)
		require.Equal(t, 200, send().status)
		a := send()
		require.Equal(t, 429, a.status)
		require.Equal(t, "50", a.header.Get("Retry-After"))
		time.Sleep(50 * time.Second)
		require.Equal(t, 200, send().status)
	})
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(nil)
		job := c.GitHubJob(nil)
		c.FailNext(azoidctest.GitHubOIDC, 1, azoidctest.Delay(time.Minute))
		start := time.Now()
		require.NotEmpty(t, gitHubToken(t, c, job, job.Audience))
		require.Equal(t, time.Minute, time.Since(start))
		require.Equal(t, start, c.Requests()[0].Time)
		require.Equal(t, start.Add(time.Minute), c.Requests()[0].Answered)
	})
}

func TestEntraRefusal(t *testing.T) {
	for _, test := range []struct {
		code, status int
		kind         string
	}{
		{700213, 401, "invalid_client"},
		{50196, 429, "invalid_grant"},
		{90033, 503, "temporarily_unavailable"},
		{50105, 400, "invalid_request"},
	} {
		c := newCloud(nil)
		c.FailNext(azoidctest.EntraToken, 1, azoidctest.EntraRefusal(test.code))
		requireRefusal(t, exchange(t, c, "", ""), test.code, test.status, test.kind)
	}
	answer := httptest.NewRecorder() // a Fault works without a Cloud
	azoidctest.EntraRefusal(50196)(answer, httptest.NewRequest(http.MethodPost, "/", nil), nil)
	require.Equal(t, "60", answer.Header().Get("Retry-After"))
}

func TestOnScope(t *testing.T) {
	c := newCloud(nil)
	job := c.GitHubJob(nil)
	c.Fail(azoidctest.EntraToken, azoidctest.OnScope(vault+"/.default", azoidctest.EntraRefusal(90033)))
	requireRefusal(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), vault+"/.default"), 90033, 503, "temporarily_unavailable")
	accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), "https://graph.microsoft.com/.default"))
}

// TestOnTenant throttles one of two tenants, as Entra does.
func TestOnTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
		c := newCloud(&azoidctest.Options{AdditionalTenants: []string{other}})
		job := c.GitHubJob(nil)
		c.Fail(azoidctest.EntraToken, azoidctest.OnTenant(strings.ToUpper(other), azoidctest.Throttle(1, time.Minute)))
		form := tokenForm(c, gitHubToken(t, c, job, job.Audience), vault+"/.default")
		accessToken(t, post(t, c, other, form))
		a := post(t, c, other, form)
		require.Equal(t, 429, a.status)
		require.Equal(t, "60", a.header.Get("Retry-After"))
		accessToken(t, post(t, c, c.TenantID(), form))
		accessToken(t, post(t, c, c.TenantID(), form))
	})
}
