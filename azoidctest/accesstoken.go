package azoidctest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// claimsRequest is what Entra reads of the claims parameter (OpenID Connect Core 1.0 section 5.5), see
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

// tokenAnswer is a successful answer (RFC 6749 section 5.1).
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
	settings := c.current()
	seconds := int64(settings.accessTokenLifetime / time.Second)
	if settings.accessTokenLifetime == 0 {
		seconds = 3600 + rand.Int64N(1800)
	}
	token := c.accessToken(g, seconds)
	entryOf(r.Context()).update(func(request *Request) { request.AccessToken = decodeClaims(token) })
	answer := tokenAnswer{
		TokenType:    "Bearer",
		ExpiresIn:    seconds,
		ExtExpiresIn: seconds,
		RefreshIn:    int64(settings.refreshIn / time.Second),
		AccessToken:  token,
	}
	if g.user != "" {
		answer.Scope = strings.Join(g.scopes, " ")
		answer.ClientInfo = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"uid":"%s","utid":"%s"}`, g.user, g.tenant))
	}
	writeJSON(w, http.StatusOK, answer)
}

// accessToken has the claims of https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference,
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
	return c.entraKey().sign(claims)
}

// ceilUnix is the first whole second that isn't before t.
func ceilUnix(t time.Time) int64 {
	return t.Add(time.Second - 1).Unix()
}
