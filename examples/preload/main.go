// Preload makes the best of a single OIDC token: a program that is handed one, and can't request another, exchanges it for
// all the access tokens that it will need before it ends. They live for an hour or more.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/azoidc/azoidc"
)

func main() {
	ctx := context.Background()
	// GitLab sets it, with id_tokens: AZURE_OIDC_TOKEN: aud: api://AzureADTokenExchange
	cred, err := signIn(ctx, os.Getenv("AZURE_OIDC_TOKEN"), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, token := range cred.Tokens() {
		log.Printf("%s: deploy within %s", token.Scopes[0], time.Until(token.ExpiresOn).Round(time.Minute))
	}
}

// signIn is the first thing that the program does: minutes later the OIDC token is worth nothing. AZURE_TENANT_ID and
// AZURE_CLIENT_ID tell whose it is.
func signIn(ctx context.Context, oidcToken string, options *azoidc.AssertionCredentialOptions) (*azoidc.AssertionCredential, error) {
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
