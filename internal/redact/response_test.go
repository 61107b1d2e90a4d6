package redact_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/internal/testbed"
)

const secret = "the-secret-that-was-sent"

// cleaned is what an error keeps of an answer with this body.
func cleaned(t *testing.T, body string) string {
	t.Helper()
	resp := redact.Response(&http.Response{StatusCode: 400}, []byte(body), secret)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.EqualValues(t, len(text), resp.ContentLength)
	return string(text)
}

func TestResponseKeepsJSONAsItIs(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"invalid_client","error_codes":[7000215],"nested":{"b":[1.50,true,null,"x\ny"]}}`: "",
		`{"b":1,"a":2,"b":3}`:                                  "",
		"{\r\n  \"a\": \"b c\"\r\n}":                           `{"a":"b c"}`,
		`{"a":"##vso[a.b]c"}`:                                  `{"a":"# #vso[a.b]c"}`,
		`{"a":"\u0023#[b]<c>"}`:                                `{"a":"# #[b]<c>"}`,
		`{"a":"x\r\n::b::c"}`:                                  `{"a":"x\n: :b::c"}`,
		`{"\u001b[2J":1}`:                                      `{"�[2J":1}`,
		`{"a":"` + secret + `"}`:                               `{"a":"[redacted]"}`,
		`{"a":"the\u002dsecret\u002dthat\u002dwas\u002dsent"}`: `{"a":"[redacted]"}`,
		`{"a":"\u0041\/b"}`:                                    "",
		`"text"`:                                               "",
		`"##vso[a.b]c"`:                                        `"# #vso[a.b]c"`,
		`{"a":"\\","b":"\"","c":"::d::"}`:                      `{"a":"\\","b":"\"","c":": :d::"}`,
		`[]`:                                                   "",
		"7":                                                    "",
		"not JSON: " + secret + "\n::a::b":                     "not JSON: [redacted] ::a::b",
		"::add-mask::x":                                        ": :add-mask::x",
		`{"a":"` + strings.Repeat("x", 65536-8) + `"}`: "",
		`{"a":"` + strings.Repeat("x", 65536-7) + `"}`: `{"a":"` + strings.Repeat("x", 1194) + "…",
		"<html><body>" + secret:                        "(an HTML page)",
		"":                                             "",
	} {
		if want == "" {
			want = body
		}
		require.Equal(t, want, cleaned(t, body), "%.100s", body)
	}
}

func TestResponseKeepsNothingOfTheRequestButItsAddress(t *testing.T) {
	request := &http.Request{
		Method: http.MethodPost, Header: http.Header{"Authorization": {"Bearer " + secret}}, Body: io.NopCloser(strings.NewReader(secret)),
		URL: &url.URL{Scheme: "https", Host: "h\x1b", Path: "/a\n::b::c", RawQuery: secret, Fragment: secret, User: url.User(secret)},
	}
	resp := redact.Response(&http.Response{
		Status: "400 ##[error]" + secret, StatusCode: 400, ProtoMajor: 2, Proto: "##[x]", Request: request,
		Header:  http.Header{"X-A": {secret, "\r\n::b::c"}, "Set-Cookie": {"session"}, "##[x]": {"y"}},
		Trailer: http.Header{"X-B": {secret}},
	}, nil, secret)
	require.Equal(t, "400 # #[error][redacted]", resp.Status)
	require.Equal(t, "HTTP/2.0", resp.Proto)
	require.Equal(t, http.Header{"X-A": {"[redacted]", ": :b::c"}, "# #[x]": {"y"}}, resp.Header)
	require.Empty(t, resp.Trailer)
	require.Empty(t, resp.Request.Header)
	require.Nil(t, resp.Request.Body)
	require.Equal(t, &url.URL{Scheme: "https", Host: "h�", Path: "/a ::b::c"}, resp.Request.URL)
	require.Nil(t, redact.Response(&http.Response{}, nil).Request)
	require.Nil(t, redact.Response(&http.Response{Request: &http.Request{}}, nil).Request.URL)
}

func TestHarmless(t *testing.T) {
	for name, text := range testbed.Hostile {
		document, err := json.Marshal(map[string]string{"a": text})
		require.NoError(t, err)
		require.Equal(t, name == "HTML" || name == "percent", redact.Harmless(document), name)
		require.Equal(t, testbed.HarmfulIn(text) == "", redact.Harmless([]byte(text)), name)
	}
	for _, answer := range []string{`"##vso[a.b]c"`, "\"\u200b\"", "a\n::b::c", `{"a":"b","c":"d\n::e"}`} {
		require.False(t, redact.Harmless([]byte(answer)), answer)
	}
	for _, answer := range []string{
		"", "{}", "{\r\n\t\"a\" : \"b\"\r\n}\r\n", `{"access_token":"eyJ0.eyJ9.x","scope":"https://vault.azure.net//.default"}`, "not JSON\r\nat all",
	} {
		require.True(t, redact.Harmless([]byte(answer)), answer)
	}
}

func FuzzResponse(f *testing.F) {
	f.Add(`{"a":"##vso[a.b]","b":["\u0023#[x]",1e400]}`)
	f.Add("::a::b\r\n")
	f.Fuzz(func(t *testing.T, body string) {
		text := cleaned(t, body)
		if json.Valid([]byte(body)) && len(body) <= 64<<10 {
			require.True(t, json.Valid([]byte(text)), text)
		}
		testbed.RequireHarmless(t, text)
		require.LessOrEqual(t, len(text), 2*len(body)+1300*4)
	})
}
