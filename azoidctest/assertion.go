package azoidctest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// verifyAssertion is Entra's check of a client assertion that another issuer signed, see
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation#how-it-works and RFC 7523 section 3. Only
// issuers that the application trusts are ever read from.
func (c *Cloud) verifyAssertion(ctx context.Context, app *Application, assertion string) error {
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
	if err := match(now, claims); err != nil {
		if match(later, claims) == nil {
			return refuse(70021)
		}
		return err
	}
	return nil
}

func (c *Cloud) assertionKey(ctx context.Context, issuer string, token *jwt.Token) (any, error) {
	id, _ := token.Header["kid"].(string)
	key, err := c.federated.key(ctx, issuer, id)
	switch {
	case errors.Is(err, errUnknownKey):
		return nil, refusef(700027, "Client assertion failed signature validation. [Reason - The key was not found., kid: '%s']",
			id)
	case err != nil:
		return nil, refusef(50166, "Request to External OIDC endpoint failed: %v", err)
	}
	return key, nil
}

// refuseAssertion is Entra's answer for what jwt found.
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

// match is nil when one of the credentials is for the claims. Otherwise it tells which claim differs from the
// credentials that match in the claims before it: issuer, subject, audience.
func match(credentials []FederatedCredential, claims jwt.MapClaims) error {
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
	if !slices.ContainsFunc(same, func(f FederatedCredential) bool { return slices.Contains(audience, f.Audience) }) {
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
