// Package advice writes what an operator should do, in one form for the library's errors and for the command.
package advice

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// Presented is what an assertion says, as far as a federated identity credential can depend on it.
type Presented struct {
	Issuer, Subject, Audience string
	// Only GitHub says these.
	JobWorkflowRef, RepositoryID, RepositoryOwnerID string
}

// A FederatedCredential is what an application or a managed identity must hold to trust an assertion: to the last letter,
// case included. It has one audience.
// https://learn.microsoft.com/graph/api/resources/federatedidentitycredential
type FederatedCredential struct {
	Name, Issuer, Subject, Audience string
}

// NewFederatedCredential returns the credential for what was presented to Microsoft Entra in the cloud whose credentials
// hold exchangeAudience.
func NewFederatedCredential(p Presented, exchangeAudience string) FederatedCredential {
	return FederatedCredential{
		Name:     credentialName(p.Issuer, p.Subject),
		Issuer:   p.Issuer,
		Subject:  p.Subject,
		Audience: registeredAudience(p.Audience, exchangeAudience),
	}
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// registeredAudience is what a credential holds for tokens with this audience. Entra issues tokens for its token exchange
// with the exchange's application ID, takes them for its URI, and refuses a credential that holds the ID (AADSTS700214).
func registeredAudience(audience, exchangeAudience string) string {
	if audience == "" || guid.MatchString(audience) {
		return exchangeAudience
	}
	return audience
}

// Both limits are those of Microsoft Graph and of Azure Resource Manager, which also wants a letter or digit first.
const (
	minName = 3
	maxName = 120
)

// credentialName is a name for the subject's credential that no other subject gets: an application's credentials, and a
// managed identity's, are known by their names. Letters, digits, - and _ are all that it may have.
func credentialName(issuer, subject string) string {
	name := strings.Trim(strings.Join(strings.FieldsFunc(subject, isNoNameRune), "-"), "-_")
	if name == subject && minName <= len(name) && len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(issuer + "\n" + subject))
	suffix := "-" + hex.EncodeToString(sum[:4])
	name = strings.TrimRight(name[:min(len(name), maxName-len(suffix))], "-_")
	return cmp.Or(name, "azoidc") + suffix
}

func isNoNameRune(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
}

// ForApplication returns the command line that makes the application trust the credential's tokens. It means the same
// to bash, PowerShell and cmd. An empty clientID leaves a place for it.
func (c FederatedCredential) ForApplication(clientID string) string {
	return "az ad app federated-credential create --id " + Quote(cmp.Or(clientID, "CLIENT_ID")) + " --parameters " + literal(
		"name", c.Name, "issuer", c.Issuer, "subject", c.Subject, "audiences", []string{c.Audience})
}

// ForManagedIdentity returns the command line for a user-assigned managed identity, which must be told by its name.
func (c FederatedCredential) ForManagedIdentity() string {
	return "az identity federated-credential create --name " + Quote(c.Name) + " --identity-name IDENTITY_NAME --resource-group RESOURCE_GROUP" +
		" --issuer " + Quote(c.Issuer) + " --subject " + Quote(c.Subject) + " --audiences " + Quote(c.Audience)
}

// Commands returns both. Nothing in a job tells which of the two its client ID is of.
func (c FederatedCredential) Commands(clientID string) []string {
	return []string{c.ForApplication(clientID), c.ForManagedIdentity()}
}
