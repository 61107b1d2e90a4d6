package azoidc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
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
	laptop := laptopCredential{} // azidentity.NewAzureCLICredential(nil), say
	chain, err := azidentity.NewChainedTokenCredential([]azcore.TokenCredential{github, pipelines, laptop}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := chain.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{azoidc.ScopeGraph}})
	fmt.Println(token.Token, err)
	// Output: token of the laptop's user <nil>
}

// A laptopCredential counts how many tokens are asked of it.
type laptopCredential struct{ asked *atomic.Int32 }

func (c laptopCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if c.asked != nil {
		c.asked.Add(1)
	}
	return azcore.AccessToken{Token: "token of the laptop's user", ExpiresOn: time.Now().Add(time.Hour)}, nil
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
	_, err = cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{azoidc.ScopeKeyVault}})
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

func ExampleAzurePipelinesAssertion() {
	cloud := azoidctest.New(nil)
	job := cloud.PipelinesJob(nil)
	source := azoidc.AzurePipelinesAssertion(job.ServiceConnectionID, job.SystemAccessToken, &azoidc.AzurePipelinesAssertionOptions{
		ClientOptions: cloud.ClientOptions(), RequestURI: job.RequestURI,
	})
	assertion, err := source(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	claims, err := azoidc.ParseClaims(assertion)
	fmt.Println(claims.Subject == job.Subject, err)
	// Output: true <nil>
}

// Any function that returns a new OIDC token at every call is a source.
func ExampleNewAssertionCredential() {
	cloud := azoidctest.New(nil)
	requestToken := sourceOf(cloud) // func(context.Context) (string, error)

	cred, err := azoidc.NewAssertionCredential(cloud.TenantID(), cloud.ClientID(), requestToken, &azoidc.AssertionCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{azoidc.ScopeKeyVault}})
	fmt.Println(token.Token != "", err)
	// Output: true <nil>
}

// sourceOf is a CI system's.
func sourceOf(cloud *azoidctest.Cloud) azoidc.AssertionFunc {
	job := cloud.GitHubJob(nil)
	return azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken,
	})
}

// A job that was given one OIDC token acquires all that it needs while the token is good.
func ExampleStaticAssertion() {
	cloud := azoidctest.New(nil)
	jwt, err := sourceOf(cloud)(context.Background()) // at the job's start
	if err != nil {
		fmt.Println(err)
		return
	}

	cred, err := azoidc.NewAssertionCredential(cloud.TenantID(), cloud.ClientID(), azoidc.StaticAssertion(jwt), &azoidc.AssertionCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cred.Preload(context.Background(), azoidc.ScopeResourceManager, azoidc.ScopeKeyVault))
	// Output: <nil>
}

// The kubelet, for instance, writes a new token to the file before the old one ends.
func ExampleFileAssertion() {
	cloud := azoidctest.New(nil)
	jwt, err := sourceOf(cloud)(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	path := filepath.Join(os.TempDir(), fmt.Sprint("azoidc-example-", os.Getpid())) // os.Getenv("AZURE_FEDERATED_TOKEN_FILE")
	if err := os.WriteFile(path, []byte(jwt), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.Remove(path) }()

	cred, err := azoidc.NewAssertionCredential(cloud.TenantID(), cloud.ClientID(), azoidc.FileAssertion(path), &azoidc.AssertionCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cred.Preload(context.Background(), azoidc.ScopeStorage))
	// Output: <nil>
}

// The command is run for each exchange, not by a shell, and prints a new token.
func ExampleCommandAssertion() {
	source := azoidc.CommandAssertion("gcloud", "auth", "print-identity-token", "--audiences=api://AzureADTokenExchange")
	cred, err := azoidc.NewAssertionCredential("contoso.onmicrosoft.com", "11111111-2222-3333-4444-555555555555", source, nil)
	fmt.Println(cred != nil, err)
	// Output: true <nil>
}

// A web API calls Microsoft Graph as the user who called it. A credential is for one user.
func ExampleNewOnBehalfOfCredential() {
	cloud := azoidctest.New(nil)
	userAssertion := cloud.UserAssertion(time.Hour) // the bearer token of the request, once it has been verified

	cred, err := azoidc.NewOnBehalfOfCredential(cloud.TenantID(), cloud.ClientID(), userAssertion, sourceOf(cloud), &azoidc.OnBehalfOfCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/User.Read"}})
	fmt.Println(err)
	// Output: <nil>
}

// The cache serves any credential: here, however often a token is asked for, that is asked once.
func ExampleNewTokenCache() {
	var asked atomic.Int32
	cache := azoidc.NewTokenCache(laptopCredential{&asked}, &azoidc.TokenCacheOptions{RefreshBefore: 10 * time.Minute})
	for range 1000 {
		if _, err := cache.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{azoidc.ScopeKeyVault}}); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(asked.Load())
	// Output: 1
}

// A program that is idle for hours finds its tokens fresh. KeepFresh ends with its context.
func ExampleTokenCache_KeepFresh() {
	cache := azoidc.NewTokenCache(laptopCredential{}, nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- cache.KeepFresh(ctx) }()
	// … the program's work …
	cancel()
	fmt.Println(<-ended)
	// Output: context canceled
}

// After a role was granted, a token that was issued before may not know of it.
func ExampleTokenCache_Invalidate() {
	var asked atomic.Int32
	cache := azoidc.NewTokenCache(laptopCredential{&asked}, nil)
	for range 2 {
		if err := cache.Preload(context.Background(), azoidc.ScopeGraph, azoidc.ScopeStorage); err != nil {
			fmt.Println(err)
			return
		}
		cache.Invalidate(azoidc.ScopeGraph)
	}
	fmt.Println(asked.Load())
	// Output: 3
}

func ExampleTokenCache_Tokens() {
	cache := azoidc.NewTokenCache(laptopCredential{}, nil)
	if err := cache.Preload(context.Background(), azoidc.ScopeKeyVault); err != nil {
		fmt.Println(err)
		return
	}
	for _, token := range cache.Tokens() {
		fmt.Println(token.Scopes[0], "for", time.Until(token.ExpiresOn).Round(time.Minute), "refreshed before:", token.RefreshOn.Before(token.ExpiresOn))
	}
	// Output: https://vault.azure.net/.default for 1h0m0s refreshed before: true
}

func ExampleScopeKusto() {
	fmt.Println(azoidc.ScopeKusto("https://octo.westeurope.kusto.windows.net"))
	// Output: https://kusto.kusto.windows.net/.default
}

// What a token says is read, not verified.
func ExampleParseClaims() {
	cloud := azoidctest.New(nil)
	assertion, err := sourceOf(cloud)(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	claims, err := azoidc.ParseClaims(assertion)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(claims.Issuer)
	fmt.Println(claims.Subject, claims.Audience)
	fmt.Println(claims.ExpiresAt.Sub(claims.IssuedAt))
	// Output:
	// https://token.actions.githubusercontent.com
	// repo:octo-org/octo-repo:ref:refs/heads/main [api://AzureADTokenExchange]
	// 5m0s
}

// Nothing was sent to Microsoft Entra, because the CI system handed out no OIDC token.
func ExampleAssertionError() {
	cloud := azoidctest.New(nil)
	job := cloud.GitHubJob(nil)
	job.ExpireRequestToken() // as it does some six hours after the job's start
	cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()},
		RequestURL:        job.RequestURL, RequestToken: job.RequestToken,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{azoidc.ScopeKeyVault}})
	var failed *azoidc.AssertionError
	if errors.As(err, &failed) {
		fmt.Println(failed.Source, failed.StatusCode)
	}
	// Output: GitHub Actions 401
}
