package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/cmd/azoidc/internal/background"
	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/redact"
)

// A statusReport is what a process in the background tells of itself. It holds no secret.
type statusReport struct {
	Name       string              `json:"name"`
	Process    int                 `json:"process"`
	Since      time.Time           `json:"since"`
	Until      time.Time           `json:"until"`
	While      string              `json:"while,omitempty"` // the process after whose end it ends
	CI         string              `json:"ci"`
	Endpoint   string              `json:"endpoint,omitempty"`
	TokenFile  string              `json:"tokenFile,omitempty"`
	Identities []identity          `json:"identities"`
	Tokens     []listedToken       `json:"tokens"`
	Counts     counts              `json:"counts"`
	LastError  *background.Problem `json:"lastError,omitempty"`
}

// An identity is an application that programs are supplied with tokens of.
type identity struct {
	Name     string `json:"name,omitempty"`
	ClientID string `json:"clientId"`
	TenantID string `json:"tenantId"`
}

type listedToken struct {
	Identity  string     `json:"identity,omitempty"` // its name, if it isn't the first one
	Scopes    []string   `json:"scopes"`
	ExpiresOn time.Time  `json:"expiresOn"`
	RefreshOn *time.Time `json:"refreshOn,omitempty"`
	LastError string     `json:"lastError,omitempty"` // of the latest refresh
}

func (r *resident) report() statusReport {
	report := statusReport{
		Name: r.home.Name, Process: r.self.ID, Since: r.since.UTC(), Until: r.until.UTC(), CI: r.login.Source(),
		Identities: r.identities(),
		Counts:     r.tally.sum(), LastError: r.journal.LastProblem(), Tokens: []listedToken{},
	}
	if r.while != nil {
		report.While = r.while.String()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.supply == nil {
		return report
	}
	report.Endpoint, report.TokenFile = r.supply.env["IDENTITY_ENDPOINT"], r.supply.env["AZURE_FEDERATED_TOKEN_FILE"]
	for _, h := range r.supply.holders {
		for _, token := range h.cache.Tokens() {
			report.Tokens = append(report.Tokens, newListedToken(h.identity, token))
		}
	}
	return report
}

func (r *resident) identities() []identity {
	all := []identity{{ClientID: redact.Line(r.login.ClientID), TenantID: redact.Line(r.login.TenantID)}}
	for _, other := range r.flags.supply.identities {
		l := r.login.As(other)
		all = append(all, identity{Name: redact.Line(other.Name), ClientID: redact.Line(l.ClientID), TenantID: redact.Line(l.TenantID)})
	}
	return all
}

// status tells about the process in the background. It isn't well when there is none.
func (p *program) status(args []string) int {
	var (
		name   = background.DefaultName
		log    bool
		output = newForm("text", "json")
	)
	flags := newFlagSet("status")
	flags.Var(&name, "name", "")
	flags.BoolVar(&log, "log", false, "")
	output.register(flags)
	if status, ok := p.parse(flags, args); !ok {
		return status
	}
	if flags.NArg() > 0 {
		return p.misused("status", fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	h, owner, err := background.Find(background.HomesIn(p.env), name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p.failed(fmt.Errorf("no azoidc of the name %q runs", name))
	case err != nil:
		return p.failed(err)
	case log:
		return p.printLog(h)
	}
	report, err := askForStatus(h, owner)
	if err != nil {
		return p.failed(fmt.Errorf("the azoidc of the name %q: %w", name, err))
	}
	if output.value == "json" {
		err = writeJSON(p.stdout, report)
	} else {
		_, err = fmt.Fprint(p.stdout, report.text())
	}
	if err != nil {
		return p.failed(err)
	}
	return exitWell
}

func (p *program) printLog(h background.Home) int {
	content, err := h.ReadLog()
	if err != nil {
		return p.failed(redact.Error(err))
	}
	for line := range strings.Lines(content) {
		if _, err := fmt.Fprintln(p.stdout, redact.Line(line)); err != nil {
			return p.failed(err)
		}
	}
	return exitWell
}

func askForStatus(h background.Home, owner proc.Process) (statusReport, error) {
	var report statusReport
	asked := h.Ask(background.AskStatus, &report)
	switch {
	case asked == nil:
		return report, nil
	case owner.AwaitEnd(lastMoments):
		return statusReport{}, fmt.Errorf("process %d has ended: %s", owner.ID, h.LastWords())
	}
	return statusReport{}, fmt.Errorf("process %d doesn't answer, perhaps it is just starting: %w", owner.ID, redact.Error(asked))
}

// lastMoments are between the last answer and the end.
const lastMoments = time.Second

func (s statusReport) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "azoidc %s, process %d, since %s, until %s", s.Name, s.Process, utc(s.Since), utc(s.Until))
	if s.While != "" {
		fmt.Fprintf(&b, " or the end of %s", s.While)
	}
	b.WriteString("\n")
	for _, i := range s.Identities {
		fmt.Fprintf(&b, "application %s of tenant %s, by %s%s\n", i.ClientID, i.TenantID, s.CI, inParentheses(i.Name))
	}
	fmt.Fprintf(&b, "serves %s\n", cmp.Or(s.Endpoint, s.TokenFile, "nothing yet"))
	for _, t := range s.Tokens {
		fmt.Fprintf(&b, "token for %s until %s%s", strings.Join(t.Scopes, " "), utc(t.ExpiresOn), inParentheses(t.Identity))
		if t.LastError != "" {
			fmt.Fprintf(&b, ", not renewed: %s", t.LastError)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%d acquired, %d refreshed, %d refused\n", s.Counts.Acquired, s.Counts.Refreshed, s.Counts.Refused)
	if s.LastError != nil {
		fmt.Fprintf(&b, "last error, %s: %s\n", utc(s.LastError.Time), s.LastError.Text)
	}
	return redact.Text(b.String())
}

func inParentheses(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func newListedToken(identity string, t azoidc.TokenStatus) listedToken {
	held := listedToken{Identity: redact.Line(identity), Scopes: slices.Clone(t.Scopes), ExpiresOn: t.ExpiresOn.UTC()}
	if !t.RefreshOn.IsZero() {
		due := t.RefreshOn.UTC()
		held.RefreshOn = &due
	}
	if t.LastError != nil {
		held.LastError = redact.Line(t.LastError.Error())
	}
	return held
}
