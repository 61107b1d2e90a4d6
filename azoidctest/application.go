package azoidctest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Limits, see https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations.
const (
	maxCredentials    = 20
	maxCredentialText = 600 // characters of each field
)

// Application is an app registration of the cloud's tenant, with its federated identity credentials.
type Application struct {
	clientID, objectID string

	mu          sync.Mutex
	credentials []registration
	public      bool
}

// FederatedCredential names the tokens with which a client may sign in as an application. The token's issuer, subject and
// audience must equal the credential's exactly, letter case included, see
// https://learn.microsoft.com/graph/api/resources/federatedidentitycredential.
type FederatedCredential struct {
	Issuer, Subject, Audience string

	// EffectiveAfter is the time that Entra needs until it knows the credential everywhere, counted from
	// [Application.Trust]. 0 means that the credential works at once.
	EffectiveAfter time.Duration
}

// registration is a credential and the time from which it counts.
type registration struct {
	FederatedCredential
	effective time.Time
}

// Register returns the application with this client ID. If there is none, it adds one without federated credentials.
func (c *Cloud) Register(clientID string) *Application {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := strings.ToLower(clientID)
	if known, ok := c.applications[key]; ok {
		return known
	}
	made := &Application{clientID: clientID, objectID: newGUID()}
	c.applications[key] = made
	return made
}

// Application returns the default application, whose client ID is [Cloud.ClientID].
func (c *Cloud) Application() *Application {
	return c.application(c.options.ClientID)
}

// application returns the application with this client ID, or nil if there is none.
func (c *Cloud) application(clientID string) *Application {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.applications[strings.ToLower(clientID)]
}

// ClientID returns the application's client ID, which is also the claim appid of its access tokens.
func (a *Application) ClientID() string { return a.clientID }

// Trust adds a federated credential to the application, and does nothing if the application has it. Like Microsoft
// Graph it refuses some credentials, by a panic:
//
//   - one with the issuer and the subject of another credential of the application, but another audience
//   - the 21st of the application
//   - one with a field that is empty, has more than 600 bytes, or has white space at an end
//
// See https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations.
func (a *Application) Trust(credential FederatedCredential) {
	if err := credential.validate(); err != nil {
		panic("azoidctest: Trust: " + err.Error())
	}
	added := registration{credential, time.Now().Add(credential.EffectiveAfter)}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, known := range a.credentials {
		switch {
		case known.Issuer != credential.Issuer || known.Subject != credential.Subject:
		case known.Audience != credential.Audience:
			panic("azoidctest: Trust: the application has a credential for this issuer and subject, with the audience " + known.Audience)
		default:
			if added.effective.Before(known.effective) {
				a.credentials[i] = added
			}
			return
		}
	}
	if len(a.credentials) == maxCredentials {
		panic(fmt.Sprintf("azoidctest: Trust: an application has at most %d credentials", maxCredentials))
	}
	a.credentials = append(a.credentials, added)
}

// validate checks what Microsoft Graph checks when a credential is created.
func (f *FederatedCredential) validate() error {
	for name, value := range map[string]string{"Issuer": f.Issuer, "Subject": f.Subject, "Audience": f.Audience} {
		if value == "" || len(value) > maxCredentialText || strings.TrimSpace(value) != value {
			return fmt.Errorf("%s must have 1 to %d characters and no white space around them: %q", name, maxCredentialText, value)
		}
	}
	return nil
}

// Distrust removes all federated credentials from the application.
func (a *Application) Distrust() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.credentials = nil
}

// SetPublic makes the application a public client, or a confidential one again. A public client must not present
// assertions; Entra refuses them with AADSTS700025.
func (a *Application) SetPublic(public bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.public = public
}

func (a *Application) isPublic() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.public
}

// trusted returns the credentials that work now, and those that will work later.
func (a *Application) trusted() (now, later []FederatedCredential) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.credentials {
		if time.Now().Before(r.effective) {
			later = append(later, r.FederatedCredential)
		} else {
			now = append(now, r.FederatedCredential)
		}
	}
	return now, later
}

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
