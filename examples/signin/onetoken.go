package main

import (
	"context"

	"github.com/azoidc/azoidc"
)

// exchangeOneToken makes the best of a single OIDC token: a program that is handed one, and can't request another, exchanges
// it for all the access tokens that it will need before it ends. They live for an hour or more.
//
// It is the first thing that the program does: minutes later the OIDC token is worth nothing. GitLab, for example, sets
// AZURE_OIDC_TOKEN, with id_tokens: AZURE_OIDC_TOKEN: aud: api://AzureADTokenExchange
//
// AZURE_TENANT_ID and AZURE_CLIENT_ID tell whose it is.
func exchangeOneToken(ctx context.Context, oidcToken string, options *azoidc.AssertionCredentialOptions) (*azoidc.AssertionCredential, error) {
	cred, err := azoidc.NewAssertionCredential("", "", azoidc.StaticAssertion(oidcToken), options)
	if err != nil {
		return nil, err
	}
	// All the scopes of the whole job: one that is missing here can't be had later.
	if err := cred.Preload(ctx, azoidc.ScopeResourceManager, azoidc.ScopeKeyVault, azoidc.ScopeStorage); err != nil {
		return nil, err
	}
	return cred, nil
}
