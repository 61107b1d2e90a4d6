package azoidctest

import (
	"net/http"
	"strings"
)

const (
	configurationPath = "/.well-known/openid-configuration"
	keysPath          = "/.well-known/jwks"
)

// issuer is one OIDC issuer of the CI systems: a URL, below which its documents are, and a key. Entra's own documents
// are in entra.go.
type issuer struct {
	url string // without a trailing slash
	key *signingKey
}

// issuerOf is the issuer with this URL, made when it's new. Its documents are published from then on.
func (c *Cloud) issuerOf(url, keyOwner string) *issuer {
	url = strings.TrimRight(url, "/")
	key := signingKeyOf(keyOwner, c.options.KeyBits) // outside the lock: it may take a while
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.issuers[url]; ok {
		return known
	}
	made := &issuer{url: url, key: key}
	c.issuers[url] = made
	c.addHost(url)
	return made
}

func (i *issuer) serveConfiguration(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                i.url,
		"jwks_uri":                              i.url + keysPath,
		"subject_types_supported":               []string{"public", "pairwise"},
		"response_types_supported":              []string{"id_token"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid"},
		"claims_supported":                      []string{"sub", "aud", "exp", "iat", "iss", "jti", "nbf"},
	})
}

func (i *issuer) serveKeys(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, jwks{Keys: []jwk{i.key.public()}})
}
