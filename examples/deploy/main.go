// Deploy is the job that azoidc exists for: a deployment that runs for longer than its OIDC token lives.
//
// Anywhere, it shows what happens: it starts a small cloud on loopback, whose tokens live for seconds, and deploys to it
// as tools do today and with this library. In a job of GitHub Actions or Azure Pipelines it signs in to Azure with the
// same code.
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

	"github.com/azoidc/azoidc/internal/redact"
)

const usage = `Usage: deploy [-scope SCOPE]...
       deploy [-demo] [-svg FILE]

Deploys for longer than an OIDC token lives.

On the local cloud
    Outside CI, or with -demo, it starts a small cloud on loopback whose tokens live
    for seconds. It deploys to it from GitHub Actions and from Azure Pipelines,
    first as tools do today: from GitHub Actions with one OIDC token taken at the
    start, which ends in AADSTS700024, from Azure Pipelines with azidentity's own
    credential, which requests new ones when somebody waits for them; then with
    azoidc, which does so before. It needs no network and takes about 17 seconds.

    -demo          do it in CI, too
    -svg FILE      and draw the timeline into FILE, the same from each run

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

Exit status: 0 all of it worked, 1 something didn't, 2 wrong usage, 130 interrupted.
`

const (
	failed      = 1
	wrongUsage  = 2
	interrupted = 130 // as shells have it: 128 and the signal's number
)

var (
	errScopeNeedsCI = errors.New("-scope is for a job of GitHub Actions or Azure Pipelines, and this is none")
	errScopeOfDemo  = errors.New("-scope is for the real cloud, -demo and -svg for the local one")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(program{stdout: os.Stdout, stderr: os.Stderr, settings: inSeconds(), start: onLoopback}.run(ctx, os.Args[1:]))
}

// A program is this one, or a test's.
type program struct {
	stdout, stderr io.Writer
	client         azcore.ClientOptions // of the real cloud
	settings       settings             // of the local one
	start          starter              // and what starts it
}

// run returns the exit status.
func (p program) run(ctx context.Context, args []string) int {
	arguments, err := parseArguments(args)
	if err != nil {
		return p.explain(err)
	}
	here, inCI := jobHere()
	switch {
	case inCI && !arguments.demo:
		err = here.deploy(ctx, p.stdout, p.client, arguments.scopes)
	case arguments.scopes != nil:
		return p.explain(errScopeNeedsCI)
	default:
		err = demonstrate(ctx, newScreen(p.stdout), p.settings, p.start, arguments.picture)
	}
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(p.stderr, "deploy: interrupted")
		return interrupted
	case err != nil:
		fmt.Fprintf(p.stderr, "\n%s\n", redact.Text(err.Error()))
		return failed
	}
	return 0
}

// explain answers -h, or arguments that can't be right, and returns the exit status.
func (p program) explain(err error) int {
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(p.stdout, usage)
		return 0
	}
	fmt.Fprintf(p.stderr, "deploy: %s; -h explains\n", redact.Text(err.Error()))
	return wrongUsage
}

// arguments are those of the command line.
type arguments struct {
	demo    bool
	picture string // the file to draw it into; "" for none
	scopes  []string
}

func parseArguments(args []string) (arguments, error) {
	var a arguments
	flags := flag.NewFlagSet("deploy", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // explain says it
	flags.BoolVar(&a.demo, "demo", false, "")
	flags.Func("svg", "", a.setPicture)
	flags.Func("scope", "", a.addScope)
	if err := flags.Parse(args); err != nil {
		return arguments{}, err
	}
	switch {
	case flags.NArg() > 0:
		return arguments{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case a.demo && a.scopes != nil:
		return arguments{}, errScopeOfDemo
	}
	return a, nil
}

func (a *arguments) setPicture(file string) error {
	if file == "" {
		return errors.New("a file has a name")
	}
	a.demo, a.picture = true, file
	return nil
}

func (a *arguments) addScope(scope string) error {
	if strings.TrimSpace(scope) == "" {
		return errors.New("a scope is not empty")
	}
	a.scopes = append(a.scopes, scope)
	return nil
}
