// Package redact is the one gate that text of others passes before this module prints or returns it: what services,
// proxies, certificates, tokens, the environment and arguments say. Text of this module's own passes it once more as a
// whole, so that pieces which are harmless by themselves stay harmless together.
//
// What comes out holds
//
//   - no secret that the gate was told of, in any form that a service can plausibly echo, see below, and no JWT;
//   - no control character, and no character that hides, reorders or joins others: U+FFFD stands for a run of them. Line ends
//     are kept by Text only;
//   - nothing that a CI system takes for a command in its log, in any letter case: spaces split the ## of ##vso[ and ##[
//     wherever they stand, and the :: of ::name:: at the beginning of a line;
//   - no more than a bound.
//
// All else is exactly as it came: addresses, scopes and subjects can be copied from it.
//
// # Echoes
//
// A secret is recognized as it is, URL-encoded, JSON-escaped or HTML-escaped, also twice; in base64, standard or URL-safe,
// padded or not, at any place of what was encoded (Basic's user:password, a JSON document); in hexadecimal; interrupted by
// white space; and of each of these any part of 16 characters or more, so also cut short or a segment of a JWT alone. Secrets
// of 8 to 15 characters are recognized whole; shorter ones aren't. A service that means to pass a secret on can: reversed,
// encrypted, one letter at a time.
package redact

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	// maxLine is how many characters of a service's answer an error quotes: Entra's longest descriptions fit.
	maxLine = 1200
	// maxText bounds a whole report, in bytes.
	maxText = 64 << 10
)

const redacted = "[redacted]"

// Hide returns a mark in place of a secret, and nothing in place of none.
func Hide(secret string) string {
	if secret == "" {
		return ""
	}
	return redacted
}

// A Gate knows the secrets that what passes it may echo. It is safe for concurrent use.
type Gate struct {
	known echoes
}

// Against makes a Gate. Making it is most of the work, so one serves all that belongs to an answer.
func Against(secrets ...string) *Gate { return &Gate{echoesOf(secrets)} }

// Line is Gate's.
func Line(text string, secrets ...string) string { return Against(secrets...).Line(text) }

// Text is Gate's.
func Text(text string, secrets ...string) string { return Against(secrets...).Text(text) }

// Body is Gate's.
func Body(body []byte, secrets ...string) string { return Against(secrets...).Body(body) }

// Line makes others' text fit for a report: on one line, without secrets, at most 1200 characters and an ellipsis.
func (g *Gate) Line(text string) string {
	line := disarmed(onOneLine(g.known.without(bounded(text, maxText))))
	if utf8.RuneCountInString(line) <= maxLine {
		return line
	}
	return string([]rune(line)[:maxLine]) + ellipsis
}

// Text is Line for a text of several lines: its line ends are kept, and at most 64 KiB and an ellipsis.
func (g *Gate) Text(text string) string {
	lines := strings.Split(g.known.without(bounded(text, maxText)), "\n")
	for i, line := range lines {
		lines[i] = disarmed(visible(strings.TrimSuffix(line, "\r")))
	}
	return bounded(strings.Join(lines, "\n"), maxText)
}

// Body makes an answer that isn't of the documented form fit for a report. A page for people is only named.
func (g *Gate) Body(body []byte) string {
	begin := strings.ToLower(strings.TrimSpace(string(body[:min(len(body), 200)])))
	if strings.HasPrefix(begin, "<!doctype") || strings.HasPrefix(begin, "<html") {
		return "(an HTML page)"
	}
	return g.Line(string(body))
}

const ellipsis = "…"

// bounded cuts what limit bytes don't hold, and says so with an ellipsis, so that nothing is taken for the end that isn't.
// What ends in one because it was cut before comes out as it was.
func bounded(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + ellipsis
}

// jwtLike finds JWTs in a text, also those cut before their signature: each begins with the base64url of `{"`.
var jwtLike = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){0,3}`)

func withoutJWTs(text string) string {
	if !strings.Contains(text, "eyJ") {
		return text
	}
	return jwtLike.ReplaceAllString(text, redacted)
}
