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
//
// The Services of Resource Manager, Key Vault, Blob Storage and Microsoft Graph ([Cloud.Service] with any of their
// audiences) also stand for what is under their own names; see the package's documentation.
type Service struct {
	URL      string // where the service is, with everything below
	Audience string // that access tokens must have
	Scope    string // to request such a token: Audience + "/.default"

	api *api
}

// api is what one or several Services have in common: all that is behind the audiences of one web API.
type api struct {
	cloud      *Cloud
	authority  string                                      // URL, named by challenges
	audiences  []string                                    // accepted everywhere
	ownHost    bool                                        // the URL of the requested host is an accepted audience, too
	operations http.Handler                                // what the real service does; nil if the service is a test's
	texts      func(*api, *challenge) (code, text string)  // of the answers to refused tokens
	deny       func(http.ResponseWriter, *api, *challenge) // answers a refused token; nil: denyJSON

	mu       sync.Mutex
	handler  http.Handler
	revoked  uint64 // the sequence number of the last access token that was revoked
	claims   string // of the challenge for revoked tokens
	admitted int
	refused  int
}

func (c *Cloud) newAPI(operations http.Handler, texts func(*api, *challenge) (string, string), audiences ...string) *api {
	return &api{cloud: c, authority: c.endpoints.entra, audiences: audiences, operations: operations, texts: texts}
}

// Service returns the service for this audience, and starts it if there is none. In memory, an audience that is an
// https URL is also the service's own URL, unless another part of the cloud has that host.
//
// Azure's services have several audiences. Those of Resource Manager are https://management.azure.com and
// https://management.core.windows.net, each with and without a slash at the end. Their Services differ only in URL,
// Audience and Scope: what is counted, revoked or handled for one is so for all. The same holds for the audiences of
// Key Vault, Blob Storage and Microsoft Graph.
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
		api:      c.azureFor(audience),
	}
	own, err := url.Parse(audience)
	if c.options.BaseURL == "" && err == nil && own.Scheme == "https" && !c.taken(own.Host, s.api) {
		s.URL = strings.TrimRight(audience, "/")
	}
	if s.api == nil {
		s.api = c.newAPI(nil, managerTexts, strings.TrimSuffix(audience, "/"), strings.TrimSuffix(audience, "/")+"/")
	}
	c.services = append(c.services, s)
	c.addHost(s.URL, false)
	return s
}

// azureFor returns Azure's service with this audience, or nil. c.mu is held.
func (c *Cloud) azureFor(audience string) *api {
	for _, a := range c.apis {
		if slices.Contains(a.audiences, audience) {
			return a
		}
	}
	host, isURL := strings.CutPrefix(audience, "https://")
	if a, ok := findHost(c.azure, host); ok && isURL && a.ownHost {
		return a
	}
	return nil
}

// taken returns true for host names of other parts of the cloud than the service that a, which may be nil, is behind.
// c.mu is held.
func (c *Cloud) taken(host string, a *api) bool {
	if there, ok := findHost(c.azure, host); ok {
		return there != a
	}
	_, known := c.hosts[host]
	return known || entraCloud(host) != nil
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

// audiences returns those of the services that were asked for.
func (c *Cloud) audiences() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var audiences []string
	for _, s := range c.services {
		audiences = append(audiences, s.Audience)
	}
	return audiences
}

// ServeHTTP makes the service a handler, for [Cloud.Handle]: it admits or refuses the request, and answers it.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.api.serveOperations(w, r) }

// Handle makes handler answer all admitted requests from now on. A nil handler undoes that.
func (s *Service) Handle(handler http.Handler) {
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	s.api.handler = handler
}

// Hits returns the number of admitted requests.
func (s *Service) Hits() int {
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	return s.api.admitted
}

// Refusals returns the number of requests that were answered with 401.
func (s *Service) Refusals() int {
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	return s.api.refused
}

// Revoke revokes all access tokens that were issued before now: the service answers them with a claims challenge, as
// described in https://learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation. Tokens that
// are issued later are admitted. Revoke returns the claims that the challenge asks for, as JSON.
func (s *Service) Revoke() (claims string) {
	s.api.mu.Lock()
	defer s.api.mu.Unlock()
	s.api.revoked = s.api.cloud.sequence.Load()
	s.api.claims = fmt.Sprintf(`{"access_token":{"nbf":{"essential":true,"value":"%d"}}}`, time.Now().Unix())
	return s.api.claims
}

// serveCaller answers at a URL of this package's: with the test's handler, or with who the caller is.
func (a *api) serveCaller(w http.ResponseWriter, r *http.Request) {
	a.serve(w, r, http.HandlerFunc(writeCaller))
}

// serveOperations answers at a host of the service's own: with the test's handler, or as the real service does.
func (a *api) serveOperations(w http.ResponseWriter, r *http.Request) {
	if a.operations == nil || r.URL.Path == "/" && r.URL.RawQuery == "" {
		a.serveCaller(w, r)
		return
	}
	a.serve(w, r, a.operations)
}

func (a *api) serve(w http.ResponseWriter, r *http.Request, usual http.Handler) {
	claims, refused := a.admit(r)
	if refused != nil {
		a.refuse(w, refused)
		return
	}
	a.mu.Lock()
	handler := a.handler
	a.mu.Unlock()
	if handler == nil {
		handler, r = usual, r.WithContext(context.WithValue(r.Context(), callerKey{}, claims))
	}
	handler.ServeHTTP(w, r)
}

type callerKey struct{}

func writeCaller(w http.ResponseWriter, r *http.Request) {
	claims, _ := r.Context().Value(callerKey{}).(jwt.MapClaims)
	writeJSON(w, http.StatusOK, map[string]any{
		"audience": claims["aud"],
		"tid":      claims["tid"],
		"appid":    claims["appid"],
		"oid":      claims["oid"],
		"method":   r.Method,
		"path":     r.URL.Path,
	})
}

// reason says why a service refuses a request.
type reason int

const (
	tokenInvalid reason = iota
	tokenMissing
	tokenExpired
	tokenForAnother
	tokenRevoked
)

// challenge is an answer by which a service refuses a request.
type challenge struct {
	reason   reason
	audience string    // of the token
	ended    time.Time // the token
	claims   string    // that a revoked token's successor must have
}

// admit verifies the request's token, and counts the request.
func (a *api) admit(r *http.Request) (jwt.MapClaims, *challenge) {
	claims, refused := a.verify(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	if refused == nil && issuedAs(claims) <= a.revoked {
		refused = &challenge{reason: tokenRevoked, claims: a.claims}
	}
	if refused != nil {
		a.refused++
		return nil, refused
	}
	a.admitted++
	return claims, nil
}

func (a *api) verify(r *http.Request) (jwt.MapClaims, *challenge) {
	token := bearer(r)
	if token == "" {
		return nil, &challenge{reason: tokenMissing}
	}
	claims, err := a.cloud.verifyEntra(r.Context(), token, 0)
	if errors.Is(err, jwt.ErrTokenExpired) {
		return nil, &challenge{reason: tokenExpired, ended: timeOf(claims.GetExpirationTime())}
	}
	if err != nil {
		return nil, &challenge{reason: tokenInvalid}
	}
	audience, _ := claims.GetAudience()
	if !slices.ContainsFunc(audience, func(name string) bool { return a.accepts(name, hostOf(r.Host)) }) {
		return nil, &challenge{reason: tokenForAnother, audience: strings.Join(audience, ", ")}
	}
	return claims, nil
}

func (a *api) accepts(audience, host string) bool {
	return slices.Contains(a.audiences, audience) || a.ownHost && audience == "https://"+host
}

func (a *api) refuse(w http.ResponseWriter, ch *challenge) {
	if a.deny != nil {
		a.deny(w, a, ch)
		return
	}
	code, text := a.texts(a, ch)
	header := fmt.Sprintf(`Bearer realm="", authorization_uri="%s/%s/oauth2/authorize", resource="%s"`,
		a.authority, a.cloud.options.TenantID, a.audiences[0])
	if ch.reason != tokenMissing && ch.reason != tokenRevoked {
		header += fmt.Sprintf(`, error="invalid_token", error_description="%s"`, text)
	}
	w.Header().Set("WWW-Authenticate", header+ch.claimsParameters())
	writeJSON(w, http.StatusUnauthorized, map[string]any{"error": map[string]any{"code": code, "message": text}})
}

// claimsParameters returns what a challenge for a revoked token adds to WWW-Authenticate.
func (ch *challenge) claimsParameters() string {
	if ch.reason != tokenRevoked {
		return ""
	}
	return fmt.Sprintf(`, error="insufficient_claims", claims="%s"`, base64.StdEncoding.EncodeToString([]byte(ch.claims)))
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
