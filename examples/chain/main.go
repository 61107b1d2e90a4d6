// Chain puts this library's credentials into azidentity's chain: the CI system if it is there, else whoever has signed in
// with Azure CLI. A cache in front refreshes the tokens of all of them, and spares a process for each of Azure CLI's.
package main

import (
	"context"
	"log"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc"
)

func main() {
	cli, err := azidentity.NewAzureCLICredential(nil)
	if err != nil {
		log.Fatal(err)
	}
	cred, err := newChain(azcore.ClientOptions{}, cli)
	if err != nil {
		log.Fatal(err)
	}
	if err := cred.Preload(context.Background(), azoidc.ScopeResourceManager); err != nil {
		log.Fatal(err)
	}
	for _, token := range cred.Tokens() {
		log.Print(token.Scopes[0], " until ", token.ExpiresOn.Format(time.TimeOnly))
	}
}

// newChain tries GitHub Actions, then Azure Pipelines, then the others. Where a CI system isn't there its credential says
// so in the way that makes azidentity's chain go on; where it is there and refuses, the chain stops with its error.
func newChain(client azcore.ClientOptions, others ...azcore.TokenCredential) (*azoidc.TokenCache, error) {
	options := azoidc.CredentialOptions{ClientOptions: client}
	github, err := azoidc.NewGitHubActionsCredential("", "", &azoidc.GitHubActionsCredentialOptions{CredentialOptions: options})
	if err != nil {
		return nil, err
	}
	pipelines, err := azoidc.NewAzurePipelinesCredential("", "", "", "", &azoidc.AzurePipelinesCredentialOptions{CredentialOptions: options})
	if err != nil {
		return nil, err
	}
	chain, err := azidentity.NewChainedTokenCredential(append([]azcore.TokenCredential{github, pipelines}, others...), nil)
	if err != nil {
		return nil, err
	}
	return azoidc.NewTokenCache(chain, nil), nil
}
