package redact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Response is Gate's.
func Response(resp *http.Response, body []byte, secrets ...string) *http.Response {
	return Against(secrets...).Response(resp, body)
}

// Response returns resp for an error to keep: its body, if it is JSON, as JSON of the same form, else only quoted; and
// without the request's headers and body, which hold the assertion or the request token.
func (g *Gate) Response(resp *http.Response, body []byte) *http.Response {
	text := g.document(body)
	clean := &http.Response{
		Status: g.Line(resp.Status), StatusCode: resp.StatusCode,
		Proto: fmt.Sprintf("HTTP/%d.%d", resp.ProtoMajor, resp.ProtoMinor), ProtoMajor: resp.ProtoMajor, ProtoMinor: resp.ProtoMinor,
		Header:        g.Header(resp.Header),
		ContentLength: int64(len(text)),
		Body:          io.NopCloser(strings.NewReader(text)),
	}
	clean.Header.Del("Set-Cookie")
	if resp.Request != nil {
		clean.Request = &http.Request{Method: resp.Request.Method, URL: URL(resp.Request.URL), Header: http.Header{}}
	}
	return clean
}

// Header returns h as others' text: each value on one line, without secrets.
func (g *Gate) Header(h http.Header) http.Header {
	clean := make(http.Header, len(h))
	for name, values := range h {
		name = g.Line(name)
		for _, value := range values {
			clean[name] = append(clean[name], g.Line(value))
		}
	}
	return clean
}

// document makes a body fit to be parsed or shown: JSON stays JSON of the same form.
func (g *Gate) document(body []byte) string {
	if len(body) > maxText || !json.Valid(body) {
		return g.Body(body)
	}
	var b strings.Builder
	for rest := compact(body); len(rest) > 0; {
		start := bytes.IndexByte(rest, '"')
		if start < 0 {
			b.Write(rest)
			break
		}
		end := start + literal(rest[start:])
		b.Write(rest[:start])
		b.Write(g.quoted(rest[start:end]))
		rest = rest[end:]
	}
	return b.String()
}

// Harmless tells whether the gate would change nothing but secrets in an answer, in a JSON document in its strings as they are
// meant, each of one line.
// It is for what goes to others' code, whose log and errors don't pass the gate.
func Harmless(answer []byte) bool {
	if !json.Valid(answer) {
		return harmlessLines(string(answer))
	}
	for rest := answer; ; {
		start := bytes.IndexByte(rest, '"')
		if start < 0 {
			return true
		}
		end := start + literal(rest[start:])
		var said string
		if json.Unmarshal(rest[start:end], &said) != nil || disarmed(visible(said)) != said {
			return false
		}
		rest = rest[end:]
	}
}

func harmlessLines(text string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n\t ")
		if disarmed(visible(line)) != line {
			return false
		}
	}
	return true
}

func compact(document []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, document) != nil {
		return nil // it was valid
	}
	return b.Bytes()
}

// literal returns the length of the JSON string that text begins with.
func literal(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// quoted is the JSON string text, as it came if the gate changes nothing in it.
func (g *Gate) quoted(text []byte) []byte {
	var said string
	if json.Unmarshal(text, &said) != nil {
		return []byte(`""`) // it was valid
	}
	clean := g.Text(said)
	if clean == said {
		return text
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(clean) // a string can't fail
	return bytes.TrimSpace(b.Bytes())
}

// URL returns u without its query, fragment and user.
func URL(u *url.URL) *url.URL {
	if u == nil {
		return nil
	}
	return &url.URL{Scheme: Line(u.Scheme), Host: Line(u.Host), Path: Line(u.Path)}
}
