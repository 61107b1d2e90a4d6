package azoidc_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testkit"
)

// A job of GitHub Actions, here on the local cloud. In a real one, the options can be nil: the runner's environment tells
// all that they say here.
func ExampleNewGitHubActionsCredential() {
	cloud := azoidctest.New(nil)
	job := cloud.GitHubJob(nil)

	cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()},
		RequestURL:        job.RequestURL,
		RequestToken:      job.RequestToken,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := cred.Preload(context.Background(), azoidc.ScopeResourceManager, azoidc.ScopeKeyVault); err != nil {
		fmt.Println(err)
		return
	}
	for _, token := range cred.Tokens() {
		fmt.Println(token.Scopes[0], token.LastError == nil)
	}
	// Output:
	// https://management.core.windows.net//.default true
	// https://vault.azure.net/.default true
}

// A job of Azure Pipelines, here on the local cloud.
func ExampleNewAzurePipelinesCredential() {
	cloud := azoidctest.New(nil)
	job := cloud.PipelinesJob(nil)

	cred, err := azoidc.NewAzurePipelinesCredential(cloud.TenantID(), cloud.ClientID(), job.ServiceConnectionID, job.SystemAccessToken,
		&azoidc.AzurePipelinesCredentialOptions{
			CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()},
			RequestURI:        job.RequestURI,
		})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cred.Preload(context.Background(), azoidc.ScopeStorage))
	// Output: <nil>
}

// Outside of CI the credential steps aside, whether the chain is this package's or azidentity's.
func Example_chain() {
	for _, name := range []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "SYSTEM_OIDCREQUESTURI"} {
		defer restore(name, os.Getenv(name))
		os.Unsetenv(name)
	}
	github, err := azoidc.NewGitHubActionsCredential("", "", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	pipelines, err := azoidc.NewAzurePipelinesCredential("", "", "", "", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	laptop := &testkit.FakeCredential{Life: 1 << 40} // azidentity.NewAzureCLICredential(nil), say
	chain, err := azidentity.NewChainedTokenCredential([]azcore.TokenCredential{github, pipelines, laptop}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := azoidc.NewTokenCache(chain, nil).GetToken(context.Background(), testkit.ForScope(azoidc.ScopeGraph))
	fmt.Println(token.Token, err)
	// Output: token 1 <nil>
}

func restore(name, value string) {
	if value != "" {
		os.Setenv(name, value)
	}
}

// In CI, on a laptop and in Azure with one line of code.
func ExampleNewDefaultCredential() {
	defer restore("AZURE_TOKEN_CREDENTIALS", os.Getenv("AZURE_TOKEN_CREDENTIALS"))
	os.Unsetenv("AZURE_TOKEN_CREDENTIALS")
	cred, err := azoidc.NewDefaultCredential(nil)
	fmt.Println(cred != nil, err)
	// Output: true <nil>
}

// An error says what to put into the federated identity credential that is missing.
func ExampleExchangeError() {
	cloud := azoidctest.New(nil)
	job := cloud.GitHubJob(&azoidctest.GitHubJobOptions{Environment: "production", Untrusted: true})
	cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()},
		RequestURL:        job.RequestURL, RequestToken: job.RequestToken,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = cred.GetToken(context.Background(), testkit.ForScope(azoidc.ScopeKeyVault))
	var refused *azoidc.ExchangeError
	if errors.As(err, &refused) {
		fmt.Println(refused.Code)
		fmt.Println(refused.Claims.Issuer)
		fmt.Println(refused.Claims.Subject)
		fmt.Println(refused.Claims.Audience[0])
	}
	// Output:
	// AADSTS70025
	// https://token.actions.githubusercontent.com
	// repo:octo-org/octo-repo:environment:production
	// api://AzureADTokenExchange
}

// A source of assertions also serves azidentity's own credential, and any other program.
func ExampleGitHubActionsAssertion() {
	cloud := azoidctest.New(nil)
	job := cloud.GitHubJob(nil)
	source := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken,
	})
	assertion, err := source(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	claims, err := azoidc.ParseClaims(assertion)
	fmt.Println(claims.Subject, err)
	// Output: repo:octo-org/octo-repo:ref:refs/heads/main <nil>
}
