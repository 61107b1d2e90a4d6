package main

import (
	"io"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/redact"
)

// gated lets each whole text that is written pass the gate. All that azoidc prints is written so, but for what it prints for
// others to read: the command that masks a token, and the token.
type gated struct {
	to   io.Writer
	gate *redact.Gate
}

func (g gated) Write(text []byte) (int, error) {
	if _, err := io.WriteString(g.to, g.gate.Text(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// gate keeps back the tokens by which the job requests others, wherever they turn up.
func (e environment) gate() *redact.Gate {
	var secrets []string
	for _, system := range ci.Systems() {
		if token := e.get(system.RequestToken); !ci.IsMacro(token) { // which is to be told
			secrets = append(secrets, token)
		}
	}
	return redact.Against(secrets...)
}
