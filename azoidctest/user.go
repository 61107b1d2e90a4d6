package azoidctest

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// userID is the object ID of the one user of the cloud's tenant.
const userID = "9d3b6f20-5a41-4c7e-b1d8-0e2f4a6c8b35"

// UserAssertion is a user's access token for the default application, to be presented on the user's behalf. It may be
// past its end already.
func (c *Cloud) UserAssertion(lifetime time.Duration) string {
	return c.userToken(c.Application(), lifetime)
}

func (c *Cloud) userToken(app *Application, lifetime time.Duration) string {
	now := time.Now()
	return c.entraKey().sign(jwt.MapClaims{
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

// verifyUser checks the user's assertion of an on-behalf-of request: Entra's own signature, for this application, in
// its valid time. It is the user's object ID.
func (c *Cloud) verifyUser(r *http.Request, app *Application) (string, error) {
	form := r.PostForm
	if form.Get("requested_token_use") != "on_behalf_of" {
		return "", missing("requested_token_use")
	}
	if form.Get("assertion") == "" {
		return "", missing("assertion")
	}
	claims, err := c.verifyEntra(r.Context(), form.Get("assertion"), c.current().tolerance())
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
