package login

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/azoidc/azoidc/internal/redact"
)

// WriteText writes the findings for people to read.
func (d *Diagnosis) WriteText(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "CI system: %s\n", cmp.Or(d.CI, "none that azoidc knows"))
	section(&text, "Settings", d.settingRows())
	section(&text, "The job's identity, by its OIDC token", d.identityRows())
	section(&text, "The application's federated identity credential must hold exactly", d.federatedRows())
	d.writeSteps(&text)
	fmt.Fprintf(&text, "\nVerdict: %s.\n", d.Verdict)
	_, err := io.WriteString(w, redact.Text(text.String()))
	return err
}

// section writes rows, their cells below each other; without rows, nothing.
func section(w io.Writer, title string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	_, _ = fmt.Fprintf(w, "\n%s:\n", title)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintf(table, "  %s\n", strings.Join(row, "\t"))
	}
	_ = table.Flush()
}

func (d *Diagnosis) settingRows() (rows [][]string) {
	for _, s := range d.Settings {
		value := s.Value
		switch {
		case !s.Set:
			value = "missing"
		case value == "":
			value = "set"
		}
		rows = append(rows, []string{s.Name, value})
	}
	return rows
}

func (d *Diagnosis) identityRows() (rows [][]string) {
	if d.Identity == nil {
		return nil
	}
	for _, row := range [][]string{
		{"issuer", d.Identity.Issuer},
		{"subject", d.Identity.Subject},
		{"audience", strings.Join(d.Identity.Audience, " ")},
		{"issued", timestamp(d.Identity.IssuedAt)},
		{"not before", timestamp(d.Identity.NotBefore)},
		{"ends", timestamp(d.Identity.ExpiresAt)},
		{"workflow", d.Identity.JobWorkflowRef},
	} {
		if row[1] != "" {
			rows = append(rows, []string{row[0], oneLine(row[1])})
		}
	}
	return rows
}

func timestamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (d *Diagnosis) federatedRows() [][]string {
	if d.Federated == nil {
		return nil
	}
	return [][]string{
		{"issuer", oneLine(d.Federated.Issuer)},
		{"subject", oneLine(d.Federated.Subject)},
		{"audience", oneLine(d.Federated.Audience)},
	}
}

func (d *Diagnosis) writeSteps(w io.Writer) {
	_, _ = fmt.Fprint(w, "\nSteps:\n")
	for _, s := range d.Steps {
		took := ""
		if s.Result != resultSkipped {
			took = fmt.Sprintf("%d ms", s.Milliseconds)
		}
		detail := ": " + s.Detail
		if s.Result == ResultFailed || s.Result == resultWarning { // what went wrong may have several lines
			detail = indented(s.Detail)
		}
		_, _ = fmt.Fprintf(w, "  %-7s  %8s  %s%s\n", s.Result, took, s.Name, detail)
	}
}

func indented(text string) string {
	return strings.ReplaceAll("\n"+strings.TrimRight(text, "\n"), "\n", "\n           ")
}

// oneLine makes a text of others fit for a job's log, where a line can be a command to the CI system.
func oneLine(text string) string { return redact.Line(text) }
