// Commandassertion signs in with OIDC tokens that a command prints: any program's tokens will do, if the application trusts
// who issues them.
//
//	commandassertion gcloud auth print-identity-token --audiences=api://AzureADTokenExchange
//	commandassertion kubectl create token deployer --audience=api://AzureADTokenExchange
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/azoidc/azoidc"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: commandassertion COMMAND [ARGUMENT…]")
	}
	cred, err := newCredential(os.Args[1:], nil)
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

// newCredential runs the command for each access token anew, not through a shell. AZURE_TENANT_ID and AZURE_CLIENT_ID tell
// who the application is.
func newCredential(command []string, options *azoidc.AssertionCredentialOptions) (*azoidc.AssertionCredential, error) {
	return azoidc.NewAssertionCredential("", "", azoidc.CommandAssertion(command[0], command[1:]...), options)
}
