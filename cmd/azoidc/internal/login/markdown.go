package login

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/azoidc/azoidc/internal/redact"
)

// WriteMarkdown writes the findings for the summary of a job's run.
func (d *Diagnosis) WriteMarkdown(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "## azoidc doctor: %s\n\n%s.\n\n", cmp.Or(d.CI, "no CI system"), cell(d.Verdict))
	markdownTable(&text, []string{"", "step", "took", "detail"}, d.stepCells())
	d.markdownDetails(&text)
	if d.Federated != nil && len(d.Federated.Commands) > 0 {
		fmt.Fprint(&text, "### To create the federated identity credential\n\nThe first for an application, the second for a user-assigned managed identity:\n\n")
		for _, command := range d.Federated.Commands {
			text.WriteString(fenced("sh", command))
		}
	}
	markdownSection(&text, "The job's identity, by its OIDC token", d.identityRows())
	markdownSection(&text, "The application's federated identity credential must hold exactly", d.federatedRows())
	markdownSection(&text, "Settings", d.settingRows())
	_, err := io.WriteString(w, redact.Text(text.String()))
	return err
}

var marks = map[string]string{resultOK: "✅", ResultFailed: "❌", resultWarning: "⚠️", resultSkipped: "➖"}

func (d *Diagnosis) stepCells() (rows [][]string) {
	for _, s := range d.Steps {
		took := ""
		if s.Result != resultSkipped {
			took = fmt.Sprintf("%d ms", s.Milliseconds)
		}
		rows = append(rows, []string{marks[s.Result], s.Name, took, s.headline()})
	}
	return rows
}

// markdownDetails are those that don't fit a cell.
func (d *Diagnosis) markdownDetails(w *strings.Builder) {
	for _, s := range d.Steps {
		if s.Detail != s.headline() {
			fmt.Fprintf(w, "### %s\n\n%s", cell(s.Name), fenced("text", s.Detail))
		}
	}
}

func markdownSection(w *strings.Builder, title string, rows [][]string) {
	if len(rows) > 0 {
		fmt.Fprintf(w, "### %s\n\n", title)
		markdownTable(w, []string{"", ""}, rows)
	}
}

func markdownTable(w *strings.Builder, heads []string, rows [][]string) {
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, text := range row {
			cells[i] = cell(text)
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
	w.WriteString("\n")
}

// inMarkdown keeps a text from being anything but text.
var inMarkdown = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "|", `\|`, "~", `\~`,
	"#", `\#`, "$", `\$`, "\n", "<br>")

func cell(text string) string { return inMarkdown.Replace(text) }

// fenced is a block of code, within a fence that is longer than any in it.
func fenced(language, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + strings.TrimRight(text, "\n") + "\n" + fence + "\n\n"
}
