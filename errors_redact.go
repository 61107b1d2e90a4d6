package azoidc

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// maxQuote is how many characters of a service's answer an error quotes: Entra's longest descriptions fit.
const maxQuote = 1200

const redacted = "[redacted]"

func hide(secret string) string {
	if secret == "" {
		return ""
	}
	return redacted
}

// jwtLike finds JWTs in a text, also those cut before their signature: each begins with the base64url of `{"`.
var jwtLike = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*)?`)

// redact takes the given secrets and all JWTs out of a text that a service wrote, for a service may echo what it got.
func redact(text string, secrets ...string) string {
	for _, secret := range secrets {
		text = redactOne(text, strings.TrimSpace(secret))
	}
	return jwtLike.ReplaceAllString(text, redacted)
}

func redactOne(text, secret string) string {
	forms := []string{secret, url.QueryEscape(secret)}
	if segments := strings.Split(secret, "."); len(segments) == 3 {
		forms = append(forms, segments[1], segments[2])
	}
	for _, form := range forms {
		if len(form) >= 8 { // less is no secret, and replacing it would garble the text
			text = strings.ReplaceAll(text, form, redacted)
		}
	}
	return text
}

// quote makes a text that a service wrote fit for an error: on one line, so that it can't forge a command to the CI
// system in a job's log, without secrets, and shortened.
func quote(text string, secrets ...string) string {
	words := strings.FieldsFunc(redact(text, secrets...), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	})
	line := []rune(strings.ToValidUTF8(strings.Join(words, " "), "�"))
	if len(line) > maxQuote {
		return string(line[:maxQuote]) + "…"
	}
	return string(line)
}

// withoutSecrets returns resp for an error to keep: its body, if it is JSON, redacted, else only quoted; and without the
// request's headers and body, which hold the assertion or the request token.
func withoutSecrets(resp *http.Response, body []byte, secrets ...string) *http.Response {
	text := quoteBody(body, secrets...)
	if json.Valid(body) {
		text = redact(string(body), secrets...)
	}
	clean := *resp
	clean.Header = resp.Header.Clone()
	clean.Header.Del("Set-Cookie")
	clean.ContentLength = int64(len(text))
	clean.Body = io.NopCloser(strings.NewReader(text))
	clean.TLS = nil
	clean.Request = nil
	if resp.Request != nil {
		clean.Request = &http.Request{Method: resp.Request.Method, URL: withoutQuery(resp.Request.URL), Header: http.Header{}}
	}
	return &clean
}

func withoutQuery(u *url.URL) *url.URL {
	if u == nil {
		return nil
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
}

// quoteBody quotes an answer that isn't of the documented form. A page for people is only named.
func quoteBody(body []byte, secrets ...string) string {
	begin := strings.ToLower(strings.TrimSpace(string(body[:min(len(body), 200)])))
	if strings.HasPrefix(begin, "<!doctype") || strings.HasPrefix(begin, "<html") {
		return "(an HTML page)"
	}
	return quote(string(body), secrets...)
}
