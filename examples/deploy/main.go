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
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

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

const usage = `Usage: deploy [-scope SCOPE]...

Deploys for longer than an OIDC token lives.

On the local cloud
    Outside CI, or in CI without the AZURE_* variables below, it starts a small
    cloud on loopback whose tokens live for seconds. It deploys to it from GitHub
    Actions and from Azure Pipelines: first as tools do today, with one OIDC token
    taken at the start, which ends in AADSTS700024; then with azoidc, which
    requests a new one for every exchange. It needs no network and takes about
    12 seconds.

On the real cloud
    In CI it acquires a token for each scope, and shows who it is and until when
    each token lives. It prints no token. It needs

    GitHub Actions     permissions: id-token: write, and in env:
                       AZURE_TENANT_ID, AZURE_CLIENT_ID
    Azure Pipelines    an AzureCLI@2 or AzurePowerShell@5 task, which sets
                       AZURESUBSCRIPTION_*, and in its env:
                       SYSTEM_ACCESSTOKEN: $(System.AccessToken)

    -scope SCOPE   what to acquire a token for; can be given several times
                   (default ` + defaultScope + `)

Exit status: 0 all of it worked, 1 something didn't, 2 wrong usage.
`

var errScopeNeedsCI = errors.New("-scope is for a job of GitHub Actions or Azure Pipelines, and this is none")

// arguments are those of the command line.
type arguments struct {
	scopes []string
}

func parseArguments(args []string) (arguments, error) {
	var a arguments
	flags := flag.NewFlagSet("deploy", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // explain says it
	flags.Func("scope", "", a.addScope)
	if err := flags.Parse(args); err != nil {
		return arguments{}, err
	}
	if flags.NArg() > 0 {
		return arguments{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return a, nil
}

func (a *arguments) addScope(scope string) error {
	if strings.TrimSpace(scope) == "" {
		return errors.New("a scope is not empty")
	}
	a.scopes = append(a.scopes, scope)
	return nil
}

func (a arguments) scopesOrDefault() []string {
	if a.scopes == nil {
		return []string{defaultScope}
	}
	return a.scopes
}

// explain answers -h, or arguments that can't be right, and returns the exit status.
func explain(err error, stdout, stderr io.Writer) int {
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	fmt.Fprintf(stderr, "deploy: %v; -h explains\n", err)
	return 2
}
