package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestTokenRaw(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	service := cloud.Service(vault)
	job := cloud.GitHubJob(nil)
	r := run(t, inJob(cloud, job.Env()), "token", "-scope", service.Scope, "-o", "raw")
	require.Equal(t, exitWell, r.status, r.stderr)
	token, ok := strings.CutSuffix(r.stdout, "\n")
	require.True(t, ok)
	request, err := http.NewRequest(http.MethodGet, service.URL, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := cloud.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
}

func TestTokenJSON(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(&azoidctest.Options{AccessTokenLifetime: time.Hour})
		r := run(t, inJob(cloud, cloud.PipelinesJob(nil).Env()), "token", "-scope", vaultScope)
		require.Equal(t, exitWell, r.status, r.stderr)
		issued := cloud.Requests(azoidctest.EntraToken)[0].AccessToken
		var members map[string]any
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &members))
		expires := time.Now().Add(time.Hour)
		require.Equal(t, map[string]any{
			"accessToken": issued.Raw,
			"expiresOn":   expires.Format("2006-01-02 15:04:05.000000"), // local, as Azure CLI prints it
			"expires_on":  float64(expires.Unix()),
			"tenant":      cloud.TenantID(),
			"tokenType":   "Bearer",
		}, members)
		require.Equal(t, []string{"accessToken", "expiresOn", "expires_on", "tenant", "tokenType"}, slices.Sorted(maps.Keys(members)))
	})
}

func TestTokenIsMaskedFirst(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	github, devops := cloud.GitHubJob(nil).Env(), cloud.PipelinesJob(nil).Env()
	for name, test := range map[string]struct {
		env     map[string]string
		marker  string
		command string // "": none
	}{
		"GitHub Actions":  {github, "GITHUB_ACTIONS=true", "::add-mask::"},
		"Azure Pipelines": {devops, "TF_BUILD=True", "##vso[task.setsecret]"},
		"elsewhere":       {without(github, "GITHUB_ACTIONS"), "CI=true", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := inJob(cloud, test.env, test.marker)
			r := run(t, p, "token", "-scope", vaultScope, "-o", "raw")
			require.Equal(t, exitWell, r.status, r.stderr)
			if test.command == "" {
				require.Empty(t, r.stderr)
				return
			}
			require.True(t, r.stderr == strings.Repeat(test.command+r.stdout, 2), "the mask, and nothing else")

			p.stderr = brokenPipe{}
			var stdout strings.Builder
			p.stdout = &stdout
			require.Equal(t, exitNotWell, p.run(t.Context(), []string{"token", "-scope", vaultScope}))
			require.Empty(t, stdout.String(), "what can't be masked isn't printed")
		})
	}
}

func TestTokenRefused(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	job := cloud.GitHubJob(nil)
	cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700016))
	r := run(t, inJob(cloud, job.Env()), "token", "-scope", vaultScope)
	require.Equal(t, exitNotWell, r.status)
	require.Empty(t, r.stdout)
	require.Contains(t, r.stderr, "AADSTS700016")
	requireNoSecret(t, cloud, job.Env(), r.stderr)
}

func TestMalformedTenant(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	r := run(t, inJob(cloud, cloud.GitHubJob(nil).Env()), "token", "-scope", vaultScope, "-tenant-id", "a/b")
	require.Equal(t, exitNotWell, r.status)
	require.Contains(t, r.stderr, "tenant ID")
}

// What JSON would write in another form than the log masks isn't printed so, though Microsoft Entra hands out no such token.
func TestTokenThatJSONWouldChange(t *testing.T) {
	t.Parallel()
	var stdout strings.Builder
	p := offline()
	p.direct.stdout = &stdout
	token := azcore.AccessToken{Token: `a"b`}
	require.ErrorContains(t, p.printToken("json", token, "tenant"), "a form that the log doesn't mask")
	require.Empty(t, stdout.String())
	require.NoError(t, p.printToken("raw", token, "tenant"))
	require.Equal(t, token.Token+"\n", stdout.String())
}
