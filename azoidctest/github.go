package azoidctest

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	gitHubAssertionLifetime    = 5 * time.Minute
	gitHubRequestTokenLifetime = 6*time.Hour + 10*time.Minute
)

// GitHubJobOptions describe a job of GitHub Actions, which decides what its tokens say.
type GitHubJobOptions struct {
	Repository  string // octo-org/octo-repo if empty
	Ref         string // refs/heads/main if empty, refs/pull/1/merge for a pull request
	Environment string // the job has no environment if empty
	PullRequest bool   // the workflow runs for a pull request

	// RepositoryID and RepositoryOwnerID are the numbers by which GitHub knows the repository and its owner: the claims
	// repository_id and repository_owner_id. If they are empty, they are 456789 and 123456.
	RepositoryID, RepositoryOwnerID string

	// ImmutableSubject puts both numbers into the subject, as in repo:octo-org@123456/octo-repo@456789:ref:refs/heads/main.
	// That is what repositories on github.com have that were created, renamed or transferred since 2026-07-15, see
	// https://learn.microsoft.com/entra/workload-id/workload-identities-github-immutable-subjects.
	ImmutableSubject bool

	// Subject replaces the subject that follows from the fields above, as custom subject claims do, see
	// https://docs.github.com/actions/reference/security/oidc.
	Subject string

	// Issuer is the URL of the issuer, for instance an enterprise's own, https://token.actions.githubusercontent.com/octo,
	// or that of a GitHub Enterprise Server. Its documents are published below this URL, in memory. If Issuer is empty, it
	// is https://token.actions.githubusercontent.com.
	Issuer string

	Audience string // of the federated credential; api://AzureADTokenExchange if empty

	// RequestTokenLifetime is the time after which the job's request token is refused. 0 means 6 h 10 min.
	RequestTokenLifetime time.Duration

	Application    *Application  // that the job signs in as; the default application if nil
	Untrusted      bool          // if true, no federated credential is added to the application
	EffectiveAfter time.Duration // as in FederatedCredential
}

// GitHubJob is a running job of GitHub Actions with the permission id-token: write. Its fields don't change. Its methods
// are safe for concurrent use.
type GitHubJob struct {
	RequestURL, RequestToken  string // what the runner exports
	Issuer, Subject, Audience string // of the job's federated credential

	cloud   *Cloud
	options GitHubJobOptions
	issuer  *ciIssuer

	mu      sync.Mutex
	expires time.Time // of the request token
}

// GitHubJob starts a job. Unless options.Untrusted is set, it adds a federated credential for the job to the application.
// options may be nil and is not modified.
func (c *Cloud) GitHubJob(options *GitHubJobOptions) *GitHubJob {
	o := GitHubJobOptions{}
	if options != nil {
		o = *options
	}
	o.Repository = cmp.Or(o.Repository, "octo-org/octo-repo")
	if o.PullRequest {
		o.Ref = cmp.Or(o.Ref, "refs/pull/1/merge")
	}
	o.Ref = cmp.Or(o.Ref, "refs/heads/main")
	o.RepositoryID = cmp.Or(o.RepositoryID, "456789")
	o.RepositoryOwnerID = cmp.Or(o.RepositoryOwnerID, "123456")
	o.Application = cmp.Or(o.Application, c.Application())
	o.RequestTokenLifetime = cmp.Or(o.RequestTokenLifetime, gitHubRequestTokenLifetime)
	j := &GitHubJob{
		RequestToken: rand.Text(),
		Issuer:       cmp.Or(o.Issuer, c.endpoints.gitHubIssuer),
		Subject:      cmp.Or(o.Subject, o.subject()),
		Audience:     cmp.Or(o.Audience, exchangeAudience),
		cloud:        c,
		options:      o,
		expires:      time.Now().Add(o.RequestTokenLifetime),
	}
	j.issuer = c.issuerOf(j.Issuer, "GitHub")
	if !o.Untrusted {
		o.Application.Trust(FederatedCredential{j.Issuer, j.Subject, j.Audience, o.EffectiveAfter})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	path := strconv.Itoa(len(c.gitHubJobs)+1) + "/idtoken"
	j.RequestURL = c.endpoints.gitHub + "/" + path + "?api-version=2.0"
	c.gitHubJobs[path] = j
	return j
}

// subject has the forms of https://docs.github.com/actions/reference/security/oidc#filtering-for-specific-environments:
// environment before pull request before ref.
func (o *GitHubJobOptions) subject() string {
	prefix := "repo:" + o.Repository
	if o.ImmutableSubject {
		owner, name, _ := strings.Cut(o.Repository, "/")
		prefix = "repo:" + owner + "@" + o.RepositoryOwnerID + "/" + name + "@" + o.RepositoryID
	}
	switch {
	case o.Environment != "":
		return prefix + ":environment:" + strings.ReplaceAll(o.Environment, ":", "%3A")
	case o.PullRequest:
		return prefix + ":pull_request"
	}
	return prefix + ":ref:" + strings.ReplaceAll(o.Ref, ":", "%3A")
}

// Env returns the environment variables that a step of the job sees:
//
//   - GITHUB_ACTIONS, ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN, which the runner sets
//   - AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_SUBSCRIPTION_ID, which a workflow sets for Azure SDKs
//   - AZURE_AUTHORITY_HOST, if the cloud has a BaseURL
func (j *GitHubJob) Env() map[string]string {
	env := j.cloud.env(j.options.Application)
	env["GITHUB_ACTIONS"] = "true"
	env["ACTIONS_ID_TOKEN_REQUEST_URL"] = j.RequestURL
	env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = j.RequestToken
	return env
}

// env returns the variables that Azure SDKs read in any job.
func (c *Cloud) env(app *Application) map[string]string {
	env := map[string]string{
		"AZURE_TENANT_ID":       c.options.TenantID,
		"AZURE_CLIENT_ID":       app.clientID,
		"AZURE_SUBSCRIPTION_ID": subscriptionID,
	}
	if c.options.BaseURL != "" {
		env["AZURE_AUTHORITY_HOST"] = c.endpoints.entra + "/"
	}
	return env
}

// ExpireRequestToken ends the life of RequestToken: from now on GitHub refuses it with 401.
func (j *GitHubJob) ExpireRequestToken() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.expires = time.Now()
}

func (j *GitHubJob) admits(token string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return token == j.RequestToken && time.Now().Before(j.expires)
}

func (c *Cloud) serveGitHub(path string) http.HandlerFunc {
	c.mu.Lock()
	defer c.mu.Unlock()
	job, ok := c.gitHubJobs[path]
	if !ok {
		return http.NotFound
	}
	return job.serve
}

func (j *GitHubJob) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		refuseGitHub(w, http.StatusMethodNotAllowed, "Method not allowed")
		return
	}
	if !j.admits(bearer(r)) {
		refuseGitHub(w, http.StatusUnauthorized, "The request token is invalid or has expired")
		return
	}
	query := r.URL.Query()
	if query.Get("api-version") != "2.0" { // as in RequestURL
		refuseGitHub(w, http.StatusBadRequest, "The api-version of the request URL is missing")
		return
	}
	audience := query.Get("audience")
	if !query.Has("audience") {
		owner, _, _ := strings.Cut(j.options.Repository, "/")
		audience = "https://github.com/" + owner
	}
	if audience == "" || strings.ContainsAny(audience, " \t\r\n") {
		refuseGitHub(w, http.StatusBadRequest, fmt.Sprintf("Can't issue ID_TOKEN for audience '%s'.", audience))
		return
	}
	token := j.issue(audience)
	entryOf(r.Context()).update(func(request *Request) { request.Assertion = decodeClaims(token) })
	writeJSON(w, http.StatusOK, map[string]any{"count": len(token), "value": token})
}

func refuseGitHub(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]any{"source": "actions-run-service", "statusCode": status, "errorMessage": message})
}

// issue makes a token with the claims of https://docs.github.com/actions/reference/security/oidc#oidc-token-claims.
func (j *GitHubJob) issue(audience string) string {
	now := time.Now()
	lifetime := cmp.Or(j.cloud.current().assertionLifetime, gitHubAssertionLifetime)
	owner, _, _ := strings.Cut(j.options.Repository, "/")
	workflow := j.options.Repository + "/.github/workflows/deploy.yml@" + j.options.Ref
	event := "push"
	if j.options.PullRequest {
		event = "pull_request"
	}
	claims := jwt.MapClaims{
		"jti": newGUID(),
		"iss": j.Issuer,
		"sub": j.Subject,
		"aud": audience,
		"iat": now.Unix(),
		"nbf": now.Add(-5 * time.Minute).Unix(),
		"exp": now.Unix() + int64(lifetime/time.Second),

		"repository":            j.options.Repository,
		"repository_id":         j.options.RepositoryID,
		"repository_owner":      owner,
		"repository_owner_id":   j.options.RepositoryOwnerID,
		"repository_visibility": "private",
		"ref":                   j.options.Ref,
		"ref_type":              refType(j.options.Ref),
		"event_name":            event,
		"workflow":              "deploy",
		"workflow_ref":          workflow,
		"job_workflow_ref":      workflow,
		"runner_environment":    "github-hosted",
		"run_id":                "1",
		"run_number":            "1",
		"run_attempt":           "1",
		"check_run_id":          "1",
	}
	if j.options.Environment != "" {
		claims["environment"] = j.options.Environment
	}
	return j.issuer.key.sign(claims)
}

func refType(ref string) string {
	if strings.HasPrefix(ref, "refs/tags/") {
		return "tag"
	}
	return "branch"
}
