// Deploy is the job that azoidc exists for: a deployment that runs for longer than its OIDC token lives.
//
// Anywhere, it shows what happens: it starts a small cloud on loopback, whose tokens live for seconds, and deploys to it
// as tools do today, which fails, and with this library, which doesn't. In a job of GitHub Actions or Azure Pipelines
// that says whom to sign in as, it signs in to Azure with the same code.
//
//	go run ./examples/deploy
//	go run ./examples/deploy -h
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, azcore.ClientOptions{}))
}

// run returns the exit status. The client options are those of the real cloud.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, client azcore.ClientOptions) int {
	arguments, err := parseArguments(args)
	if err != nil {
		return explain(err, stdout, stderr)
	}
	job, inCI := jobHere()
	switch {
	case inCI && (saysWho() || arguments.scopes != nil):
		err = signIn(ctx, stdout, job, client, arguments.scopesOrDefault())
	case arguments.scopes != nil:
		return explain(errScopeNeedsCI, stdout, stderr)
	default:
		if inCI {
			fmt.Fprintf(stdout, "This is %s, but without AZURE_TENANT_ID and AZURE_CLIENT_ID there is nobody to sign in as.\n\n", job.system)
		}
		err = demonstrate(ctx, stdout, inSeconds())
	}
	if err != nil {
		fmt.Fprintf(stderr, "\n%v\n", err)
		return 1
	}
	return 0
}
