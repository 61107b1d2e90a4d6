package azoidc

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/golden"
)

const troubleshootingStart = `# When it goes wrong

Each error says what was asked for (` + "`asked`" + `), what the service said (` + "`said`" + `), which OIDC token was presented (` + "`presented`" + `),
and what to do (` + "`do`" + `). This page has the same to look up: search it for the code or the words that you see. It is written by a test
from what the errors say.

` + "`azoidc doctor`" + ` in the job tries each step to Microsoft Entra and tells which one fails; with ` + "`-probe`" + ` it also tells which roles are missing.

- [Without a code](#without-a-code): settings, the CI system's OIDC endpoint, network, proxy
- [AADSTS codes](#aadsts-codes): what Microsoft Entra refuses; most often MOST-OFTEN

All guides: [README](../README.md#guides).
`

const codesStart = `
## AADSTS codes

As they are told to application CLIENT-ID of tenant TENANT-ID in a job of octo-org/octo-repo on branch main that asks for Key Vault's scope.
`

// TestGoldenTroubleshooting holds docs/troubleshooting.md to the table of codes, and to the messages that messages.golden holds.
func TestGoldenTroubleshooting(t *testing.T) {
	messages, err := os.ReadFile("testdata/messages.golden")
	require.NoError(t, err)
	all := codesByAdvice()
	page := strings.Replace(troubleshootingStart, "MOST-OFTEN", links(all, 700024, 700213, 700016), 1) + "\n## Without a code\n"
	for _, message := range strings.Split(strings.TrimSpace(strings.ReplaceAll(string(messages), "\r\n", "\n")), "\n\n") {
		if !strings.Contains(message, "AADSTS") {
			page += guideOfMessage(t, message)
		}
	}
	page += codesStart
	for _, advised := range all {
		page += advised.guide(t)
	}
	golden.Require(t, "../docs/troubleshooting.md", page)
}

// guideOfMessage makes a section of a case's name, its error and the error's own advice.
func guideOfMessage(t *testing.T, message string) string {
	t.Helper()
	lines := strings.Split(message, "\n")
	require.Greater(t, len(lines), 1, message)
	section := "\n### " + upperFirst(strings.TrimSuffix(lines[0], ":")) + "\n\n> `" + lines[1] + "`\n"
	for _, line := range lines[2:] {
		label, text, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch label {
		case "said":
			section += ">\n> `" + strings.TrimSpace(line) + "`\n"
		case "do", "then":
			section += "\n" + paragraph(strings.TrimSpace(text))
		}
	}
	return section
}

// advisedCodes are codes with the same advice, in their order.
type advisedCodes struct {
	codes []int
	error *ExchangeError // of the first
}

// links lead to the codes' sections.
func links(all []*advisedCodes, codes ...int) string {
	var texts []string
	for _, code := range codes {
		for _, advised := range all {
			if slices.Contains(advised.codes, code) {
				anchor := strings.ToLower(strings.NewReplacer(",", "", " ", "-").Replace(advised.heading()))
				texts = append(texts, "["+codeName(code)+"](#"+anchor+")")
			}
		}
	}
	return strings.Join(texts, ", ")
}

func codesByAdvice() []*advisedCodes {
	var all []*advisedCodes
	for _, code := range slices.Sorted(maps.Keys(knownCodes)) {
		refused := refusedWith(code)
		if code == 50049 {
			refused.host = "login.private.example"
		}
		same := slices.IndexFunc(all, func(a *advisedCodes) bool {
			return a.error.advice() == refused.advice() && slices.Equal(a.error.notes(), refused.notes())
		})
		if same < 0 {
			all = append(all, &advisedCodes{error: refused})
			same = len(all) - 1
		}
		all[same].codes = append(all[same].codes, code)
	}
	return all
}

func (a *advisedCodes) heading() string {
	var names []string
	for _, code := range a.codes {
		names = append(names, codeName(code))
	}
	return strings.Join(names, ", ")
}

func (a *advisedCodes) guide(t *testing.T) string {
	t.Helper()
	section := "\n### " + a.heading() + "\n\n"
	for _, code := range a.codes {
		section += "- " + codeName(code) + ": " + knownCodes[code].meaning + "\n"
	}
	if a.codes[0] == 700024 {
		return section + guideOfStaleAssertions(t)
	}
	section += "\n" + prose(a.error.advice())
	for _, note := range a.error.notes() {
		section += "\n" + paragraph(note)
	}
	return section
}

// guideOfStaleAssertions has each of the causes that the error tells apart.
func guideOfStaleAssertions(t *testing.T) string {
	t.Helper()
	held, err := os.ReadFile("testdata/stale.golden")
	require.NoError(t, err)
	section := "\nThe error tells which of these it is:\n"
	for _, test := range strings.Split(strings.TrimSpace(strings.ReplaceAll(string(held), "\r\n", "\n")), "\n\n") {
		cause, advice, ok := strings.Cut(test, ":\n")
		require.True(t, ok, test)
		section += "\n**" + upperFirst(cause) + ".** " + paragraph(strings.TrimSpace(advice))
	}
	return section
}

// prose makes paragraphs of an advice's lines, and one block of its commands.
func prose(advice string) string {
	var text, commands string
	for line := range strings.Lines(advice) {
		if strings.HasPrefix(line, "az ") {
			commands += strings.TrimSuffix(line, "\n") + "\n"
			continue
		}
		text += paragraph(strings.TrimSuffix(line, "\n"))
	}
	if commands != "" {
		text += "\n```sh\n" + commands + "```\n"
	}
	return text
}

func paragraph(text string) string {
	text = strings.TrimSuffix(upperFirst(text), ".")
	return strings.NewReplacer("<", `\<`, "*", `\*`).Replace(text) + ".\n"
}

// upperFirst leaves names as they are written.
func upperFirst(text string) string {
	if word, _, _ := strings.Cut(text, " "); strings.Contains(word, ".") {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
