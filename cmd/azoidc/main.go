// Command azoidc gives Azure tokens to the steps of a CI job that aren't written in Go.
//
//	azoidc exec -- ./deploy.sh     # az, terraform, python … in it sign in for as long as the job lasts
//	azoidc start                   # the same for the steps that follow, until azoidc stop or the job's end
//	azoidc token -scope https://vault.azure.net/.default -o raw
//	azoidc doctor                  # what is set, who the job is, what Microsoft Entra says, and what to do
//
// It runs in GitHub Actions, in jobs with "permissions: id-token: write", and in Azure Pipelines, in tasks with a
// service connection and SYSTEM_ACCESSTOKEN mapped. No secret is needed but the job's own.
//
// Exit status: exec exits with that of its command, with 128+n when signal n ended it, with 126 when it can't be run, 127
// when it isn't found, and 125 when azoidc itself failed. Otherwise 0 means well, 1 not well, 2 wrong usage.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/outbound"
	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/redact"
)

func main() {
	p := program{env: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	p.keepSecretsInside()
	os.Exit(p.run(context.Background(), os.Args[1:]))
}

// The exit status of everything but the command that exec runs.
const (
	exitWell    = 0
	exitNotWell = 1
	exitUsage   = 2
)

// A program is one run of azoidc, with what it has of the world around it.
type program struct {
	env            ci.Variables
	stdin          io.Reader
	stdout, stderr io.Writer            // within run, what is written to them passes the gate
	direct         streams              // within run, stdout and stderr themselves
	client         azcore.ClientOptions // how requests go

	withCoreDumps func(func() error) error // runs a function under the limit that azoidc was started with; nil: any function
}

type streams struct{ stdout, stderr io.Writer }

// run returns the exit status.
func (p *program) run(ctx context.Context, args []string) int {
	inside, gate := *p, gateOf(p.env)
	inside.direct = streams{p.stdout, p.stderr}
	inside.stdout, inside.stderr = gated{p.stdout, gate}, gated{p.stderr, gate}
	return inside.command(ctx, args)
}

func (p *program) command(ctx context.Context, args []string) int {
	if len(args) == 0 {
		return p.misused("", fmt.Errorf("a command is missing"))
	}
	switch name, args := args[0], args[1:]; name {
	case "exec":
		return p.exec(ctx, args)
	case "start":
		return p.start(ctx, args)
	case "stop":
		return p.stop(args)
	case "status":
		return p.status(args)
	case "token":
		return p.token(ctx, args)
	case "assertion":
		return p.assertion(ctx, args)
	case "doctor":
		return p.doctor(ctx, args)
	case "version", "-version", "--version":
		return p.version(args)
	case inBackground:
		return p.background(ctx)
	case "help", "-h", "-help", "--help":
		return p.help("")
	default:
		return p.misused("", fmt.Errorf("there is no command %q", name))
	}
}

// log is for messages of azoidc's own, on the standard error like all but results.
func (p *program) log() *log.Logger { return log.New(p.stderr, "azoidc: ", 0) }

func (p *program) failed(err error) int {
	p.log().Print(err)
	return exitNotWell
}

func (p *program) misused(command string, err error) int {
	p.log().Print(redact.Line(err.Error())) // arguments may have lines
	_, _ = fmt.Fprintf(p.stderr, "Run 'azoidc %s' for help.\n", joined(command, "-h"))
	return exitUsage
}

func (p *program) help(command string) int {
	if _, err := io.WriteString(p.stdout, usage(command)); err != nil {
		return p.failed(err)
	}
	return exitWell
}

func joined(command, argument string) string {
	if command == "" {
		return argument
	}
	return command + " " + argument
}

// gated lets each whole text that is written pass the gate. All that azoidc prints is written so, but for what it prints for
// others to read: the command that masks a token, and the token.
type gated struct {
	to   io.Writer
	gate *redact.Gate
}

func (g gated) Write(text []byte) (int, error) {
	if _, err := io.WriteString(g.to, g.gate.Text(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// gateOf keeps back the tokens by which the job requests others, wherever they turn up.
func gateOf(e ci.Variables) *redact.Gate {
	var secrets []string
	for _, system := range ci.Systems() {
		if token := e.Get(system.RequestToken); !ci.IsMacro(token) { // which is to be told
			secrets = append(secrets, token)
		}
	}
	return redact.Against(secrets...)
}

// keepSecretsInside does what this process can, so that neither Go's own library nor the system writes down what it holds.
func (p *program) keepSecretsInside() {
	p.withCoreDumps = proc.ForbidCoreDumps()
	// With GODEBUG=http2debug, net/http writes every header and body to the standard logger, bearer tokens and assertions among
	// them. It reads the variable before main begins.
	log.SetOutput(io.Discard)
	if strings.Contains(p.env.Get("GODEBUG"), "http2debug=") {
		p.log().Print("GODEBUG=http2debug isn't heeded here, because it writes tokens into the log; a command gets it as it is")
	}
}

// startAsItWas starts the command that exec runs, whose core dumps are its own affair.
func (p *program) startAsItWas(start func() error) error {
	if p.withCoreDumps == nil {
		return start()
	}
	return p.withCoreDumps(start)
}

// writeJSON writes content for people to read.
func writeJSON(w io.Writer, content any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(content)
}

// version prints which build this is, for a report of a bug.
func (p *program) version(args []string) int {
	flags := newFlagSet("version")
	if status, ok := p.parse(flags, args); !ok {
		return status
	}
	if flags.NArg() > 0 {
		return p.misused("version", fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	text := versionText(outbound.ReadBuild())
	if _, err := fmt.Fprintf(p.stdout, "%s, %s, %s/%s\n", text, runtime.Version(), runtime.GOOS, runtime.GOARCH); err != nil {
		return p.failed(err)
	}
	return exitWell
}

func versionText(build outbound.Build) string {
	text := "azoidc " + build.Version
	if build.Commit != "" {
		text += ", commit " + build.Commit
		if build.Modified {
			text += " with changes"
		}
	}
	return text
}
