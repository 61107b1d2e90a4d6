// Package redact is the gate that text of others passes before this module prints or returns it: what services, proxies,
// certificates, tokens and the environment say.
package redact

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// maxLine is how many characters of a service's answer an error quotes: Entra's longest descriptions fit.
const maxLine = 1200

const redacted = "[redacted]"

// Hide returns a mark in place of a secret, and nothing in place of none.
func Hide(secret string) string {
	if secret == "" {
		return ""
	}
	return redacted
}

// jwtLike finds JWTs in a text, also those cut before their signature: each begins with the base64url of `{"`.
var jwtLike = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*)?`)

// Text takes the given secrets and all JWTs out of a text that a service wrote, for a service may echo what it got.
func Text(text string, secrets ...string) string {
	for _, secret := range secrets {
		text = without(text, strings.TrimSpace(secret))
	}
	return jwtLike.ReplaceAllString(text, redacted)
}

func without(text, secret string) string {
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

// Line makes a text that a service wrote fit for an error: on one line, so that it can't forge a command to the CI
// system in a job's log, without secrets, and shortened.
func Line(text string, secrets ...string) string {
	words := strings.FieldsFunc(Text(text, secrets...), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	})
	line := []rune(strings.ToValidUTF8(strings.Join(words, " "), "�"))
	if len(line) > maxLine {
		return string(line[:maxLine]) + "…"
	}
	return string(line)
}

// Body makes an answer that isn't of the documented form fit for an error. A page for people is only named.
func Body(body []byte, secrets ...string) string {
	begin := strings.ToLower(strings.TrimSpace(string(body[:min(len(body), 200)])))
	if strings.HasPrefix(begin, "<!doctype") || strings.HasPrefix(begin, "<html") {
		return "(an HTML page)"
	}
	return Line(string(body), secrets...)
}

// Response returns resp for an error to keep: its body, if it is JSON, without secrets, else only quoted; and without the
// request's headers and body, which hold the assertion or the request token.
func Response(resp *http.Response, body []byte, secrets ...string) *http.Response {
	text := Body(body, secrets...)
	if json.Valid(body) {
		text = Text(string(body), secrets...)
	}
	clean := *resp
	clean.Header = resp.Header.Clone()
	clean.Header.Del("Set-Cookie")
	clean.ContentLength = int64(len(text))
	clean.Body = io.NopCloser(strings.NewReader(text))
	clean.TLS = nil
	clean.Request = nil
	if resp.Request != nil {
		clean.Request = &http.Request{Method: resp.Request.Method, URL: URL(resp.Request.URL), Header: http.Header{}}
	}
	return &clean
}

// URL returns u without its query, fragment and user.
func URL(u *url.URL) *url.URL {
	if u == nil {
		return nil
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
}
