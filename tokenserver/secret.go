package tokenserver

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
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

// presentedBy compares in constant time, so that the time of a refusal tells nothing.
func (s secret) presentedBy(r *http.Request) bool {
	for _, name := range secretHeaders {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get(name)), []byte(s)) == 1 {
			return true
		}
	}
	return false
}
