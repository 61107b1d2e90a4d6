package login

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/redact"
)

// A namedSource is where a flag says that the job's OIDC tokens come from, in place of the CI systems that azoidc knows.
type namedSource struct {
	flag      string
	assertion azoidc.AssertionFunc
	both      bool // flags, which is a mistake
}

// namedSource returns nil if no flag names one.
func (c *Flags) namedSource() *namedSource {
	switch {
	case c.assertionCommand != "":
		shell, args := shellFor(c.assertionCommand, c.Folder)
		return &namedSource{flag: "-assertion-command", assertion: azoidc.CommandAssertion(shell, args...), both: c.assertionFile != ""}
	case c.assertionFile != "":
		return &namedSource{flag: "-assertion-file", assertion: azoidc.FileAssertion(pathIn(c.Folder, c.assertionFile))}
	}
	return nil
}

// shellFor has the system's shell run the line, so that it may be written as in a terminal; in folder, if that isn't "".
func shellFor(line, folder string) (shell string, args []string) {
	if runtime.GOOS == "windows" {
		if folder != "" {
			line = "Set-Location -LiteralPath " + advice.QuoteForPowerShell(folder) + "; " + line
		}
		return "powershell", []string{"-NoProfile", "-NonInteractive", "-Command", line}
	}
	if folder != "" {
		return "sh", []string{"-c", `cd -- "$1" && eval "$2"`, "sh", folder, line}
	}
	return "sh", []string{"-c", line}
}

func pathIn(folder, path string) string {
	if folder == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}

func (s *namedSource) check(audience string) error {
	switch {
	case s.both:
		return errors.New("-assertion-command and -assertion-file: OIDC tokens come from one of them")
	case audience != "":
		return fmt.Errorf("%s: leave out -audience and AZOIDC_AUDIENCE: the audience is chosen where the OIDC tokens come from", s.flag)
	}
	return nil
}

// Source is what messages call the place that OIDC tokens come from; Check has passed.
func (l *Login) Source() string {
	if l.named != nil {
		return l.named.flag
	}
	return l.system.Name
}

// AssertionFor requests an OIDC token for whoever wants it for that audience. What comes for another one isn't handed out: it
// would be good for another service than the one that gets it.
func (l *Login) AssertionFor(ctx context.Context, audience string) (string, error) {
	jwt, err := l.assertionWith(audience)(ctx)
	if err != nil {
		return "", err
	}
	claims, err := azoidc.ParseClaims(jwt)
	if err != nil {
		return "", &azoidc.AssertionError{Source: l.Source(), Err: err}
	}
	forEntra := audience == l.ExchangeAudience() && slices.Contains(claims.Audience, exchangeID)
	if !forEntra && !slices.Contains(claims.Audience, audience) {
		return "", &wrongAudience{source: l.Source(), wanted: audience, has: claims.Audience}
	}
	return jwt, nil
}

// wrongAudience is final: to ask again doesn't help.
type wrongAudience struct {
	source, wanted string
	has            []string
}

func (e *wrongAudience) Error() string {
	return fmt.Sprintf("%s has OIDC tokens for the audience %s only, and none for %s", e.source, redact.Line(strings.Join(e.has, ", ")), redact.Line(e.wanted))
}

// NonRetriable marks it for the endpoint, as for azcore.
func (*wrongAudience) NonRetriable() {}

// exchangeID stands for Entra's audience in the tokens that Entra itself issues for Azure Pipelines.
const exchangeID = "fb60f99c-7a34-4190-8149-302f77469936"
