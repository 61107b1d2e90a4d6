package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azoidc/azoidc"
)

// A job runs in a CI system, which tells it by OIDC tokens who it is.
type job struct {
	system             string
	tenantID, clientID string // of the application that it signs in as; "" where the environment tells

	// assertions returns the function that requests OIDC tokens.
	assertions func(azcore.ClientOptions) azoidc.AssertionFunc
	// credential is what this library makes of them.
	credential func(azoidc.CredentialOptions) (*azoidc.TokenCache, error)
}

// githubJob is a job of GitHub Actions. The environment tells what is left empty.
func githubJob(tenantID, clientID, requestURL, requestToken string) job {
	return job{
		system: "GitHub Actions", tenantID: tenantID, clientID: clientID,
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
}

// pipelinesJob is a job of Azure Pipelines. The environment tells what is left empty.
func pipelinesJob(tenantID, clientID, connectionID, accessToken, requestURI string) job {
	return job{
		system: "Azure Pipelines", tenantID: tenantID, clientID: clientID,
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
	}
}

// jobHere is the job that this program runs in. The CI system's own mark is enough: where the variables for OIDC are
// missing then, the credential says so, and why.
func jobHere() (here job, inCI bool) {
	switch {
	case anySet("ACTIONS_ID_TOKEN_REQUEST_URL", "GITHUB_ACTIONS"):
		return githubJob("", "", "", ""), true
	case anySet("SYSTEM_OIDCREQUESTURI", "TF_BUILD"):
		return pipelinesJob("", "", "", "", ""), true
	}
	return job{}, false
}

// saysWho tells whether the environment names the application to sign in as.
func saysWho() bool {
	return anySet("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURESUBSCRIPTION_TENANT_ID", "AZURESUBSCRIPTION_CLIENT_ID")
}

func anySet(variables ...string) bool {
	for _, name := range variables {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}

// unknownToEntra tells whether the authority is on loopback: a local cloud, which Entra can't be asked about.
func unknownToEntra(client azcore.ClientOptions) bool {
	authority := client.Cloud.ActiveDirectoryAuthorityHost
	if authority == "" {
		authority = os.Getenv("AZURE_AUTHORITY_HOST")
	}
	u, err := url.Parse(authority)
	return err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback())
}

// signIn acquires tokens for all scopes from the real cloud, and shows who the job is and until when the tokens live.
func signIn(ctx context.Context, out io.Writer, job job, client azcore.ClientOptions, scopes []string) error {
	cred, err := signedIn(job, client)
	if err != nil {
		return err
	}
	who, err := claims(ctx, job.assertions(client))
	if err != nil {
		return err
	}
	showClaims(out, job.system, who)
	err = cred.Preload(ctx, scopes...)
	showTokens(out, cred.Tokens())
	return err
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
	fmt.Fprintf(out, "  issuer    %s\n", who.Issuer)
	fmt.Fprintf(out, "  subject   %s\n", who.Subject)
	fmt.Fprintf(out, "  audience  %s\n", strings.Join(who.Audience, " "))
}

func showTokens(out io.Writer, tokens []azoidc.TokenStatus) {
	if len(tokens) == 0 {
		return
	}
	fmt.Fprint(out, "\nAccess tokens from Microsoft Entra\n\n")
	for _, token := range tokens {
		fmt.Fprintf(out, "  until %s (%3.0f min)  %s\n", token.ExpiresOn.UTC().Format("2006-01-02 15:04:05 MST"),
			time.Until(token.ExpiresOn).Minutes(), strings.Join(token.Scopes, " "))
	}
}
