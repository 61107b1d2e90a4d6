package outbound

import (
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/azoidc/azoidc/internal/redact"
)

// gated lets what an answer, or its lack, says in passing through the gate before anybody else sees it: azcore and azidentity
// log the reason phrase, headers and network errors, whose text a server's certificate, a proxy or GOAWAY can have written.
func gated(gate *redact.Gate, resp *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, gate.Error(err)
	}
	clean := *resp
	clean.Status = gate.Line(resp.Status)
	clean.Header = gate.Header(resp.Header)
	clean.Body = gatedBody{resp.Body, gate}
	return &clean, nil
}

// gatedBody is a body whose errors have passed the gate.
type gatedBody struct {
	io.ReadCloser
	gate *redact.Gate
}

func (b gatedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	return n, b.gate.Error(err)
}

// sentIn are the secrets that req carries, which its answer may echo. They are read before it is sent: azcore's GetBody rewinds
// the very body that a transport may still be sending when the answer has come.
func sentIn(req *http.Request) []string {
	form := formOf(req)
	return []string{strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "), form.Get("client_assertion"), form.Get("assertion")}
}

// formOf returns what req posts as a form; nothing if it posts none.
func formOf(req *http.Request) url.Values {
	if req.GetBody == nil || !strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil
	}
	defer body.Close()
	posted, _ := io.ReadAll(body) // what can't be read can't be sent either
	if rewound, err := req.GetBody(); err == nil {
		_ = rewound.Close() // as body's, it has nothing to say
	}
	form, _ := url.ParseQuery(string(posted)) // what it can't parse is no secret of MSAL's
	return form
}
