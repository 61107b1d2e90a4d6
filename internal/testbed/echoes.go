package testbed

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
)

// Echoes are the forms in which a service can plausibly echo a secret.
var Echoes = map[string]func(string) string{
	"as it is":                func(s string) string { return s },
	"base64":                  func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64, 1 before":        func(s string) string { return base64.StdEncoding.EncodeToString([]byte(":" + s)) },
	"base64, 2 before":        func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte("u:" + s + "}")) },
	"base64url":               func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"raw base64url, 3 before": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(`: "` + s + `"}`)) },
	"query":                   url.QueryEscape,
	"path":                    url.PathEscape,
	"each byte as %XX":        percent("%%%02X"),
	"each byte as %xx":        percent("%%%02x"),
	"query, twice":            func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"JSON":                    quoted,
	`\u00XX`:                  percent(`\u%04x`),
	`\u00XX in capitals`:      percent(`\u%04X`),
	`JSON with \/`:            func(s string) string { return strings.ReplaceAll(quoted(s), "/", `\/`) },
	"JSON in JSON":            func(s string) string { return quoted(`"` + quoted(s) + `"`) },
	"HTML":                    html.EscapeString,
	"HTML, decimal":           percent("&#%d;"),
	"HTML, hexadecimal":       percent("&#x%x;"),
	"hexadecimal":             func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEXADECIMAL":             func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"base64 in lines of 76":   func(s string) string { return wrapped(base64.StdEncoding.EncodeToString([]byte(s)), 76) },
	"as it is in short lines": func(s string) string { return wrapped(s, 10) },
}

func percent(format string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, format, s[i])
		}
		return b.String()
	}
}

func quoted(s string) string {
	document, _ := json.Marshal(s) // a string can't fail
	return string(document[1 : len(document)-1])
}

func wrapped(s string, width int) string {
	var lines []string
	for ; len(s) > width; s = s[width:] {
		lines = append(lines, s[:width])
	}
	return strings.Join(append(lines, s), "\r\n")
}

// LeftOf returns a part of an echo that is left in text: 16 bytes, from which on a part is to be taken out. "" is none.
func LeftOf(echo, text string) string {
	echo = strings.ReplaceAll(echo, "\r\n", " ")
	for i := 0; i+16 <= len(echo); i++ {
		if part := echo[i : i+16]; strings.Contains(text, part) {
			return part
		}
	}
	return ""
}
