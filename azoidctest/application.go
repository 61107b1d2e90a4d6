package azoidctest

import (
	"fmt"
	"strings"
	"sync"
	"time"
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

// Trust adds a federated credential to the application, and does nothing if the application has it. It panics where Microsoft
// Graph refuses: if the application has a credential for the same issuer and subject with another audience, or has 20
// credentials, or if a field is empty or too long.
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
