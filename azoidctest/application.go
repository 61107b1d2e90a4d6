package azoidctest

import (
	"strings"
	"sync"
	"time"
)

// Application is an app registration of the cloud's tenant, with its federated identity credentials.
type Application struct {
	clientID, objectID string

	mu          sync.Mutex
	credentials []registration
	public      bool
}

// FederatedCredential says whose tokens are an application's: issuer, subject and audience must match exactly, letter
// case included, see https://learn.microsoft.com/graph/api/resources/federatedidentitycredential.
type FederatedCredential struct {
	Issuer, Subject, Audience string

	// EffectiveAfter is how long Entra takes to know the credential everywhere. 0: at once.
	EffectiveAfter time.Duration
}

// registration is a credential and the time from which it counts.
type registration struct {
	FederatedCredential
	effective time.Time
}

// Register adds an application without federated credentials, or finds the one with that client ID.
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

// Application is the default application, the one with [Cloud.ClientID].
func (c *Cloud) Application() *Application {
	return c.application(c.options.ClientID)
}

// application is nil when there is none with that client ID.
func (c *Cloud) application(clientID string) *Application {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.applications[strings.ToLower(clientID)]
}

// ClientID is the application's ID, the appid of its access tokens.
func (a *Application) ClientID() string { return a.clientID }

// Trust adds a federated credential.
func (a *Application) Trust(credential FederatedCredential) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.credentials = append(a.credentials, registration{credential, time.Now().Add(credential.EffectiveAfter)})
}

// Distrust removes all federated credentials.
func (a *Application) Distrust() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.credentials = nil
}

// SetPublic makes the application a public client, or a confidential one again; a public one may not present assertions
// (AADSTS700025).
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

// trusted are the credentials that count now, and those that will.
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
