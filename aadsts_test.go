package azoidc

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/golden"
)

// refusedWith is Entra's refusal of a job of GitHub Actions, in Azure's public cloud.
func refusedWith(code int) *ExchangeError {
	issued := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	return &ExchangeError{
		Code: codeName(code), StatusCode: 400, known: knownCodes[code],
		Claims: &Claims{Issuer: "https://token.actions.githubusercontent.com", Subject: "repo:octo-org/octo-repo:ref:refs/heads/main",
			Audience: []string{"api://AzureADTokenExchange"}, IssuedAt: issued, ExpiresAt: issued.Add(5 * time.Minute)},
		Err:        &azidentity.AuthenticationFailedError{},
		credential: "GitHubActionsCredential", identity: identity{tenantID: "TENANT-ID", clientID: "CLIENT-ID"},
		scopes: []string{"https://vault.azure.net/.default"}, host: "login.microsoftonline.com", received: issued.Add(time.Second), arrived: issued.Add(time.Second),
	}
}

// TestGoldenCodes walks the table from inside, so that no row is left out. Codes that get the same advice stand together.
func TestGoldenCodes(t *testing.T) {
	var order []string
	meanings := map[string]string{}
	for _, code := range slices.Sorted(maps.Keys(knownCodes)) {
		refused := refusedWith(code)
		var r report
		r.line("do", refused.advice())
		for _, note := range refused.notes() {
			r.line("note", note)
		}
		advised := r.String()
		require.Contains(t, refused.Error(), advised)
		if meanings[advised] == "" {
			order = append(order, advised)
		}
		meanings[advised] += fmt.Sprintf("\n%s: %s", refused.Code, refused.known.meaning)
	}
	text := "What each AADSTS code means, and what is advised to a job of GitHub Actions on branch main that asks for Key Vault's scope.\n"
	for _, advised := range order {
		text += meanings[advised] + advised + "\n"
	}
	golden.Require(t, "aadsts.golden", text)
}

// TestEveryCodeAdvises something, however little is known of the case.
func TestEveryCodeAdvises(t *testing.T) {
	for code, known := range knownCodes {
		refused := &ExchangeError{Code: codeName(code), known: known}
		require.NotEmpty(t, known.meaning, code)
		require.NotEmpty(t, refused.advice(), code)
		require.Contains(t, refused.Error(), known.meaning)
	}
}

// TestGoldenStaleAssertions are AADSTS700024, which a wrong clock, an old assertion and Entra itself can cause.
func TestGoldenStaleAssertions(t *testing.T) {
	var text strings.Builder
	for _, test := range []struct {
		name   string
		change func(*ExchangeError)
	}{
		{"an assertion that was issued just now", func(*ExchangeError) {}},
		{"just now, by clocks that differ a little", func(e *ExchangeError) {
			e.clockOffset, e.received, e.arrived = 40*time.Second, e.Claims.IssuedAt.Add(-40*time.Second), e.Claims.IssuedAt
		}},
		{"this machine's clock is behind", func(e *ExchangeError) { e.clockOffset = 11 * time.Minute }},
		{"this machine's clock is ahead", func(e *ExchangeError) { e.clockOffset = -11 * time.Minute }},
		{"the assertion came from a cache", func(e *ExchangeError) {
			e.arrived, e.Claims.ExpiresAt = e.Claims.IssuedAt.Add(23*time.Hour), e.Claims.IssuedAt.Add(24*time.Hour)
		}},
		{"the assertion had ended", func(e *ExchangeError) { e.arrived = e.Claims.ExpiresAt.Add(3 * time.Minute) }},
		{"nothing is known of the assertion", func(e *ExchangeError) { e.Claims = nil }},
	} {
		refused := refusedWith(700024)
		test.change(refused)
		fmt.Fprintf(&text, "%s:\n  %s\n\n", test.name, refused.advice())
	}
	golden.Require(t, "stale.golden", text.String())
}

// TestWhenAnAssertionIsStale has the moments at which one cause becomes another.
func TestWhenAnAssertionIsStale(t *testing.T) {
	issued := refusedWith(700024).Claims.IssuedAt
	for _, test := range []struct {
		arrived, ends time.Duration // after it was issued
		want          string
	}{
		{0, 5 * time.Minute, "the assertion was new: it came 0s after"},
		{-time.Second, 5 * time.Minute, "the assertion was new: it came 0s after"},
		{5 * time.Minute, 5 * time.Minute, "the assertion was new: it came 5m0s after"},
		{5*time.Minute + 1, 5 * time.Minute, "the assertion had ended 0s before"},
		{5*time.Minute + time.Second, 5 * time.Minute, "the assertion had ended 1s before"},
		{10 * time.Minute, time.Hour, "the assertion was new"},
		{10*time.Minute + 1, time.Hour, "already 10m0s old"},
	} {
		refused := refusedWith(700024)
		refused.arrived, refused.Claims.ExpiresAt = issued.Add(test.arrived), issued.Add(test.ends)
		require.Contains(t, refused.advice(), test.want, test)
	}
	refused := refusedWith(700024)
	refused.clockOffset = advice.WrongClock - 1
	require.Contains(t, refused.advice(), "the assertion was new")
	refused.clockOffset = advice.WrongClock
	require.Contains(t, refused.advice(), "set this machine's clock")
	refused.clockOffset = 0
	refused.Claims.ExpiresAt = time.Time{}
	require.Contains(t, refused.advice(), "the assertion was new")
	refused.Claims.IssuedAt = time.Time{}
	require.Contains(t, refused.advice(), "check this machine's clock")
}

// TestGoldenFederation is what is said about a federated identity credential for each kind of subject.
func TestGoldenFederation(t *testing.T) {
	githubClaims := func(subject, workflow string) *Claims {
		return &Claims{Issuer: "https://token.actions.githubusercontent.com", Subject: subject, Audience: []string{"api://AzureADTokenExchange"},
			JobWorkflowRef: workflow, RepositoryID: "456", RepositoryOwnerID: "123"}
	}
	const guid = "fb60f99c-7a34-4190-8149-302f77469936"
	entraClaims := &Claims{Issuer: "https://login.microsoftonline.com/TENANT-ID/v2.0", Subject: "/eid1/c/pub/t/dGVuYW50/a/YXBw/sc/ORG-ID/CONNECTION-ID", Audience: []string{guid}}
	var text strings.Builder
	for _, test := range []struct {
		name   string
		claims *Claims
		code   int
		host   authorityHost
	}{
		{"a branch", githubClaims("repo:octo-org/octo-repo:ref:refs/heads/main", ""), 700213, ""},
		{"a branch, with GitHub's IDs", githubClaims("repo:octo-org@123/octo-repo@456:ref:refs/heads/main", ""), 700213, ""},
		{"an environment, with GitHub's IDs, in other letter case", githubClaims("repo:octo-org@123/octo-repo@456:environment:Production", ""), 7002138, ""},
		{"an environment of a pull request", githubClaims("repo:octo-org/octo-repo:environment:pr-17", ""), 700213, ""},
		{"a tag", githubClaims("repo:octo-org@123/octo-repo@456:ref:refs/tags/v1.2.3", ""), 7002131, ""},
		{"a merge queue", githubClaims("repo:octo-org/octo-repo:ref:refs/heads/gh-readonly-queue/main/pr-13-7b1f002b00ec", ""), 700213, ""},
		{"a reusable workflow", githubClaims("repo:octo-org@123/octo-repo@456:pull_request", "octo-org/shared/.github/workflows/deploy.yml@refs/heads/main"), 700213, ""},
		{"a customised subject", githubClaims("repository_owner_id:123:repository_id:456:ref:refs/heads/main", ""), 700213, ""},
		{"an enterprise's own issuer", &Claims{Issuer: "https://token.actions.githubusercontent.com/octo-enterprise",
			Subject: "repo:octo-org/octo-repo:ref:refs/heads/main", Audience: []string{"api://AzureADTokenExchange"}}, 700211, ""},
		{"an odd environment", githubClaims(`repo:octo-org/octo-repo:environment:it's "$5" & more`, ""), 700213, ""},
		{"Azure Pipelines with Entra's issuer", entraClaims, 700211, ""},
		{"Azure Pipelines with Entra's issuer, US Government", entraClaims, 700213, "login.microsoftonline.us"},
		{"Azure Pipelines with Entra's issuer, China", entraClaims, 700212, "login.partner.microsoftonline.cn"},
		{"Azure Pipelines with Azure DevOps' issuer", &Claims{Issuer: "https://vstoken.dev.azure.com/ORG-ID", Subject: "sc://org/project/connection",
			Audience: []string{"api://AzureADTokenExchange"}}, 700213, ""},
		{"the GUID was registered", entraClaims, 700214, ""},
		{"an assertion that nothing is known of", nil, 70021, ""},
	} {
		refused := refusedWith(test.code)
		refused.Claims = test.claims
		if test.host != "" {
			refused.host = test.host
		}
		fmt.Fprintf(&text, "%s:\n%s\n\n", test.name, refused)
	}
	golden.Require(t, "federation.golden", text.String())
}

// TestCommandsStandAlone on their lines, so that they can be copied.
func TestCommandsStandAlone(t *testing.T) {
	var commands []string
	for line := range strings.Lines(refusedWith(700213).Error()) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "az ") {
			commands = append(commands, line)
		}
	}
	require.Len(t, commands, 2)
	require.NotContains(t, refusedWith(700213).Error(), "fb60f99c")
}

func TestEveryErrorsAnswerNamesItsCause(t *testing.T) {
	mine := errors.New("mine")
	for _, err := range []error{
		&AssertionError{Source: "s", Err: mine},
		&ExchangeError{Err: &azidentity.AuthenticationFailedError{}, cause: mine},
	} {
		require.ErrorIs(t, err, mine, "%T", err)
	}
}

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
