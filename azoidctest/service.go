package azoidctest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Service is a web API that admits requests with an access token for its audience, and answers others with 401 and
// WWW-Authenticate (RFC 6750 section 3). An admitted request, whatever its method, gets 200 and JSON that says who the
// caller is, unless [Service.Handle] has set another handler.
type Service struct {
	URL      string // where the service is, with everything below
	Audience string // that access tokens must have, with or without a slash at its end
	Scope    string // to request such a token: Audience + "/.default"

	cloud *Cloud

	mu       sync.Mutex
	handler  http.Handler
	revoked  uint64 // the sequence number of the last access token that was revoked
	claims   string // of the challenge for revoked tokens
	admitted int
	refused  int
}

// Service returns the service for this audience, and starts it if there is none. In memory, an audience that is an https
// URL becomes the service's own URL, unless another part of the cloud has its host.
func (c *Cloud) Service(audience string) *Service {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.services {
		if s.Audience == audience {
			return s
		}
	}
	s := &Service{
		URL:      c.endpoints.services + "/" + strconv.Itoa(len(c.services)+1),
		Audience: audience,
		Scope:    audience + defaultScopeSuffix,
		cloud:    c,
	}
	if own, err := url.Parse(audience); c.options.BaseURL == "" && err == nil && own.Scheme == "https" && !c.taken(own.Host) {
		s.URL = strings.TrimRight(audience, "/")
	}
	c.services = append(c.services, s)
	c.addHost(s.URL)
	return s
}

// taken returns true for host names of other parts of the cloud, and of services. c.mu is held.
func (c *Cloud) taken(host string) bool {
	return entraHosts[host] || c.hosts[host]
}

// serviceAt returns the service at or above the URL, or nil.
func (c *Cloud) serviceAt(absolute string) *Service {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.services {
		if rest, ok := strings.CutPrefix(absolute, s.URL); ok && (rest == "" || rest[0] == '/') {
			return s
		}
	}
	return nil
}

func (c *Cloud) audiences() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var audiences []string
	for _, s := range c.services {
		audiences = append(audiences, s.Audience)
	}
	return audiences
}

// Handle makes handler answer all admitted requests from now on.
func (s *Service) Handle(handler http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handler = handler
}

// Hits returns the number of admitted requests.
func (s *Service) Hits() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admitted
}

// Refusals returns the number of requests that were answered with 401.
func (s *Service) Refusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// Revoke revokes all access tokens that were issued before now: the service answers them with a claims challenge, as
// described in https://learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation. Tokens that
// are issued later are admitted. Revoke returns the claims that the challenge asks for, as JSON.
func (s *Service) Revoke() (claims string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = s.cloud.sequence.Load()
	s.claims = fmt.Sprintf(`{"access_token":{"nbf":{"essential":true,"value":"%d"}}}`, time.Now().Unix())
	return s.claims
}

// challenge is an answer by which a service refuses a token.
type challenge struct {
	code, text string // of the JSON
	reason     string // "error" of WWW-Authenticate; empty if no token was presented
	claims     string
}

func invalidToken(code, format string, arguments ...any) *challenge {
	return &challenge{code: code, text: fmt.Sprintf(format, arguments...), reason: "invalid_token"}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	claims, refused := s.admit(r)
	if refused != nil {
		s.refuse(w, refused)
		return
	}
	s.mu.Lock()
	handler := s.handler
	s.mu.Unlock()
	if handler != nil {
		handler.ServeHTTP(w, r)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"audience": s.Audience,
		"tid":      claims["tid"],
		"appid":    claims["appid"],
		"oid":      claims["oid"],
		"method":   r.Method,
		"path":     r.URL.Path,
	})
}

// admit verifies the request's token, and counts the request.
func (s *Service) admit(r *http.Request) (jwt.MapClaims, *challenge) {
	claims, refused := s.verify(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if refused == nil && issuedAs(claims) <= s.revoked {
		refused = &challenge{"TokenRevoked", "The access token has been revoked.", "insufficient_claims", s.claims}
	}
	if refused != nil {
		s.refused++
		return nil, refused
	}
	s.admitted++
	return claims, nil
}

func (s *Service) verify(r *http.Request) (jwt.MapClaims, *challenge) {
	token := bearer(r)
	if token == "" {
		return nil, &challenge{code: "AuthenticationFailed", text: "The 'Authorization' header is missing."}
	}
	claims, err := s.cloud.verifyEntra(r.Context(), token, 0)
	if errors.Is(err, jwt.ErrTokenExpired) {
		return nil, invalidToken("ExpiredAuthenticationToken", "The access token ended at %s, it is %s now.",
			timeOf(claims.GetExpirationTime()).UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339))
	}
	if err != nil {
		return nil, invalidToken("InvalidAuthenticationToken", "The access token is invalid.")
	}
	audience, _ := claims.GetAudience()
	if !slices.ContainsFunc(audience, func(a string) bool { return sameResource(a, s.Audience) }) {
		return nil, invalidToken("InvalidAuthenticationTokenAudience", "The access token is for the audience '%s', not for '%s'.",
			strings.Join(audience, ", "), s.Audience)
	}
	return claims, nil
}

func (s *Service) refuse(w http.ResponseWriter, c *challenge) {
	header := fmt.Sprintf(`Bearer realm="", authorization_uri="%s/%s/oauth2/authorize", resource="%s"`,
		s.cloud.endpoints.entra, s.cloud.options.TenantID, s.Audience)
	if c.reason != "" {
		header += fmt.Sprintf(`, error="%s", error_description="%s"`, c.reason, c.text)
	}
	if c.claims != "" {
		header += fmt.Sprintf(`, claims="%s"`, base64.StdEncoding.EncodeToString([]byte(c.claims)))
	}
	w.Header().Set("WWW-Authenticate", header)
	writeJSON(w, http.StatusUnauthorized, map[string]any{"error": map[string]any{"code": c.code, "message": c.text}})
}

// issuedAs returns the token's sequence number.
func issuedAs(claims jwt.MapClaims) uint64 {
	uti, _ := claims["uti"].(string)
	n, _ := strconv.ParseUint(uti, 16, 64)
	return n
}

// verifyEntra verifies a token that Entra itself signed, by the documents that it publishes. It returns the token's claims
// even if the token has expired.
func (c *Cloud) verifyEntra(ctx context.Context, token string, tolerance time.Duration) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}),
		jwt.WithLeeway(tolerance),
		jwt.WithExpirationRequired(),
	)
	_, err := parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		tenant, _ := claims["tid"].(string)
		issuer, _ := claims.GetIssuer()
		if !c.knowsTenant(tenant) || issuer != c.issuerV1(tenant) {
			return nil, fmt.Errorf("the issuer %q is not this tenant's", issuer)
		}
		id, _ := t.Header["kid"].(string)
		return c.entraKeys.key(ctx, issuer, id)
	})
	return claims, err
}
