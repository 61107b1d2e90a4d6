package azoidctest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	clientCredentialsGrant = "client_credentials"
	onBehalfOfGrant        = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	assertionType          = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// grant is a token request that Entra accepted.
type grant struct {
	tenant   string
	app      *Application
	resource string
	scopes   []string // as they were asked for
	user     string   // object ID; empty without a user
	claims   claimsRequest
}

// serveToken is the token endpoint, see
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow and
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow.
func (c *Cloud) serveToken(w http.ResponseWriter, r *http.Request, authority, tenant string) {
	w.Header().Set("Cache-Control", "no-store, no-cache")
	g, err := c.authorize(r, authority, tenant)
	if err != nil {
		asRefusal(err, 50027).write(w, r)
		return
	}
	c.answer(w, r, g)
}

func (c *Cloud) authorize(r *http.Request, authority, tenant string) (*grant, error) {
	if r.Method != http.MethodPost {
		return nil, refuse(900561)
	}
	if refused := c.checkTenant(tenant); refused != nil {
		return nil, refused
	}
	if r.PostForm.Has("resource") {
		return nil, refuse(901002)
	}
	app, err := c.authenticate(r, authority, tenant)
	if err != nil {
		return nil, err
	}
	g := &grant{tenant: strings.ToLower(tenant), app: app}
	if err := c.checkScope(g, r.PostForm); err != nil {
		return nil, err
	}
	if g.claims, err = parseClaimsRequest(r.PostForm.Get("claims")); err != nil {
		return nil, err
	}
	if r.PostForm.Get("grant_type") == onBehalfOfGrant {
		g.user, err = c.verifyUser(r, app)
	}
	return g, err
}

// authenticate finds the application, and verifies that it is the client.
func (c *Cloud) authenticate(r *http.Request, authority, tenant string) (*Application, error) {
	form := r.PostForm
	switch form.Get("grant_type") {
	case clientCredentialsGrant, onBehalfOfGrant:
	case "":
		return nil, missing("grant_type")
	default:
		return nil, refusef(70003, "The app requested an unsupported grant type '%s'.", form.Get("grant_type"))
	}
	if form.Get("client_id") == "" {
		return nil, missing("client_id")
	}
	app := c.application(form.Get("client_id"))
	if app == nil {
		return nil, refusef(700016, "Application with identifier '%s' was not found in the directory '%s'. You may have sent "+
			"your authentication request to the wrong tenant.", form.Get("client_id"), tenant)
	}
	assertion := form.Get("client_assertion")
	switch {
	case app.isPublic():
		return nil, refuse(700025)
	case assertion == "" && form.Get("client_secret") != "":
		return nil, refuse(7000215)
	case assertion == "":
		return nil, refuse(7000216)
	case form.Get("client_assertion_type") != assertionType:
		return nil, missing("client_assertion_type")
	}
	return app, c.verifyAssertion(r.Context(), app, authority, assertion)
}

func missing(parameter string) *refusal {
	return refusef(900144, "The request body must contain the following parameter: '%s'.", parameter)
}

const defaultScopeSuffix = "/.default"

// checkScope sets the grant's scopes and their one resource.
func (c *Cloud) checkScope(g *grant, form url.Values) error {
	scope := form.Get("scope")
	g.scopes = slices.DeleteFunc(splitScope(scope), isOpenIDScope)
	if len(g.scopes) == 0 {
		if scope == "" {
			return missing("scope")
		}
		return invalidScope(scope)
	}
	for _, s := range g.scopes {
		resource, ok := strings.CutSuffix(s, defaultScopeSuffix)
		if !ok && form.Get("grant_type") == clientCredentialsGrant {
			return refusef(1002012, "The provided value for scope %s is not valid. Client credential flows must have a scope "+
				"value with /.default suffixed to the resource identifier (application ID URI).", scope)
		}
		if !ok {
			resource = s[:max(strings.LastIndexByte(s, '/'), 0)]
		}
		if resource == "" || g.resource != "" && g.resource != resource {
			return invalidScope(scope)
		}
		g.resource = resource
	}
	return c.checkResource(g.resource)
}

func invalidScope(scope string) *refusal {
	return refusef(70011, "The provided request must include a 'scope' input parameter. The provided value for the input "+
		"parameter 'scope' is not valid. The scope %s is not valid.", scope)
}

func splitScope(scope string) []string { return strings.Fields(scope) }

// isOpenIDScope returns true for the scopes of OpenID Connect, which MSAL adds.
func isOpenIDScope(scope string) bool {
	return scope == "openid" || scope == "profile" || scope == "email" || scope == "offline_access"
}

func (c *Cloud) checkResource(resource string) error {
	same := func(known string) bool { return sameResource(known, resource) }
	if c.options.Resources == nil && isResource(resource) || slices.ContainsFunc(c.options.Resources, same) || slices.ContainsFunc(c.audiences(), same) {
		return nil
	}
	return refusef(500011, "The resource principal named %s was not found in the tenant named %s. You might have sent your "+
		"authentication request to the wrong tenant.", resource, c.options.TenantID)
}

// isResource returns true for what can be a resource's identifier: a URI, or an application ID.
func isResource(name string) bool {
	_, isGUID := parseGUID(name)
	uri, err := url.Parse(name)
	return isGUID || err == nil && uri.IsAbs()
}

// sameResource returns true for names that differ at most in a slash at the end: https://management.azure.com has always
// had both.
func sameResource(a, b string) bool {
	return strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/")
}

// claimsRequest is the part of the claims parameter that Entra reads (OpenID Connect Core 1.0 section 5.5), see
// https://learn.microsoft.com/entra/identity-platform/claims-challenge.
type claimsRequest struct {
	AccessToken struct {
		Capabilities struct {
			Values []string `json:"values"`
		} `json:"xms_cc"`
	} `json:"access_token"`
}

func parseClaimsRequest(claims string) (request claimsRequest, err error) {
	if claims == "" {
		return request, nil
	}
	if err := json.Unmarshal([]byte(claims), &request); err != nil {
		return request, refusef(50148, "The claims parameter is no valid JSON: %v", err)
	}
	return request, nil
}

// tokenAnswer is the answer to a grant (RFC 6749 section 5.1).
type tokenAnswer struct {
	TokenType    string `json:"token_type"`
	Scope        string `json:"scope,omitempty"`
	ExpiresIn    int64  `json:"expires_in"`
	ExtExpiresIn int64  `json:"ext_expires_in"`
	RefreshIn    int64  `json:"refresh_in,omitempty"`
	AccessToken  string `json:"access_token"`
	ClientInfo   string `json:"client_info,omitempty"`
}

func (c *Cloud) answer(w http.ResponseWriter, r *http.Request, g *grant) {
	now := c.current()
	seconds := int64(now.accessTokenLifetime / time.Second)
	if now.accessTokenLifetime == 0 {
		seconds = 3600 + rand.Int64N(1800)
	}
	token := c.accessToken(g, seconds)
	entryOf(r.Context()).update(func(request *Request) { request.AccessToken = decodeClaims(token) })
	answer := tokenAnswer{
		TokenType:    "Bearer",
		ExpiresIn:    seconds,
		ExtExpiresIn: seconds,
		RefreshIn:    int64(now.refreshIn / time.Second),
		AccessToken:  token,
	}
	if g.user != "" {
		answer.Scope = strings.Join(g.scopes, " ")
		answer.ClientInfo = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"uid":"%s","utid":"%s"}`, g.user, g.tenant))
	}
	writeJSON(w, http.StatusOK, answer)
}

// accessToken makes a token with the claims of https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference,
// version 1.0 as for Azure's services.
func (c *Cloud) accessToken(g *grant, seconds int64) string {
	now := time.Now()
	claims := jwt.MapClaims{
		"aud":      g.resource,
		"iss":      c.issuerV1(g.tenant),
		"iat":      now.Unix(),
		"nbf":      now.Unix(),
		"exp":      ceilUnix(now) + seconds, // expires_in counts from the answer on, and is kept
		"appid":    g.app.clientID,
		"appidacr": "2",
		"idp":      c.issuerV1(g.tenant),
		"idtyp":    "app",
		"oid":      cmp.Or(g.user, g.app.objectID),
		"sub":      cmp.Or(g.user, g.app.objectID),
		"tid":      g.tenant,
		"uti":      fmt.Sprintf("%016x", c.sequence.Add(1)),
		"ver":      "1.0",
	}
	if g.user != "" {
		claims["idtyp"] = "user"
		claims["scp"] = "user_impersonation"
	}
	if len(g.claims.AccessToken.Capabilities.Values) > 0 {
		claims["xms_cc"] = g.claims.AccessToken.Capabilities.Values
	}
	return c.entraSigningKey().sign(claims)
}

// ceilUnix returns the first whole second that isn't before t.
func ceilUnix(t time.Time) int64 {
	return t.Add(time.Second - 1).Unix()
}

// userID is the object ID of the one user of the cloud's tenant.
const userID = "9d3b6f20-5a41-4c7e-b1d8-0e2f4a6c8b35"

// UserAssertion returns a user's access token for the default application, which a program presents to act on the user's
// behalf. The token ends after lifetime, in whole seconds; a negative lifetime makes one that has ended already.
func (c *Cloud) UserAssertion(lifetime time.Duration) string {
	return c.userToken(c.Application(), lifetime)
}

func (c *Cloud) userToken(app *Application, lifetime time.Duration) string {
	now := time.Now()
	return c.entraSigningKey().sign(jwt.MapClaims{
		"aud":   "api://" + app.clientID,
		"iss":   c.issuerV1(c.options.TenantID),
		"iat":   min(now.Unix(), now.Add(lifetime).Unix()),
		"nbf":   min(now.Unix(), now.Add(lifetime).Unix()),
		"exp":   now.Add(lifetime).Unix(),
		"appid": newGUID(), // of the user's client
		"name":  "Mona Lisa",
		"oid":   userID,
		"scp":   "user_impersonation",
		"sub":   userID,
		"tid":   c.options.TenantID,
		"ver":   "1.0",
	})
}

// verifyUser checks the user's assertion in an on-behalf-of request: that Entra signed it for this application, and that
// now is within its valid time. It returns the user's object ID.
func (c *Cloud) verifyUser(r *http.Request, app *Application) (string, error) {
	form := r.PostForm
	if form.Get("requested_token_use") != "on_behalf_of" {
		return "", missing("requested_token_use")
	}
	if form.Get("assertion") == "" {
		return "", missing("assertion")
	}
	// No tolerance: Entra has refused users' assertions that had ended seconds before.
	claims, err := c.verifyEntra(r.Context(), form.Get("assertion"), 0)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet):
		return "", refusef(500133, "Assertion is not within its valid time range. Ensure that the access token is not "+
			"expired before using it for user assertion, or request a new token. Current time: %s, expiry time of assertion %s.",
			time.Now().UTC().Format(time.RFC3339), timeOf(claims.GetExpirationTime()).UTC().Format(time.RFC3339))
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, errUnknownKey):
		return "", refusef(50013, "Assertion failed signature validation. [Reason - The key was not found.]")
	case err != nil:
		return "", refusef(50013, "Assertion contains an invalid signature, audience or issuer, or is malformed.")
	}
	audience, _ := claims.GetAudience()
	if !slices.Contains(audience, app.clientID) && !slices.Contains(audience, "api://"+app.clientID) {
		return "", refusef(50013, "Assertion audience does not match the Client app presenting the assertion.")
	}
	user, _ := claims["oid"].(string)
	if scope, _ := claims["scp"].(string); user == "" || scope == "" {
		return "", refusef(50013, "Assertion is no user's access token.")
	}
	return user, nil
}
