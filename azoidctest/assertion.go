package azoidctest

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// verifyAssertion checks a client assertion that another issuer signed, as Entra does, see
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation#how-it-works and RFC 7523 section 3. Only
// issuers that the application trusts are ever read from.
func (c *Cloud) verifyAssertion(ctx context.Context, app *Application, authority, assertion string) error {
	claims := jwt.MapClaims{}
	now, later := app.trusted()
	if len(now)+len(later) == 0 {
		return refusef(70025, "The client '%s' has no configured federated identity credentials.", app.clientID)
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}),
		jwt.WithLeeway(c.current().tolerance()),
		jwt.WithExpirationRequired(),
	)
	_, err := parser.ParseWithClaims(assertion, claims, func(token *jwt.Token) (any, error) {
		issuer, _ := claims.GetIssuer()
		if !slices.ContainsFunc(slices.Concat(now, later), func(f FederatedCredential) bool { return f.Issuer == issuer }) {
			return nil, unmatched(700211, "issuer", issuer)
		}
		return c.assertionKey(ctx, issuer, token)
	})
	if err != nil {
		return refuseAssertion(err, claims)
	}
	exchange := ""
	if issuer, _ := claims.GetIssuer(); c.isEntra(issuer) {
		exchange = exchangeAt(authority)
	}
	if err := match(now, claims, exchange); err != nil {
		if match(later, claims, exchange) == nil {
			return refuse(70021)
		}
		return err
	}
	return nil
}

// isEntra returns true for the issuers that Entra has for this cloud's tenants.
func (c *Cloud) isEntra(issuer string) bool {
	ids := append([]string{c.options.TenantID}, c.options.AdditionalTenants...)
	return slices.ContainsFunc(ids, func(tenant string) bool {
		return issuer == c.issuerV1(tenant) || issuer == c.issuerV2(c.endpoints.entra, tenant)
	})
}

func (c *Cloud) assertionKey(ctx context.Context, issuer string, token *jwt.Token) (any, error) {
	id, _ := token.Header["kid"].(string)
	key, err := c.ciKeys.key(ctx, issuer, id)
	switch {
	case errors.Is(err, errUnknownKey):
		return nil, refusef(700027, "Client assertion failed signature validation. [Reason - The key was not found., kid: '%s']",
			id)
	case err != nil:
		return nil, refusef(50166, "Request to External OIDC endpoint failed: %v", err)
	}
	return key, nil
}

// refuseAssertion returns Entra's answer to what jwt found.
func refuseAssertion(err error, claims jwt.MapClaims) *refusal {
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed), errors.Is(err, jwt.ErrTokenRequiredClaimMissing), errors.Is(err, jwt.ErrInvalidType):
		return refuse(50027)
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet):
		return outOfTime(claims)
	}
	return asRefusal(err, 700027)
}

func outOfTime(claims jwt.MapClaims) *refusal {
	const form = "2006-01-02T15:04:05.0000000Z"
	begin, end := timeOf(claims.GetNotBefore()), timeOf(claims.GetExpirationTime())
	return refusef(700024, "Client assertion is not within its valid time range. Current time: %s, assertion valid from %s, "+
		"expiry time of assertion %s. Review the documentation at "+
		"https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
		time.Now().UTC().Format(form), begin.UTC().Format(form), end.UTC().Format(form))
}

// match returns nil if one of the credentials is for the claims. Otherwise it compares issuer, subject and audience in this
// order, and its error names the first that no credential has. exchange is the audience that a credential must have if Entra
// itself issued the assertion, and is empty if it didn't.
func match(credentials []FederatedCredential, claims jwt.MapClaims, exchange string) error {
	issuer, _ := claims.GetIssuer()
	subject, _ := claims.GetSubject()
	audience, _ := claims.GetAudience()

	issued := filter(credentials, func(f FederatedCredential) bool { return f.Issuer == issuer })
	if len(issued) == 0 {
		return unmatched(700211, "issuer", issuer)
	}
	same := filter(issued, func(f FederatedCredential) bool { return f.Subject == subject })
	if len(same) == 0 {
		if slices.ContainsFunc(issued, func(f FederatedCredential) bool { return strings.EqualFold(f.Subject, subject) }) {
			return refusef(7002138, "No matching federated identity record found for presented assertion subject '%s'. The subject "+
				"matches a federated identity credential but for its letter case.", subject)
		}
		return unmatched(700213, "subject", subject)
	}
	trusted := same[0].Audience // issuer and subject belong to one credential only
	if trusted == exchangeID || exchange != "" && trusted != exchange {
		return refusef(700214, "The audience '%s' of the federated identity credential is not allowed. It must be '%s'.",
			trusted, cmp.Or(exchange, exchangeAudience))
	}
	if exchange != "" { // Entra names its application, the credential the URI of the same
		trusted = exchangeID
	}
	if !slices.Contains(audience, trusted) {
		return unmatched(700212, "audience", strings.Join(audience, ", "))
	}
	return nil
}

func filter(credentials []FederatedCredential, keep func(FederatedCredential) bool) []FederatedCredential {
	return slices.DeleteFunc(slices.Clone(credentials), func(f FederatedCredential) bool { return !keep(f) })
}

func unmatched(code int, claim, value string) *refusal {
	return refusef(code, "No matching federated identity record found for presented assertion %s '%s'. Check your federated "+
		"identity credential Subject, Audience and Issuer against the presented assertion. "+
		"https://learn.microsoft.com/entra/workload-id/workload-identity-federation", claim, value)
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
