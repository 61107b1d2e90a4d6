package tokenserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/tokenserver"
)

// What a program does with the environment: here, curl's few lines in Go.
func ExampleStart() {
	cloud := azoidctest.New(nil) // GitHub and Entra, in memory
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
	server, err := tokenserver.Start(cred, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Close() }()

	env := server.Env()
	request, _ := http.NewRequest(http.MethodGet, env["IDENTITY_ENDPOINT"]+"?api-version=2019-08-01&resource=https://vault.azure.net", nil)
	request.Header.Set("X-IDENTITY-HEADER", env["IDENTITY_HEADER"])
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		AccessToken string `json:"access_token"`
		Resource    string
		TokenType   string `json:"token_type"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(response.Status, answer.TokenType, answer.Resource, answer.AccessToken != "")
	// Output: 200 OK Bearer https://vault.azure.net true
}

// A program serves the tokens of any credential, on a listener of its own; Env tells other programs where they are.
func ExampleNew() {
	handler, err := tokenserver.New(azoidc.NewTokenCache(fixedCredential{}, nil), &tokenserver.Options{
		Identities: []tokenserver.Identity{{Name: "hub", ClientID: "11111111-2222-3333-4444-555555555555", Credential: fixedCredential{}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	for _, name := range slices.Sorted(maps.Keys(handler.Env(server.URL))) {
		fmt.Println(name)
	}
	// Output:
	// APPSETTING_WEBSITE_SITE_NAME
	// ARM_MSI_API_VERSION
	// ARM_MSI_ENDPOINT
	// ARM_USE_MSI
	// AZCOPY_AUTO_LOGIN_TYPE
	// AZD_AUTH_ENDPOINT
	// AZD_AUTH_KEY
	// AZOIDC_MSI_ENDPOINT_HUB
	// IDENTITY_ENDPOINT
	// IDENTITY_HEADER
	// MSI_ENDPOINT
	// MSI_SECRET
}

// A fixedCredential stands for one of azidentity's.
type fixedCredential struct{}

func (fixedCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "secret", ExpiresOn: time.Now().Add(time.Hour)}, nil
}
