package tokenserver_test

import (
	"encoding/json"
	"fmt"
	"net/http"

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
