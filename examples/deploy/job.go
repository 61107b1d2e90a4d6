package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/redact"
)

// defaultScope is what Resource Manager's clients ask for, both slashes included.
const defaultScope = azoidc.ScopeResourceManager

// A job runs in a CI system, which tells it by OIDC tokens who it is.
type job struct {
	system     *ci.System
	requestURL string // where it gets its OIDC tokens; "" where the environment tells

	// assertions returns the function that requests OIDC tokens.
	assertions func(azcore.ClientOptions) azoidc.AssertionFunc
	// credential is what this library makes of them.
	credential func(azoidc.CredentialOptions) (*azoidc.TokenCache, error)
	// otherwise is the credential that tools have there without this library; nil in a job that isn't of the demonstration.
	otherwise func(context.Context, azcore.ClientOptions) (azcore.TokenCredential, error)
}

// githubJob is a job of GitHub Actions. The environment tells what is left empty.
func githubJob(tenantID, clientID, requestURL, requestToken string) job {
	j := job{
		system: ci.GitHubActions, requestURL: requestURL,
		assertions: func(client azcore.ClientOptions) azoidc.AssertionFunc {
			return azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
				ClientOptions: client, RequestURL: requestURL, RequestToken: requestToken,
			})
		},
		credential: func(options azoidc.CredentialOptions) (*azoidc.TokenCache, error) {
			cred, err := azoidc.NewGitHubActionsCredential(tenantID, clientID, &azoidc.GitHubActionsCredentialOptions{
				CredentialOptions: options, RequestURL: requestURL, RequestToken: requestToken,
			})
			if err != nil {
				return nil, err
			}
			return cred.TokenCache, nil
		},
	}
	j.otherwise = func(ctx context.Context, client azcore.ClientOptions) (azcore.TokenCredential, error) {
		return oneToken(ctx, tenantID, clientID, j.assertions(client), client)
	}
	return j
}

// oneToken is what deployment tools do: the OIDC token that they get at the start is all they have.
func oneToken(ctx context.Context, tenantID, clientID string, assertion azoidc.AssertionFunc, client azcore.ClientOptions) (azcore.TokenCredential, error) {
	token, err := assertion(ctx)
	if err != nil {
		return nil, fmt.Errorf("no OIDC token to begin with: %w", err)
	}
	return azidentity.NewClientAssertionCredential(tenantID, clientID, azoidc.StaticAssertion(token), &azidentity.ClientAssertionCredentialOptions{
		ClientOptions: client,
	})
}

// pipelinesJob is a job of Azure Pipelines. The environment tells what is left empty.
func pipelinesJob(tenantID, clientID, connectionID, accessToken, requestURI string) job {
	return job{
		system: ci.AzurePipelines, requestURL: requestURI,
		assertions: func(client azcore.ClientOptions) azoidc.AssertionFunc {
			return azoidc.AzurePipelinesAssertion(connectionID, accessToken, &azoidc.AzurePipelinesAssertionOptions{
				ClientOptions: client, RequestURI: requestURI,
			})
		},
		credential: func(options azoidc.CredentialOptions) (*azoidc.TokenCache, error) {
			cred, err := azoidc.NewAzurePipelinesCredential(tenantID, clientID, connectionID, accessToken, &azoidc.AzurePipelinesCredentialOptions{
				CredentialOptions: options, RequestURI: requestURI,
			})
			if err != nil {
				return nil, err
			}
			return cred.TokenCache, nil
		},
		otherwise: func(_ context.Context, client azcore.ClientOptions) (azcore.TokenCredential, error) {
			defer setenv(ci.AzurePipelines.RequestURL, requestURI)()
			return azidentity.NewAzurePipelinesCredential(tenantID, clientID, connectionID, accessToken, &azidentity.AzurePipelinesCredentialOptions{
				ClientOptions: client,
			})
		},
	}
}

var environment sync.Mutex // held while a variable is set

// setenv sets a variable for a constructor that takes it from nowhere else, until the function is called that it returns.
func setenv(name, value string) (restore func()) {
	environment.Lock()
	before, was := os.LookupEnv(name)
	os.Setenv(name, value)
	return func() {
		defer environment.Unlock()
		if was {
			os.Setenv(name, before)
			return
		}
		os.Unsetenv(name)
	}
}

// onCloud are the jobs of a local cloud, one of each CI system.
func onCloud(cloud *azoidctest.Cloud) []job {
	github, pipelines := cloud.GitHubJob(nil), cloud.PipelinesJob(nil)
	return []job{
		githubJob(cloud.TenantID(), cloud.ClientID(), github.RequestURL, github.RequestToken),
		pipelinesJob(cloud.TenantID(), cloud.ClientID(), pipelines.ServiceConnectionID, pipelines.SystemAccessToken, pipelines.RequestURI),
	}
}

// jobHere is the job that this program runs in. The CI system's own mark is enough: where variables for OIDC are missing
// then, the credential says so, and why.
func jobHere() (here job, inCI bool) {
	switch ci.Detect(os.Getenv) {
	case ci.GitHubActions:
		return githubJob("", "", "", ""), true
	case ci.AzurePipelines:
		return pipelinesJob("", "", "", "", ""), true
	}
	return job{}, false
}

// deploy signs in to the real cloud. Where that fails it says what the job lacks, all of it at once.
func (j job) deploy(ctx context.Context, out io.Writer, client azcore.ClientOptions, scopes []string) error {
	if scopes == nil {
		scopes = []string{defaultScope}
	}
	err := j.signIn(ctx, out, client, scopes)
	if missing := j.missing(); err != nil && len(missing) > 0 {
		return fmt.Errorf("%w\n\nNot set in this job of %s: %s\n(-h says what a job needs; -demo shows the demonstration here, too)",
			err, j.system.Name, strings.Join(missing, ", "))
	}
	return err
}

// missing are the variables that the job needs and that aren't set.
func (j job) missing() []string {
	var names []string
	for _, alternatives := range [][]string{
		j.system.TenantID, j.system.ClientID, {j.system.ConnectionID}, {j.system.RequestURL}, {j.system.RequestToken},
	} {
		if !anySet(alternatives...) {
			names = append(names, alternatives[0])
		}
	}
	return names
}

func anySet(variables ...string) bool {
	for _, name := range variables {
		if name == "" || os.Getenv(name) != "" { // "": a system that has no such variable
			return true
		}
	}
	return false
}

// signIn acquires tokens for all scopes, and shows who the job is and until when the tokens live.
func (j job) signIn(ctx context.Context, out io.Writer, client azcore.ClientOptions, scopes []string) error {
	cred, err := j.signedIn(client)
	if err != nil {
		return err
	}
	who, err := claims(ctx, j.assertions(client))
	if err != nil {
		return err
	}
	showClaims(out, j.system.Name, who)
	err = cred.Preload(ctx, scopes...)
	showTokens(out, cred.Tokens())
	return err
}

// signedIn is the job's credential, for the local cloud as for the real one.
func (j job) signedIn(client azcore.ClientOptions) (*azoidc.TokenCache, error) {
	return j.credential(azoidc.CredentialOptions{ClientOptions: client})
}

// claims are those of a new OIDC token of the job's.
func claims(ctx context.Context, assertion azoidc.AssertionFunc) (azoidc.Claims, error) {
	token, err := assertion(ctx)
	if err != nil {
		return azoidc.Claims{}, err
	}
	return azoidc.ParseClaims(token)
}

// showClaims shows what a federated identity credential must hold, letter for letter.
func showClaims(out io.Writer, system string, who azoidc.Claims) {
	fmt.Fprintf(out, "What %s says of this job\n\n", system)
	fmt.Fprintf(out, "  issuer    %s\n", redact.Line(who.Issuer))
	fmt.Fprintf(out, "  subject   %s\n", redact.Line(who.Subject))
	fmt.Fprintf(out, "  audience  %s\n", redact.Line(strings.Join(who.Audience, " ")))
}

func showTokens(out io.Writer, tokens []azoidc.TokenStatus) {
	if len(tokens) == 0 {
		return
	}
	fmt.Fprint(out, "\nAccess tokens from Microsoft Entra\n\n")
	for _, token := range tokens {
		fmt.Fprintf(out, "  until %s (%3.0f min)  %s\n", token.ExpiresOn.UTC().Format("2006-01-02 15:04:05 MST"),
			time.Until(token.ExpiresOn).Minutes(), redact.Line(strings.Join(token.Scopes, " ")))
	}
}
