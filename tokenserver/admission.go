package tokenserver

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/azoidc/azoidc/internal/redact"
)

// maxQuery is far more than any resource and identity take.
const maxQuery = 4096

// admit returns the protocol of a request that may ask for a token.
func (h *Handler) admit(r *http.Request) (*protocol, *errorAnswer) {
	asked := h.protocolAt(r.URL.Path)
	switch {
	case !h.containers.admits(hostOf(r.RemoteAddr)):
		return nil, refuse(http.StatusForbidden, "tokens are served to this machine only")
	case !h.containers.named(hostOf(r.Host)):
		// A browser that was led to a name which now resolves to 127.0.0.1 still sends that name.
		return nil, refuse(http.StatusForbidden, "the Host header must name loopback: use the address in IDENTITY_ENDPOINT as it is")
	case asked == nil:
		return nil, refuse(http.StatusNotFound, "tokens are at "+managedIdentityPath+": use the address in IDENTITY_ENDPOINT as it is")
	case r.Method != asked.method:
		return nil, refuse(http.StatusMethodNotAllowed, "a token is requested with "+asked.method).with("Allow", asked.method)
	case !asked.knows(r):
		return nil, refuse(http.StatusUnauthorized, asked.wanted).with("Www-Authenticate", asked.challenge) // RFC 9110 section 15.5.2
	case r.ContentLength != 0 && asked.method == http.MethodGet:
		return nil, refuse(http.StatusBadRequest, "a token request has no body")
	case len(r.URL.RawQuery) > maxQuery:
		return nil, refuse(http.StatusRequestURITooLong, fmt.Sprintf("the query has %d bytes, more than the %d that any token request needs",
			len(r.URL.RawQuery), maxQuery))
	}
	return asked, nil
}

// containers are the addresses of Options.Containers.
type containers []netip.Prefix

// admits tells whether a request may come from the address.
func (c containers) admits(address string) bool {
	if isLoopback(address) {
		return true
	}
	from, _ := netip.ParseAddr(address) // what is none is in no network
	for _, network := range c {
		if network.Masked().Contains(from.Unmap()) {
			return true
		}
	}
	return false
}

// named tells whether a Host header may have this host. Names other than localhost can be led anywhere (DNS rebinding).
func (c containers) named(host string) bool {
	if isLoopback(host) {
		return true
	}
	return len(c) > 0 && host == c[0].Addr().String()
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

// A secret is 256 random bits in hexadecimal. That of the zero Handler is empty, and nothing equals it.
type secret struct{ redact.Secret }

func newSecret() secret {
	bits := make([]byte, 32)
	_, _ = rand.Read(bits) // never fails: it ends the program where there is no randomness
	return secret{redact.Keep(hex.EncodeToString(bits))}
}

// equals takes constant time, so that the time of a refusal tells nothing.
func (s secret) equals(presented string) bool {
	own := s.Reveal()
	return own != "" && subtle.ConstantTimeCompare([]byte(presented), []byte(own)) == 1
}

// presentedBy returns whether one of the headers is the secret.
func (s secret) presentedBy(r *http.Request, headers ...string) bool {
	for _, name := range headers {
		if s.equals(r.Header.Get(name)) {
			return true
		}
	}
	return false
}

// borneBy returns whether the request bears the secret as its token, RFC 6750 section 2.1.
func (s secret) borneBy(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && s.equals(token)
}
