package tokenserver

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// maxQuery is far more than any resource and identity take.
const maxQuery = 4096

// admit returns nil for a request that may ask for a token.
func (h *Handler) admit(r *http.Request) *errorAnswer {
	switch {
	case !isLoopback(hostOf(r.RemoteAddr)):
		return refuse(http.StatusForbidden, "tokens are served to this machine only")
	case !isLoopback(hostOf(r.Host)):
		// A browser that was led to a name which now resolves to 127.0.0.1 still sends that name.
		return refuse(http.StatusForbidden, "the Host header must name loopback: use the address in IDENTITY_ENDPOINT as it is")
	case !isTokenPath(r.URL.Path):
		return refuse(http.StatusNotFound, "tokens are at "+path+": use the address in IDENTITY_ENDPOINT as it is")
	case r.Method != http.MethodGet:
		return refuse(http.StatusMethodNotAllowed, "a token is requested with GET")
	case !h.secret.presentedBy(r) && !h.addressSecret.addressedBy(r):
		return refuse(http.StatusUnauthorized, "the secret is missing or wrong: present the value of IDENTITY_HEADER in the header X-IDENTITY-HEADER "+
			"(api-version 2019-08-01), or that of MSI_SECRET in the header secret (2017-09-01); it changes with every run")
	case r.ContentLength != 0:
		return refuse(http.StatusBadRequest, "a token request has no body")
	case len(r.URL.RawQuery) > maxQuery:
		return refuse(http.StatusRequestURITooLong, fmt.Sprintf("the query has %d bytes, more than the %d that any token request needs",
			len(r.URL.RawQuery), maxQuery))
	}
	return nil
}

// isTokenPath holds for the path itself, and for the one with a secret behind it, see Handler.Env. Clients of 2017-09-01
// append a slash.
func isTokenPath(requested string) bool {
	requested = strings.TrimSuffix(requested, "/")
	behind, ok := strings.CutPrefix(requested, path+"/")
	return requested == path || ok && behind != "" && !strings.Contains(behind, "/")
}

// hostOf is the host of an address that may have a port, "" of what is none.
func hostOf(address string) string {
	if host, port, err := net.SplitHostPort(address); err == nil {
		if strings.ContainsFunc(port, isNoDigit) || strings.HasPrefix(address, "[") != strings.Contains(host, ":") {
			return ""
		}
		return host
	}
	if inside, ok := strings.CutPrefix(address, "["); ok {
		inside, ok = strings.CutSuffix(inside, "]")
		if !ok || !strings.Contains(inside, ":") { // only an IPv6 address is in brackets
			return ""
		}
		return inside
	}
	if strings.Contains(address, ":") { // and it always is
		return ""
	}
	return address
}

func isNoDigit(r rune) bool { return r < '0' || r > '9' }

func isLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

// secretHeaders are where clients present the secret.
var secretHeaders = []string{
	"X-Identity-Header", // of api-version 2019-08-01
	"Secret",            // of api-version 2017-09-01
	"X-Ms-Identity",     // of older versions of hashicorp's SDK, which mean the first
}

// A secret is 256 random bits in hexadecimal. A function holds them, for fmt prints the fields of a struct without asking
// their methods, and other printers follow every pointer, but none can look into a function.
type secret struct {
	reveal func() string
}

func newSecret() secret {
	bits := make([]byte, 32)
	_, _ = rand.Read(bits) // never fails: it ends the program where there is no randomness
	digits := hex.EncodeToString(bits)
	return secret{func() string { return digits }}
}

// text is empty in the zero Handler, which no request is admitted to.
func (s secret) text() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
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
	return s.reveal != nil && subtle.ConstantTimeCompare([]byte(presented), []byte(s.reveal())) == 1
}
