package main

import (
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc"
)

// newChain puts this library's credentials into azidentity's chain: the CI system if it is there, else the others, such as
// azidentity.NewAzureCLICredential's for whoever has signed in with Azure CLI. A cache in front refreshes the tokens of all
// of them, and spares a process for each of Azure CLI's.
//
// It tries GitHub Actions, then Azure Pipelines, then the others. Where a CI system isn't there its credential says so in
// the way that makes azidentity's chain go on; where it is there and refuses, the chain stops with its error.
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
