package azoidctest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestGitHubSubjects(t *testing.T) {
	for want, options := range map[string]*azoidctest.GitHubJobOptions{
		"repo:octo-org/octo-repo:ref:refs/heads/main":      nil,
		"repo:o/r:ref:refs/tags/v1":                        {Repository: "o/r", Ref: "refs/tags/v1"},
		"repo:o/r:pull_request":                            {Repository: "o/r", PullRequest: true},
		"repo:o/r:environment:a%3Ab":                       {Repository: "o/r", Environment: "a:b", PullRequest: true},
		"repo:octo-org/octo-repo:job_workflow_ref:o/r/x@y": {Subject: "repo:octo-org/octo-repo:job_workflow_ref:o/r/x@y"},

		"repo:octo-org@123456/octo-repo@456789:ref:refs/heads/main": {ImmutableSubject: true},
		"repo:o@1/r@2:environment:e":                                {ImmutableSubject: true, Repository: "o/r", RepositoryOwnerID: "1", RepositoryID: "2", Environment: "e"},
		"repo:o@123456/r@2:pull_request":                            {ImmutableSubject: true, Repository: "o/r", RepositoryID: "2", PullRequest: true},
	} {
		require.Equal(t, want, newCloud(nil).GitHubJob(options).Subject)
	}
}

func TestGitHubToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(nil)
		job := c.GitHubJob(nil)
		raw := gitHubToken(t, c, job, job.Audience)
		token := parse(t, raw)
		require.Equal(t, "RS256", token.Header["alg"])
		require.Equal(t, "JWT", token.Header["typ"])
		require.NotEmpty(t, token.Header["kid"])
		require.NotEmpty(t, token.Header["x5t"])
		issued := c.Requests(azoidctest.GitHubOIDC)[0].Assertion
		require.Equal(t, raw, issued.Raw)
		require.Equal(t, job.Audience, issued.Audience[0])
		require.Equal(t, time.Now().Unix(), issued.IssuedAt.Unix())
		require.Equal(t, issued.IssuedAt.Add(5*time.Minute), issued.ExpiresAt)
		require.True(t, issued.NotBefore.Before(issued.IssuedAt))
		require.Equal(t, "octo-org/octo-repo", issued.All["repository"])
		require.Equal(t, "456789", issued.All["repository_id"])
		require.Equal(t, "123456", issued.All["repository_owner_id"])
		require.Equal(t, "branch", issued.All["ref_type"])
		require.NotEqual(t, issued.ID, parse(t, gitHubToken(t, c, job, job.Audience)).Claims.(jwt.MapClaims)["jti"])

		c.SetAssertionLifetime(3 * time.Second)
		gitHubToken(t, c, job, job.Audience)
		short := c.Requests(azoidctest.GitHubOIDC)[2].Assertion
		require.Equal(t, 3*time.Second, short.ExpiresAt.Sub(short.IssuedAt))
	})
}

func TestGitHubAudience(t *testing.T) {
	c := newCloud(nil)
	job := c.GitHubJob(nil)
	require.Equal(t, http.StatusOK, get(t, c, job.RequestURL, job.RequestToken).status)
	require.Equal(t, []string{"https://github.com/octo-org"}, c.Requests()[0].Assertion.Audience)
	a := get(t, c, strings.Replace(job.RequestURL, "?api-version=2.0", "?audience=octo", 1), job.RequestToken)
	require.Equal(t, http.StatusBadRequest, a.status, "without the request URL's query")
	for _, audience := range []string{"", "a%20b"} {
		a := get(t, c, job.RequestURL+"&audience="+audience, job.RequestToken)
		require.Equal(t, http.StatusBadRequest, a.status)
		require.Contains(t, a.json["errorMessage"], "Can't issue ID_TOKEN for audience '")
	}
}

func TestGitHubRequestToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(nil)
		job := c.GitHubJob(nil)
		status := func(job *azoidctest.GitHubJob, token string) int { return get(t, c, job.RequestURL, token).status }
		require.Equal(t, 401, status(job, ""))
		require.Equal(t, 401, status(job, "octocat"))
		require.Equal(t, 405, send(t, c, newRequest(t, http.MethodPost, job.RequestURL, job.RequestToken)).status)
		require.Equal(t, 404, get(t, c, strings.Replace(job.RequestURL, "/1/", "/9/", 1), job.RequestToken).status)

		time.Sleep(6*time.Hour + 10*time.Minute - 1)
		require.Equal(t, 200, status(job, job.RequestToken))
		time.Sleep(time.Nanosecond)
		require.Equal(t, 401, status(job, job.RequestToken))

		short := c.GitHubJob(&azoidctest.GitHubJobOptions{RequestTokenLifetime: time.Minute})
		require.Equal(t, 200, status(short, short.RequestToken))
		require.Equal(t, 401, status(short, job.RequestToken), "another job's")
		short.ExpireRequestToken()
		require.Equal(t, 401, status(short, short.RequestToken))
	})
}

func TestGitHubIssuers(t *testing.T) {
	for _, issuer := range []string{"https://token.actions.githubusercontent.com/octo-enterprise", "https://ghes.octo.example/_services/token"} {
		c := newCloud(nil)
		job := c.GitHubJob(&azoidctest.GitHubJobOptions{Issuer: issuer})
		accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), vault+"/.default"))
		require.Equal(t, issuer, c.Requests(azoidctest.EntraToken)[0].Assertion.Issuer)
	}
	server := newServer()
	defer server.Close()
	job := server.GitHubJob(&azoidctest.GitHubJobOptions{Issuer: "https://ghes.octo.example/_services/token"})
	accessToken(t, exchange(t, server.Cloud, gitHubToken(t, server.Cloud, job, job.Audience), vault+"/.default"))
}

// TestImmutableSubject: a credential from before the repository was renamed has the old subject.
func TestImmutableSubject(t *testing.T) {
	c := newCloud(nil)
	before := c.GitHubJob(nil)
	accessToken(t, exchange(t, c, gitHubToken(t, c, before, before.Audience), vault+"/.default"))
	after := c.GitHubJob(&azoidctest.GitHubJobOptions{ImmutableSubject: true, Untrusted: true})
	token := gitHubToken(t, c, after, after.Audience)
	requireRefusal(t, exchange(t, c, token, vault+"/.default"), 700213, 401, "invalid_client")
	c.Application().Trust(azoidctest.FederatedCredential{Issuer: after.Issuer, Subject: after.Subject, Audience: after.Audience})
	accessToken(t, exchange(t, c, token, vault+"/.default"))
}

func TestUntrusted(t *testing.T) {
	c := newCloud(nil)
	job := c.GitHubJob(&azoidctest.GitHubJobOptions{Untrusted: true})
	requireRefusal(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), vault+"/.default"), 70025, 401, "invalid_client")
	other := c.PipelinesJob(&azoidctest.PipelinesJobOptions{Untrusted: true})
	requireRefusal(t, exchange(t, c, pipelinesToken(t, c, other), vault+"/.default"), 70025, 401, "invalid_client")
}
