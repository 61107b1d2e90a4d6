package azoidctest_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
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
