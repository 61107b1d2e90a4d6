package azoidc

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/redact"
)

// GitHubActionsAssertionOptions are the options of [GitHubActionsAssertion].
type GitHubActionsAssertionOptions struct {
	azcore.ClientOptions // of the requests to GitHub; Retry included

	// Audience is the aud claim to ask for. If it is empty, the audience is the one that Microsoft Entra recommends for the
	// cloud of ClientOptions.Cloud or AZURE_AUTHORITY_HOST: "api://AzureADTokenExchange" in the public cloud.
	Audience string
	// RequestURL and RequestToken replace the environment variables ACTIONS_ID_TOKEN_REQUEST_URL and
	// ACTIONS_ID_TOKEN_REQUEST_TOKEN. Empty values are read from those variables at every request. The runners of Gitea
	// and Forgejo set the same variables.
	RequestURL, RequestToken string
}

// GitHubActionsAssertion returns a function that requests a new OIDC token from GitHub Actions at every call. It
// repeats requests that failed for a reason that may pass, as options.Retry says. options may be nil.
// https://docs.github.com/actions/reference/security/oidc
func GitHubActionsAssertion(options *GitHubActionsAssertionOptions) AssertionFunc {
	if options == nil {
		options = &GitHubActionsAssertionOptions{}
	}
	source, err := newGitHubSource(clientOptions(options.ClientOptions), options.Audience, options.RequestURL, options.RequestToken)
	if err != nil {
		return func(context.Context) (string, error) { return "", err }
	}
	return repeated(source, source.retries)
}

// GitHubActionsCredentialOptions are the options of [NewGitHubActionsCredential].
type GitHubActionsCredentialOptions struct {
	CredentialOptions

	// Audience, RequestURL and RequestToken are as in [GitHubActionsAssertionOptions].
	Audience, RequestURL, RequestToken string
}

// GitHubActionsCredential authenticates an application with the OIDC token of a GitHub Actions job, and requests a new
// one for every exchange. The job needs "permissions: id-token: write". It is safe for concurrent use.
//
// Setting it up: https://github.com/azoidc/azoidc#set-up
type GitHubActionsCredential struct {
	*TokenCache
}

// NewGitHubActionsCredential makes a GitHubActionsCredential for the application clientID in the tenant tenantID.
// Empty values are read from AZURE_CLIENT_ID and AZURE_TENANT_ID. options may be nil.
//
// NewGitHubActionsCredential makes no request. It returns an error if an argument or a value from the environment
// can't be right. If a value is missing, or the program doesn't run in GitHub Actions, GetToken says so, with a
// credential-unavailable error.
func NewGitHubActionsCredential(tenantID, clientID string, options *GitHubActionsCredentialOptions) (*GitHubActionsCredential, error) {
	if options == nil {
		options = &GitHubActionsCredentialOptions{}
	}
	x, err := newGitHubExchange(tenantID, clientID, options)
	if err != nil {
		return nil, err
	}
	return &GitHubActionsCredential{x.cached(&options.TokenCache)}, nil
}

func newGitHubExchange(tenantID, clientID string, options *GitHubActionsCredentialOptions) (*exchange, error) {
	id, err := resolveIdentity(tenantID, clientID, ci.GitHubActions.TenantID, ci.GitHubActions.ClientID)
	if err != nil {
		return nil, err
	}
	own := options.own()
	source, err := newGitHubSource(own.ClientOptions, options.Audience, options.RequestURL, options.RequestToken)
	if err != nil {
		return nil, err
	}
	return newExchange(ci.GitHubActions.Credential, id, source, redeemClientAssertion, own)
}

// Format prints the options without the request token.
func (o GitHubActionsAssertionOptions) Format(s fmt.State, verb rune) {
	type plain GitHubActionsAssertionOptions
	o.RequestToken = redact.Hide(o.RequestToken)
	redact.FormatStruct(s, verb, o, plain(o))
}

// Format prints the options without the request token.
func (o GitHubActionsCredentialOptions) Format(s fmt.State, verb rune) {
	type plain GitHubActionsCredentialOptions
	o.RequestToken = redact.Hide(o.RequestToken)
	redact.FormatStruct(s, verb, o, plain(o))
}

type githubSource struct {
	oidcEndpoint
	audience, requestURL string
	requestToken         redact.Secret
}

func newGitHubSource(o azcore.ClientOptions, audience, requestURL, requestToken string) (githubSource, error) {
	if err := wrong(advice.Literal("Audience", audience)); err != nil {
		return githubSource{}, err
	}
	endpoint, err := newOIDCEndpoint(ci.GitHubActions, o)
	if audience == "" {
		audience = hostOf(o.Cloud).audience()
	}
	return githubSource{endpoint, audience, requestURL, redact.Keep(requestToken)}, err
}

func (s githubSource) url() string { return cmp.Or(s.requestURL, environment(s.system.RequestURL)) }
func (s githubSource) token() string {
	return cmp.Or(s.requestToken.Reveal(), environment(s.system.RequestToken))
}

func (s githubSource) settings() []setting {
	return []setting{s.setting(s.system.RequestURL, s.url()), s.setting(s.system.RequestToken, s.token())}
}

func (s githubSource) request(ctx context.Context) (assertion, error) {
	if err := s.available(s.settings()); err != nil {
		return assertion{}, err
	}
	target, err := url.Parse(s.url())
	if err != nil {
		return assertion{}, s.noURL()
	}
	query := target.Query()
	query.Set("audience", s.audience)
	target.RawQuery = query.Encode()
	answer, err := s.send(ctx, oidcRequest{
		method: http.MethodGet, url: target, bearer: s.token(),
		header: http.Header{"Accept": {"application/json"}},
	})
	if err != nil {
		return assertion{}, err
	}
	return s.read(answer)
}

// read takes the token out of GitHub's answer.
func (s githubSource) read(answer oidcAnswer) (assertion, error) {
	parsed := parseGitHubAnswer(answer.body)
	said := redact.Line(parsed.words(), answer.secrets...)
	switch {
	case answer.status == http.StatusOK && parsed.Value != "":
		return answer.assertion(parsed.Value), nil
	case answer.succeeded():
		return assertion{}, s.tokenless(answer, said, s.advise(answer.status))
	}
	said = cmp.Or(said, redact.Body(answer.body, answer.secrets...))
	return assertion{}, s.refused(answer, said, s.advise(answer.status))
}

// githubAnswer is a success or a refusal: {"count":n,"value":"<JWT>"} or {"statusCode":400,"errorMessage":"…"}.
type githubAnswer struct {
	Value        string `json:"value"`
	ErrorMessage string `json:"errorMessage"`
	Message      string `json:"message"`
}

// parseGitHubAnswer returns what could be decoded; a body of another kind gives an empty answer.
func parseGitHubAnswer(body []byte) githubAnswer {
	var answer githubAnswer
	if json.Unmarshal(body, &answer) != nil {
		return githubAnswer{}
	}
	return answer
}

func (a githubAnswer) words() string { return cmp.Or(a.ErrorMessage, a.Message) }

func (s githubSource) advise(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "the request token (" + s.system.RequestToken + ") isn't accepted: it ends about 6 hours after the job's start, " +
			"so split a longer job; a token of another job or run doesn't work either"
	case http.StatusBadRequest:
		return fmt.Sprintf("check the audience %q: GitHub issues tokens for URL-like audiences only", redact.Line(s.audience))
	}
	return adviseService(status, s.system)
}
