package azoidc

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/redact"
)

// AzurePipelinesAssertionOptions are the options of [AzurePipelinesAssertion].
type AzurePipelinesAssertionOptions struct {
	azcore.ClientOptions // of the requests to Azure DevOps; Retry included

	// RequestURI replaces the environment variable SYSTEM_OIDCREQUESTURI. If it is empty, that variable is read at every
	// request.
	RequestURI string
}

// AzurePipelinesAssertion returns a function that requests a new OIDC token for a service connection from Azure
// DevOps at every call. Empty arguments are read from these environment variables, at every request:
//
//   - serviceConnectionID: AZURESUBSCRIPTION_SERVICE_CONNECTION_ID
//   - systemAccessToken: SYSTEM_ACCESSTOKEN
//
// The function repeats requests that failed for a reason that may pass, as options.Retry says. options may be nil.
// https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create
func AzurePipelinesAssertion(serviceConnectionID, systemAccessToken string, options *AzurePipelinesAssertionOptions) AssertionFunc {
	if options == nil {
		options = &AzurePipelinesAssertionOptions{}
	}
	source, err := newDevOpsSource(clientOptions(options.ClientOptions), serviceConnectionID, systemAccessToken, options.RequestURI)
	if err != nil {
		return func(context.Context) (string, error) { return "", err }
	}
	return repeated(source, source.retries)
}

// AzurePipelinesCredentialOptions are the options of [NewAzurePipelinesCredential].
type AzurePipelinesCredentialOptions struct {
	CredentialOptions

	// RequestURI replaces the environment variable SYSTEM_OIDCREQUESTURI. If it is empty, that variable is read at every
	// request.
	RequestURI string
}

// AzurePipelinesCredential authenticates the application of a service connection with the OIDC token of an Azure
// Pipelines job, and requests a new one for every exchange. It is safe for concurrent use; a job with several service
// connections makes one for each.
//
// Moving from azidentity's: https://github.com/azoidc/azoidc/blob/main/docs/from-azurepipelinescredential.md
type AzurePipelinesCredential struct {
	*TokenCache
}

// NewAzurePipelinesCredential makes an AzurePipelinesCredential for the application of a service connection. Empty
// values are read from these environment variables:
//
//   - tenantID: AZURESUBSCRIPTION_TENANT_ID, then AZURE_TENANT_ID
//   - clientID: AZURESUBSCRIPTION_CLIENT_ID, then AZURE_CLIENT_ID
//   - serviceConnectionID: AZURESUBSCRIPTION_SERVICE_CONNECTION_ID
//   - systemAccessToken: SYSTEM_ACCESSTOKEN, which a step must map in its env
//
// The tasks AzureCLI@2 and AzurePowerShell@5 set those that begin with AZURESUBSCRIPTION_. options may be nil.
//
// NewAzurePipelinesCredential makes no request. It returns an error if an argument or a value from the environment
// can't be right. If a value is missing, or the program doesn't run in Azure Pipelines, GetToken says so, with a
// credential-unavailable error.
func NewAzurePipelinesCredential(tenantID, clientID, serviceConnectionID, systemAccessToken string, options *AzurePipelinesCredentialOptions) (*AzurePipelinesCredential, error) {
	if options == nil {
		options = &AzurePipelinesCredentialOptions{}
	}
	x, err := newPipelinesExchange(tenantID, clientID, serviceConnectionID, systemAccessToken, options)
	if err != nil {
		return nil, err
	}
	return &AzurePipelinesCredential{x.cached(&options.TokenCache)}, nil
}

func newPipelinesExchange(tenantID, clientID, serviceConnectionID, systemAccessToken string, options *AzurePipelinesCredentialOptions) (*exchange, error) {
	id, err := resolveIdentity(tenantID, clientID, ci.AzurePipelines.TenantID, ci.AzurePipelines.ClientID)
	if err != nil {
		return nil, err
	}
	own := options.own()
	source, err := newDevOpsSource(own.ClientOptions, serviceConnectionID, systemAccessToken, options.RequestURI)
	if err != nil {
		return nil, err
	}
	return newExchange(ci.AzurePipelines.Credential, id, source, redeemClientAssertion, own)
}

type devopsSource struct {
	oidcEndpoint
	connectionID, requestURI string
	accessToken              redact.Secret
}

func newDevOpsSource(o azcore.ClientOptions, connectionID, accessToken, requestURI string) (devopsSource, error) {
	endpoint, err := newOIDCEndpoint(ci.AzurePipelines, o)
	return devopsSource{endpoint, strings.TrimSpace(connectionID), requestURI, redact.Keep(strings.TrimSpace(accessToken))}, err
}

func (s devopsSource) uri() string { return cmp.Or(s.requestURI, environment(s.system.RequestURL)) }
func (s devopsSource) connection() string {
	return cmp.Or(s.connectionID, environment(s.system.ConnectionID))
}
func (s devopsSource) token() string {
	return cmp.Or(s.accessToken.Reveal(), environment(s.system.RequestToken))
}

func (s devopsSource) settings() []setting {
	return []setting{s.setting(s.system.RequestURL, s.uri()), s.setting(s.system.RequestToken, s.token()),
		s.setting(s.system.ConnectionID, s.connection())}
}

func (s devopsSource) request(ctx context.Context) (assertion, error) {
	if err := s.available(s.settings()); err != nil {
		return assertion{}, err
	}
	target, err := url.Parse(s.uri())
	if err != nil {
		return assertion{}, s.noURL()
	}
	query := target.Query()
	query.Set("api-version", "7.1")
	query.Set("serviceConnectionId", s.connection())
	target.RawQuery = query.Encode()
	answer, err := s.send(ctx, oidcRequest{
		method: http.MethodPost, url: target, bearer: s.token(),
		header: http.Header{
			"Accept":       {"application/json"},
			"Content-Type": {"application/json"},
			// 401 instead of a redirect to a sign-in page
			"X-Tfs-Fedauthredirect": {"Suppress"},
		},
	})
	if err != nil {
		return assertion{}, err
	}
	return s.read(answer)
}

// read takes the token out of Azure DevOps' answer, whose successes can be refusals.
func (s devopsSource) read(answer oidcAnswer) (assertion, error) {
	parsed := parseDevOpsAnswer(answer.body)
	said := redact.Line(parsed.words(), answer.secrets...)
	switch {
	case answer.status == http.StatusOK && parsed.Token != "":
		return answer.assertion(parsed.Token), nil
	case answer.succeeded():
		unusable := s.tokenless(answer, said, s.advise(answer.status, said))
		unusable.transient = !refusesReference(said)
		return assertion{}, unusable
	}
	said = cmp.Or(said, redact.Body(answer.body, answer.secrets...))
	return assertion{}, s.refused(answer, said, s.advise(answer.status, said))
}

// devopsAnswer is {"oidcToken":"<JWT>"}, or a message in one of two places.
type devopsAnswer struct {
	Token   string
	Value   string
	Message string
}

// parseDevOpsAnswer returns what could be decoded: the members' types vary, so each is decoded on its own.
func parseDevOpsAnswer(body []byte) devopsAnswer {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(body, &members) // what is no object has none
	text := func(name string) (value string) {
		_ = json.Unmarshal(members[name], &value) // what is no text stays empty
		return value
	}
	return devopsAnswer{Token: text("oidcToken"), Value: text("value"), Message: text("message")}
}

// words are what the service says. A value without a space is no sentence and may be a secret.
func (a devopsAnswer) words() string {
	for _, text := range []string{a.Message, a.Value} {
		if strings.Contains(strings.TrimSpace(text), " ") {
			return text
		}
	}
	return ""
}

func refusesReference(said string) bool { return strings.Contains(said, "no explicit reference") }

func (s devopsSource) advise(status int, said string) string {
	switch {
	case refusesReference(said):
		return "in every stage that asks for a token, a step must name the service connection, for example as the azureSubscription of an AzureCLI@2 task"
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNonAuthoritativeInfo:
		return s.system.RequestToken + " isn't accepted: it ends with the job's timeout, and the pipeline needs permission for the service connection " +
			redact.Line(s.connection())
	case status == http.StatusNotFound:
		return "check the service connection's ID " + redact.Line(s.connection()) + " and " + s.system.RequestURL
	}
	return adviseService(status, s.system)
}
