package redact_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/internal/testbed"
)

// TestReadableAllTheSame holds what a reader sees.
func TestReadableAllTheSame(t *testing.T) {
	for said, want := range map[string]string{
		"##vso[task.prependpath]/tmp":                 "# #vso[task.prependpath]/tmp",
		"a ##[section]b":                              "a # #[section]b",
		"####VSO[a.b]":                                "# # # #VSO[a.b]",
		"::add-mask::x":                               ": :add-mask::x",
		" \r\n ::error::x\n::warning::y":              ": :error::x ::warning::y",
		"AADSTS700016: no.\r\nTrace ID: 1\r\nTime: 2": "AADSTS700016: no. Trace ID: 1 Time: 2",
		"clear\x1b[2J\x07\x00the screen":              "clear�[2J�the screen",
		"repo:o/\u200br":                              "repo:o/�r",
		"\u202egnp.exe":                               "�gnp.exe",
		"ends in ##vs":                                "ends in # #vs",
		"ends in ##":                                  "ends in # #",
		"\xff\xfe":                                    "��",
		"\u200b::x":                                   "�: :x",
		":\u0301:x":                                   ":\u0301 :x",
		"#\u0301#[x":                                  "#\u0301 #[x",
		"##\u0301[":                                   "# #\u0301[",
		"ends in ##vs\u0301":                          "ends in # #vs\u0301",
		"ends in ##teamcity":                          "ends in # #teamcity",
		"##[##x##[":                                   "# #[##x# #[",
		"::x ##[y":                                    ": :x # #[y",
		"##9[":                                        "# #9[",
		"::":                                          ": :",
		":x":                                          ":x",
		"##vsox":                                      "##vsox",
		"##teamcityx":                                 "##teamcityx",
		"#":                                           "#",
		"":                                            "",
	} {
		require.Equal(t, want, redact.Line(said), "%q", said)
	}
	require.Equal(t, "one\n: :two::\n\n  # #[three]", redact.Text("one\r\n::two::\n\r\n\t ##[three]"))
}

// TestWhatUsersCopyIsExact although it looks a little like a command.
func TestWhatUsersCopyIsExact(t *testing.T) {
	for _, exact := range []string{
		"https://token.actions.githubusercontent.com", "https://management.core.windows.net//.default", "https://[::1]:8443/a::b",
		"repo:octo-org/octo-repo:ref:refs/heads/fix##12", "repo:o@1/r@2:environment:my  own", "repo:o/r:environment:Prod #1 [eu]",
		"/eid1/c/pub/t/x/a/y/sc/z/w", "sc://org/project/connection: #[1]", "api://AzureADTokenExchange", "größer 🙂 e\u0301",
		"##head ing[1]", "## [x]", "a::b::c",
	} {
		require.Equal(t, exact, redact.Line(exact))
		require.Equal(t, exact, redact.Text(exact))
	}
}

// TestBounds: what is cut says so, once, and what just fits is whole.
func TestBounds(t *testing.T) {
	x, letters := strings.Repeat("x", 1200), strings.Repeat("ä", 1200)
	for said, want := range map[string]string{
		x: x, x + "y": x + "…", x + "…": x + "…", x + "……": x + "…", letters: letters, letters + "ä": letters + "…",
	} {
		require.Equal(t, want, redact.Line(said))
	}
	const limit = 64 << 10
	x = strings.Repeat("x", limit-2)
	for said, want := range map[string]string{
		x + "yz": x + "yz", x + "yza": x + "yz…", x + "yz…": x + "yz…", x + "yz……": x + "yz…", x + "ä": x + "ä", x + "yä": x + "y…",
	} {
		require.Equal(t, want, redact.Text(said))
	}
	ofNoCharacter := strings.Repeat("\x80", limit+1)
	require.Equal(t, "……", redact.Text(ofNoCharacter)+redact.Line(ofNoCharacter))
	require.Equal(t, "(an HTML page)", redact.Body([]byte("\n<!DOCTYPE html>"+x)))
	require.Equal(t, "short", redact.Body([]byte("short")))
	require.Equal(t, strings.Repeat("x", 300), redact.Body([]byte(strings.Repeat("x", 300))))
}

func FuzzGate(f *testing.F) {
	for _, text := range testbed.Hostile {
		f.Add(text, "secretsecretsecret")
	}
	f.Add("you sent Bearer secretsecret", "secretsecret")
	f.Add("aaaaaaaaaaaaaaaa", "aaaaaaaaa")
	f.Add(strings.Repeat("##[", 600)+"##vso", "")
	f.Add(strings.Repeat(" \n::a::", 20_000), "")
	f.Fuzz(func(t *testing.T, text, secret string) {
		line, lines := redact.Line(text, secret), redact.Text(text, secret)
		require.NotContains(t, line, "\n")
		require.LessOrEqual(t, utf8.RuneCountInString(line), 1201)
		require.LessOrEqual(t, len(lines), 64<<10+3)
		require.Equal(t, line, redact.Line(line), "idempotent")
		require.Equal(t, lines, redact.Text(lines), "idempotent")
		require.Equal(t, line, redact.Text(line), "a line is a text")
		for _, output := range []string{line, lines, line + "\n" + lines, redact.Text(line + lines), redact.Text("#" + lines + "#" + line)} {
			testbed.RequireHarmless(t, output)
		}
		if secret = strings.TrimSpace(secret); len(secret) >= 8 && !overlaps(secret) && !strings.ContainsFunc(secret, unicode.IsSpace) {
			require.NotContains(t, redact.Line("before "+secret+" after", secret), secret)
		}
	})
}

// overlaps holds for a secret that could be read out of the mark which stands for it.
func overlaps(secret string) bool {
	for n := range len("[redacted]") {
		if strings.HasPrefix(secret, "[redacted]"[n:]) || strings.HasSuffix(secret, "[redacted]"[:n+1]) {
			return true
		}
	}
	return strings.Contains("[redacted]", secret)
}
