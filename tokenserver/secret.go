package tokenserver

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
)

// secretHeaders are where clients present the secret.
var secretHeaders = []string{
	"X-Identity-Header", // of api-version 2019-08-01
	"Secret",            // of api-version 2017-09-01
	"X-Ms-Identity",     // of older versions of hashicorp's SDK, which mean the first
}

// secret is 256 random bits in hexadecimal.
type secret string

func newSecret() secret {
	bits := make([]byte, 32)
	_, _ = rand.Read(bits) // never fails: it ends the program where there is no randomness
	return secret(hex.EncodeToString(bits))
}

// presentedBy, like all comparisons here, takes constant time, so that the time of a refusal tells nothing.
func (s secret) presentedBy(r *http.Request) bool {
	for _, name := range secretHeaders {
		if s.equals(r.Header.Get(name)) {
			return true
		}
	}
	return false
}

// addressedBy is presentedBy for a client that can be given an address, but no header. All such clients send Metadata,
// which a page in a browser can't.
func (s secret) addressedBy(r *http.Request) bool {
	behind, ok := strings.CutPrefix(strings.TrimSuffix(r.URL.Path, "/"), path+"/")
	return ok && r.Header.Get("Metadata") == "true" && s.equals(behind)
}

func (s secret) equals(presented string) bool {
	return subtle.ConstantTimeCompare([]byte(presented), []byte(s)) == 1
}
