// Package advice writes what an operator should do, in one form for the library's errors and for the command.
package advice

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"
)

// FederatedCredential returns the command line that makes the application clientID trust tokens of this issuer, subject
// and audience, quoted for a POSIX shell. All three must equal the token's to the last letter, case included, and a
// federated identity credential holds one audience. An empty clientID leaves a place for it.
// https://learn.microsoft.com/graph/api/resources/federatedidentitycredential
func FederatedCredential(clientID, issuer, subject, audience string) string {
	return "az ad app federated-credential create --id " + quoteForShell(cmp.Or(clientID, "CLIENT_ID")) +
		" --parameters " + quoteForShell(parameters(issuer, subject, audience))
}

func parameters(issuer, subject, audience string) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // the command is for people to read
	_ = encoder.Encode(struct {  // strings can't fail
		Name      string   `json:"name"`
		Issuer    string   `json:"issuer"`
		Subject   string   `json:"subject"`
		Audiences []string `json:"audiences"`
	}{"azoidc", issuer, subject, []string{audience}})
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
