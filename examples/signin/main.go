// Signin signs in and shows what it holds. Each way to sign in has a file of its own, with a function to copy.
//
//	go run ./examples/signin
//	go run ./examples/signin chain
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc"
)

const usage = `Usage: signin [default]
       signin chain
       signin onetoken
       signin command COMMAND [ARGUMENT]...
       signin onbehalfof

Signs in, and shows until when its access tokens live.

    default    wherever it runs: GitHub Actions, Azure Pipelines, a laptop, Azure
    chain      GitHub Actions, Azure Pipelines, else whoever has signed in with
               Azure CLI
    onetoken   with the OIDC token in AZURE_OIDC_TOKEN, and no other: once that has
               ended, nothing is refreshed
    command    with the OIDC tokens that a command prints
    onbehalfof as each user who calls http://127.0.0.1:8080 with a token, by the
               OIDC tokens in the file that AZURE_FEDERATED_TOKEN_FILE names

For the last three, AZURE_CLIENT_ID tells who the application is, and AZURE_TENANT_ID
in which tenant; a user's is in the token.
`

const (
	failed     = 1
	wrongUsage = 2
)

var errUsage = errors.New("wrong usage")

// A credential is what each way to sign in returns.
type credential interface {
	azcore.TokenCredential
	Preload(ctx context.Context, scopes ...string) error
	Tokens() []azoidc.TokenStatus
}

func main() {
	if slices.Equal(os.Args[1:], []string{"onbehalfof"}) {
		log.Fatal(serve())
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, azcore.ClientOptions{}))
}

// run returns the exit status. A test passes a local cloud's client.
func run(args []string, stdout, stderr io.Writer, client azcore.ClientOptions) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cred, err := signIn(ctx, args, client)
	if errors.Is(err, errUsage) {
		fmt.Fprint(stderr, usage)
		return wrongUsage
	}
	if err == nil {
		err = show(ctx, stdout, cred)
	}
	if err != nil {
		log.New(stderr, "", log.LstdFlags).Print(err)
		return failed
	}
	return 0
}

// signIn makes the credential that the command line asks for.
func signIn(ctx context.Context, args []string, client azcore.ClientOptions) (credential, error) {
	way, arguments := "default", args
	if len(args) > 0 {
		way, arguments = args[0], args[1:]
	}
	if isCommand := way == "command"; isCommand != (len(arguments) > 0) {
		return nil, errUsage // no other way takes arguments, and a command has a name
	}
	options := azoidc.CredentialOptions{ClientOptions: client}
	switch way {
	case "default":
		return newDefaultCredential(&azoidc.DefaultCredentialOptions{CredentialOptions: options})
	case "chain":
		cli, err := azidentity.NewAzureCLICredential(nil)
		if err != nil {
			return nil, err
		}
		return newChain(client, cli)
	case "onetoken":
		return exchangeOneToken(ctx, os.Getenv("AZURE_OIDC_TOKEN"), &azoidc.AssertionCredentialOptions{CredentialOptions: options})
	case "command":
		return newCommandCredential(arguments, &azoidc.AssertionCredentialOptions{CredentialOptions: options})
	}
	return nil, errUsage
}

// show acquires what the program will need, all at once, and prints until when it lives. What exchangeOneToken has acquired
// isn't acquired again.
func show(ctx context.Context, out io.Writer, cred credential) error {
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
