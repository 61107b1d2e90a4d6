package main

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/azoidc/azoidc"
)

// A federatedCredential is what the application must hold for the job's tokens: equal to the last letter, case included.
// https://learn.microsoft.com/graph/api/resources/federatedidentitycredential
type federatedCredential struct {
	Issuer   string `json:"issuer"`
	Subject  string `json:"subject"`
	Audience string `json:"audience"`
	Command  string `json:"command"` // creates it
}

func newFederatedCredential(clientID string, claims azoidc.Claims) *federatedCredential {
	f := &federatedCredential{Issuer: claims.Issuer, Subject: claims.Subject}
	if len(claims.Audience) > 0 {
		f.Audience = claims.Audience[0]
	}
	if clientID == "" {
		clientID = "CLIENT_ID"
	}
	f.Command = "az ad app federated-credential create --id " + quoteForShell(clientID) + " --parameters " + quoteForShell(f.parameters())
	return f
}

func (f *federatedCredential) parameters() string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // the command is for people to read
	_ = encoder.Encode(struct {  // strings can't fail
		Name      string   `json:"name"`
		Issuer    string   `json:"issuer"`
		Subject   string   `json:"subject"`
		Audiences []string `json:"audiences"`
	}{"azoidc", f.Issuer, f.Subject, []string{f.Audience}})
	return strings.TrimSpace(text.String())
}

// quoteForShell quotes what isn't one plain word.
func quoteForShell(text string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./:@", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
