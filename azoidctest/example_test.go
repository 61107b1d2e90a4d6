package azoidctest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// A program signs in from a job of GitHub Actions and asks Resource Manager, as it does in the real cloud: the IDs come from
// the job's environment, the hosts are Azure's own.
func Example() {
	cloud := azoidctest.NewServer(nil)
	defer cloud.Close()
	for name, value := range cloud.GitHubJob(nil).Env() { // t.Setenv in a test
		if err := os.Setenv(name, value); err != nil {
			fmt.Println(err)
			return
		}
		defer func() { _ = os.Unsetenv(name) }()
	}
	options := cloud.ClientOptions()

	cred, err := azoidc.NewGitHubActionsCredential("", "", &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: options},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := arm.NewClient("example", "v1.0.0", cred, &arm.ClientOptions{ClientOptions: options}) // as armresources' clients are
	if err != nil {
		fmt.Println(err)
		return
	}
	request, err := runtime.NewRequest(context.Background(), http.MethodGet, client.Endpoint()+"/subscriptions?api-version=2022-12-01")
	if err != nil {
		fmt.Println(err)
		return
	}
	response, err := client.Pipeline().Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = response.Body.Close()

	fmt.Println(client.Endpoint(), response.Status)
	for _, request := range cloud.Requests(azoidctest.GitHubOIDC, azoidctest.EntraToken, azoidctest.Services) {
		fmt.Println(request.Leg, request.Status)
	}
	fmt.Println(cloud.Requests(azoidctest.EntraToken)[0].Assertion.Subject)
	// Output:
	// https://management.azure.com 200 OK
	// GitHubOIDC 200
	// EntraToken 200
	// Services 200
	// repo:octo-org/octo-repo:ref:refs/heads/main
}

// A container registry of the test's own, which takes only tokens that are meant for it.
func ExampleCloud_Handle() {
	cloud := azoidctest.New(nil)
	registry := cloud.Service("https://containerregistry.azure.net")
	registry.Handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "welcome to", r.URL.Path)
	}))
	cloud.Handle("*.azurecr.io", registry)

	for _, url := range []string{"https://octo.azurecr.io/v2/", "https://octo.example/"} {
		response, err := (&http.Client{Transport: cloud}).Get(url)
		if err != nil {
			fmt.Println(err)
			continue
		}
		_ = response.Body.Close()
		fmt.Println(response.Status)
	}
	// Output:
	// 401 Unauthorized
	// Get "https://octo.example/": azoidctest serves nothing at octo.example; see Cloud.Handle
}

// Entra has an outage of two requests, then refuses as it does while a new federated credential isn't known everywhere.
func ExampleCloud_FailNext() {
	cloud := azoidctest.New(nil)
	cloud.FailNext(azoidctest.EntraToken, 2, azoidctest.Status(http.StatusServiceUnavailable, http.Header{"Retry-After": {"1"}}, ""))
	cloud.FailNext(azoidctest.EntraToken, 1, azoidctest.EntraRefusal(70021))
	for range 3 {
		request, _ := http.NewRequest(http.MethodPost, cloud.Configuration().ActiveDirectoryAuthorityHost+cloud.TenantID()+"/oauth2/v2.0/token", nil)
		response, err := cloud.Do(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = response.Body.Close()
	}
	for _, request := range cloud.Requests(azoidctest.EntraToken) {
		fmt.Printf("%d %q\n", request.Status, request.Code)
	}
	// Output:
	// 503 ""
	// 503 ""
	// 400 "AADSTS70021"
}

// A credential that Entra knows everywhere only after two minutes.
func ExampleApplication_Trust() {
	cloud := azoidctest.New(nil)
	job := cloud.GitHubJob(&azoidctest.GitHubJobOptions{Environment: "production", Untrusted: true})
	cloud.Application().Trust(azoidctest.FederatedCredential{
		Issuer:         job.Issuer,
		Subject:        job.Subject,
		Audience:       job.Audience,
		EffectiveAfter: 2 * time.Minute,
	})
	fmt.Println(job.Subject)
	// Output: repo:octo-org/octo-repo:environment:production
}

// What was asked, and how it was answered, is there to look at. It is a test double: secrets included.
func ExampleCloud_Requests() {
	cloud := azoidctest.New(nil)
	cred := newCredential(cloud, cloud.GitHubJob(nil))
	if err := cred.Preload(context.Background(), azoidc.ScopeKeyVault); err != nil {
		fmt.Println(err)
		return
	}
	for _, request := range cloud.Requests(azoidctest.EntraToken) {
		fmt.Println(request.Status, request.Scope, request.Assertion.Subject)
	}
	// Output: 200 https://vault.azure.net/.default openid offline_access profile repo:octo-org/octo-repo:ref:refs/heads/main
}

// newCredential is what the program under test makes.
func newCredential(cloud *azoidctest.Cloud, job *azoidctest.GitHubJob) *azoidc.GitHubActionsCredential {
	cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()},
		RequestURL:        job.RequestURL,
		RequestToken:      job.RequestToken,
	})
	if err != nil {
		panic(err)
	}
	return cred
}

// Only Key Vault's tokens can't be had, until the cloud is mended.
func ExampleOnScope() {
	cloud := azoidctest.New(nil)
	cloud.Fail(azoidctest.EntraToken, azoidctest.OnScope(azoidc.ScopeKeyVault, azoidctest.EntraRefusal(500011)))
	cred := newCredential(cloud, cloud.GitHubJob(nil))
	fmt.Println(cred.Preload(context.Background(), azoidc.ScopeStorage) == nil)
	fmt.Println(cred.Preload(context.Background(), azoidc.ScopeKeyVault) == nil)
	cloud.Mend(azoidctest.EntraToken)
	fmt.Println(cred.Preload(context.Background(), azoidc.ScopeKeyVault) == nil)
	// Output:
	// true
	// false
	// true
}

// A job that nobody has set up: its application trusts no token of it.
func ExampleCloud_GitHubJob() {
	cloud := azoidctest.New(nil)
	job := cloud.GitHubJob(&azoidctest.GitHubJobOptions{Repository: "octo-org/other-repo", PullRequest: true, Untrusted: true})
	err := newCredential(cloud, job).Preload(context.Background(), azoidc.ScopeKeyVault)
	fmt.Println(job.Subject)
	fmt.Println(cloud.Requests(azoidctest.EntraToken)[0].Code, err != nil)
	// Output:
	// repo:octo-org/other-repo:pull_request
	// AADSTS70025 true
}

// A service connection of Azure DevOps whose tokens Entra issues.
func ExampleCloud_PipelinesJob() {
	cloud := azoidctest.New(nil)
	job := cloud.PipelinesJob(&azoidctest.PipelinesJobOptions{Kind: azoidctest.NewerConnection})
	source := azoidc.AzurePipelinesAssertion(job.ServiceConnectionID, job.SystemAccessToken, &azoidc.AzurePipelinesAssertionOptions{
		ClientOptions: cloud.ClientOptions(), RequestURI: job.RequestURI,
	})
	assertion, err := source(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	claims, err := azoidc.ParseClaims(assertion)
	fmt.Println(claims.Audience, claims.ExpiresAt.Sub(claims.IssuedAt), err)
	// Output: [fb60f99c-7a34-4190-8149-302f77469936] 24h5m0s <nil>
}

// A service revokes all tokens that it has seen; clients of the Azure SDK then ask for another one.
func ExampleService_Revoke() {
	cloud := azoidctest.New(nil)
	vault := cloud.Service("https://vault.azure.net")
	token, err := newCredential(cloud, cloud.GitHubJob(nil)).GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{vault.Scope}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		request, _ := http.NewRequest(http.MethodGet, "https://octo.vault.azure.net/secrets?api-version=7.5", nil)
		request.Header.Set("Authorization", "Bearer "+token.Token)
		response, err := cloud.Do(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = response.Body.Close()
		fmt.Println(response.StatusCode, vault.Hits(), vault.Refusals())
		vault.Revoke()
	}
	// Output:
	// 200 1 0
	// 401 1 1
}

// Another process reaches the cloud by its URL, and trusts its certificate by a file.
func ExampleNewServer() {
	cloud := azoidctest.NewServer(nil)
	defer cloud.Close()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cloud.CertificatePEM()) // SSL_CERT_FILE, NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	response, err := client.Get(cloud.URL + "/" + cloud.TenantID() + "/v2.0/.well-known/openid-configuration")
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = response.Body.Close()
	fmt.Println(response.Status)
	// Output: 200 OK
}
