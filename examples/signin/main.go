// Signin signs in wherever it runs, in GitHub Actions, in Azure Pipelines, on a laptop and in Azure, and shows what it holds.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/azoidc/azoidc"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := signIn(ctx, os.Stdout, nil); err != nil {
		log.Fatal(err)
	}
}

// signIn acquires what the program will need, all at once. A test passes options, which may be nil.
func signIn(ctx context.Context, out io.Writer, options *azoidc.DefaultCredentialOptions) error {
	cred, err := azoidc.NewDefaultCredential(options)
	if err != nil {
		return err
	}
	if err := cred.Preload(ctx, azoidc.ScopeResourceManager, azoidc.ScopeKeyVault, azoidc.ScopeStorage); err != nil {
		return err
	}
	// From here on cred goes to any client of the Azure SDK. Until then:
	for _, token := range cred.Tokens() {
		fmt.Fprintf(out, "%s until %s, refreshed from %s on\n", token.Scopes[0],
			token.ExpiresOn.Format(time.TimeOnly), token.RefreshOn.Format(time.TimeOnly))
	}
	return nil
}
