package azoidc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/redact"
)

// DefaultCredentialOptions are the options of [NewDefaultCredential]. A persistent Cache serves the credentials of this
// package; azidentity's default chain has none.
type DefaultCredentialOptions struct {
	CredentialOptions
}

// DefaultCredential serves a program that runs in CI, on a developer's machine and in Azure with the same line of
// code. For each request it uses the first of these credentials that is available:
//
//   - [GitHubActionsCredential]
//   - [AzurePipelinesCredential]
//   - [azidentity.DefaultAzureCredential], itself a chain
//
// In a job of GitHub Actions (GITHUB_ACTIONS is true) or Azure Pipelines (TF_BUILD is true) the chain ends with that
// CI system's credential, even if the job isn't set up for it. Otherwise the next credential would hide why the first
// one failed. On a self-hosted runner it might also deploy as somebody else: with the machine's identity, or as a
// user who signed in there.
//
// If such a job isn't set up, azidentity's chain is still used where these variables show that it is meant:
//
//   - AZURE_CLIENT_ID, AZURE_TENANT_ID and one of AZURE_FEDERATED_TOKEN_FILE, AZURE_CLIENT_SECRET and
//     AZURE_CLIENT_CERTIFICATE_PATH
//   - IDENTITY_ENDPOINT and IDENTITY_HEADER, which "azoidc exec" sets
//   - AZURE_TOKEN_CREDENTIALS
//
// The environment variable AZURE_TOKEN_CREDENTIALS selects a part of the chain, in CI and elsewhere.
// GitHubActionsCredential and AzurePipelinesCredential select that credential only. For other values see
// [azidentity.NewDefaultAzureCredential].
//
// Outside CI, azidentity's chain looks for the managed identity of a virtual machine at 169.254.169.254. If something
// else answers there, for example a proxy, the chain ends, unless the answer isn't JSON or is Docker Desktop's 403.
// NO_PROXY=169.254.169.254 keeps a proxy out, and AZURE_TOKEN_CREDENTIALS=dev leaves the look-up out.
//
// A DefaultCredential is safe for concurrent use.
//
// Testing a program that uses it: https://github.com/azoidc/azoidc/blob/main/docs/testing.md
type DefaultCredential struct {
	*TokenCache
}

// NewDefaultCredential makes a DefaultCredential. options may be nil. Everything else is read from environment
// variables, see [NewGitHubActionsCredential], [NewAzurePipelinesCredential] and
// [azidentity.NewDefaultAzureCredential]. NewDefaultCredential makes no request. It returns an error if the value of
// a variable can't be right.
func NewDefaultCredential(options *DefaultCredentialOptions) (*DefaultCredential, error) {
	if options == nil {
		options = &DefaultCredentialOptions{}
	}
	chain, err := newChain(&options.CredentialOptions)
	if err != nil {
		return nil, err
	}
	return &DefaultCredential{newTokenCache(chain, chain.tenantID(), &options.TokenCache)}, nil
}

// A chain is stateless: which source is available depends on the environment alone, and one scope never waits for
// another, as it would in azidentity's chain while that looks for the source to use.
type chain struct {
	exchanges []*exchange
	otherwise azcore.TokenCredential // nil when AZURE_TOKEN_CREDENTIALS selects a CI system
	selected  bool                   // by AZURE_TOKEN_CREDENTIALS
}

func newChain(options *CredentialOptions) (chain, error) {
	selected := environment("AZURE_TOKEN_CREDENTIALS")
	c := chain{selected: selected != ""}
	own := *options
	own.Cloud = resolveCloud(own.Cloud)
	if len(own.AdditionallyAllowedTenants) == 0 {
		own.AdditionallyAllowedTenants = additionalTenants()
	}
	options = &own
	for _, source := range []struct {
		system *ci.System
		make   func(*CredentialOptions) (*exchange, error)
	}{{ci.GitHubActions, githubExchange}, {ci.AzurePipelines, pipelinesExchange}} {
		if selected != "" && !source.system.Named(selected) {
			continue
		}
		x, err := source.make(options)
		if err != nil {
			return chain{}, err
		}
		c.exchanges = append(c.exchanges, x)
	}
	if selected != "" && len(c.exchanges) > 0 {
		return c, nil
	}
	azure, err := newAzureChain(options, selected)
	if err != nil && strings.Contains(err.Error(), "AZURE_TOKEN_CREDENTIALS") {
		return chain{}, fmt.Errorf("%w; azoidc adds %s", redact.Error(err), ci.Credentials())
	}
	c.otherwise = azure
	return c, redact.Error(err)
}

// additionalTenants are those that azidentity's chain reads from the environment.
func additionalTenants() []string {
	var tenants []string
	for tenant := range strings.SplitSeq(environment("AZURE_ADDITIONALLY_ALLOWED_TENANTS"), ";") {
		if tenant = strings.TrimSpace(tenant); tenant != "" { // with an empty one azidentity would take the list for a choice
			tenants = append(tenants, tenant)
		}
	}
	return tenants
}

// trimming is held while this process's environment holds another value.
var trimming sync.Mutex

// newAzureChain makes azidentity's chain. What it refuses, the variable of an unset workflow variable, which is empty, or one
// with white space around its value, it doesn't see.
func newAzureChain(options *CredentialOptions, selected string) (*azidentity.DefaultAzureCredential, error) {
	const variable = "AZURE_TOKEN_CREDENTIALS"
	trimming.Lock()
	defer trimming.Unlock()
	if value, ok := os.LookupEnv(variable); ok && (selected == "" || value != selected) {
		defer func() { _ = os.Setenv(variable, value) }() // which it was before
		if err := setOrUnset(variable, selected); err != nil {
			return nil, err
		}
	}
	return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions:              options.ClientOptions,
		AdditionallyAllowedTenants: options.AdditionallyAllowedTenants,
		DisableInstanceDiscovery:   options.DisableInstanceDiscovery,
	})
}

func setOrUnset(variable, value string) error {
	if value == "" {
		return os.Unsetenv(variable)
	}
	return os.Setenv(variable, value)
}

func githubExchange(options *CredentialOptions) (*exchange, error) {
	return newGitHubExchange("", "", &GitHubActionsCredentialOptions{CredentialOptions: *options})
}

func pipelinesExchange(options *CredentialOptions) (*exchange, error) {
	return newPipelinesExchange("", "", "", "", &AzurePipelinesCredentialOptions{CredentialOptions: *options})
}

// tenantID is the tenant of the CI system's identity; "" where the program doesn't run in one.
func (c chain) tenantID() string {
	for _, x := range c.exchanges {
		if x.available() == nil {
			return x.identity.tenantID
		}
	}
	return ""
}

func (c chain) forget(request policy.TokenRequestOptions) {
	for _, x := range c.exchanges {
		x.forget(request)
	}
}

func (c chain) GetToken(ctx context.Context, request policy.TokenRequestOptions) (azcore.AccessToken, error) {
	var aside []error
	for _, x := range c.exchanges {
		if len(x.lacks()) == 0 {
			return x.GetToken(ctx, request)
		}
		aside = append(aside, x.available())
	}
	if c.otherwise == nil {
		return azcore.AccessToken{}, exhausted(aside)
	}
	if err := c.notSetUp(); err != nil {
		return azcore.AccessToken{}, err
	}
	token, err := c.otherwise.GetToken(ctx, request)
	if err != nil {
		return azcore.AccessToken{}, exhausted(append(aside, err))
	}
	return token, nil
}

// notSetUp is the error of a CI system's job that can't request the system's tokens, where nobody said how else to sign in.
func (c chain) notSetUp() error {
	system := ci.Running(environment)
	if system == nil || c.selected || configuredOtherwise() {
		return nil
	}
	for _, x := range c.exchanges {
		if system.Named(x.credential) {
			return &AssertionError{
				Source: system.Name,
				Err:    errors.New("the job isn't set up for it: " + ci.MissingSettings(x.lacks()...)),
				advice: ci.Remedies(x.lacks()...) + ". To sign in otherwise, name the credential in AZURE_TOKEN_CREDENTIALS: ManagedIdentityCredential and " +
					"AzureCLICredential, for example, aren't tried unasked, because on a self-hosted runner they may be somebody else's",
			}
		}
	}
	return nil
}

// configuredOtherwise tells whether the environment holds a complete configuration for azidentity's chain that somebody
// must have made for this job. What any machine may have, IMDS or a signed-in CLI, is none.
func configuredOtherwise() bool {
	complete := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return environment(name) == "" })
	}
	return complete("IDENTITY_ENDPOINT", "IDENTITY_HEADER") ||
		complete("AZURE_TENANT_ID", "AZURE_CLIENT_ID") &&
			(complete("AZURE_FEDERATED_TOKEN_FILE") || complete("AZURE_CLIENT_SECRET") || complete("AZURE_CLIENT_CERTIFICATE_PATH"))
}

// exhausted is the error of a chain that tried everything. It is credential-unavailable only if the last of errs is:
// all the others are.
func exhausted(errs []error) error {
	text := []string{"DefaultCredential: no token. Tried, in this order:"}
	for _, err := range errs {
		text = append(text, "  "+strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	last := errs[len(errs)-1]
	if do := adviseAbout(last); do != "" {
		text = append(text, "  do: "+do)
	}
	message := redact.Text(strings.Join(text, "\n"))
	if failed := (*azidentity.AuthenticationFailedError)(nil); errors.As(last, &failed) {
		return &chainError{message, last}
	}
	return azidentity.NewCredentialUnavailableError(message)
}

// A chainError shows what the whole chain said, and unwraps to the error that ended it.
type chainError struct {
	message string
	last    error
}

func (e *chainError) Error() string { return e.message }
func (e *chainError) Unwrap() error { return e.last }

// Each returns a copy of e whose error own has made for one caller.
func (e *chainError) Each(own func(error) error) error { return &chainError{e.message, own(e.last)} }

// As finds the answer of the credential that ended the chain, fit for a log as this package's own errors are.
func (e *chainError) As(target any) bool {
	var failed *azidentity.AuthenticationFailedError
	found, ok := target.(**azidentity.AuthenticationFailedError)
	if !ok || !errors.As(e.last, &failed) {
		return false
	}
	*found = shownFailure(failed)
	return true
}

// shownFailure returns no more of an error of azidentity's own credentials than the answer, where there is one.
func shownFailure(failed *azidentity.AuthenticationFailedError) *azidentity.AuthenticationFailedError {
	if failed.RawResponse == nil {
		var told *azidentity.AuthenticationFailedError
		errors.As(failedAuthentication(redact.Text(failed.Error())), &told)
		return told
	}
	body, err := runtime.Payload(failed.RawResponse)
	if err != nil {
		body = []byte(err.Error())
	}
	return &azidentity.AuthenticationFailedError{RawResponse: redact.Response(failed.RawResponse, body)}
}

// NonRetriable marks the error for azcore's retry policy.
func (*chainError) NonRetriable() {}

// adviseAbout says what to do about a refusal that azidentity's chain met, where its code is known.
func adviseAbout(err error) string {
	known, found := knownCodes[entraError{ErrorDescription: err.Error()}.code()]
	if !found {
		return ""
	}
	return known.meaning + ": " + known.advice(&ExchangeError{
		host:     hostOf(resolveCloud(cloud.Configuration{})),
		identity: identity{tenantID: environment("AZURE_TENANT_ID"), clientID: environment("AZURE_CLIENT_ID")},
	})
}
