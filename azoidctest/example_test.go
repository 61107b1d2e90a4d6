package azoidctest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/azoidctest"
)

// A job of GitHub Actions gets an access token with an OIDC token, and presents it to a service.
func Example() {
	cloud := azoidctest.NewServer(nil)
	defer cloud.Close()
	job := cloud.GitHubJob(nil)
	vault := cloud.Service("https://vault.azure.net")

	assertion := func(ctx context.Context) (string, error) { // what a program does that knows no better library
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, job.RequestURL+"&audience=api://AzureADTokenExchange", nil)
		if err != nil {
			return "", err
		}
		request.Header.Set("Authorization", "Bearer "+job.RequestToken)
		response, err := cloud.Client().Do(request)
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }()
		var body struct{ Value string }
		err = json.NewDecoder(response.Body).Decode(&body)
		return body.Value, err
	}
	cred, err := azidentity.NewClientAssertionCredential(cloud.TenantID(), cloud.ClientID(), assertion, &azidentity.ClientAssertionCredentialOptions{
		ClientOptions:            cloud.ClientOptions(),
		DisableInstanceDiscovery: true, // nobody at login.microsoftonline.com knows this authority host
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{vault.Scope}})
	if err != nil {
		fmt.Println(err)
		return
	}
	request, _ := http.NewRequest(http.MethodGet, vault.URL+"/secrets/octocat", nil)
	request.Header.Set("Authorization", "Bearer "+token.Token)
	response, err := cloud.Client().Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = response.Body.Close()

	fmt.Println(response.Status)
	for _, request := range cloud.Requests(azoidctest.GitHubOIDC, azoidctest.EntraToken, azoidctest.Services) {
		fmt.Println(request.Leg, request.Status)
	}
	fmt.Println(cloud.Requests(azoidctest.EntraToken)[0].Assertion.Subject)
	// Output:
	// 200 OK
	// GitHubOIDC 200
	// EntraToken 200
	// Services 200
	// repo:octo-org/octo-repo:ref:refs/heads/main
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
