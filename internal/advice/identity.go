package advice

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/azoidc/azoidc/internal/ci"
)

// TenantID says what is wrong with a tenant's ID that from holds; nothing when it may be one. It doesn't quote the value,
// which may be a secret in the wrong place.
func TenantID(from, value string) string {
	if value == "" || validTenantID(value) {
		return ""
	}
	return wrongID(from, value, "no tenant ID: that is a GUID or a domain name such as contoso.onmicrosoft.com, "+
		"see https://learn.microsoft.com/partner-center/find-ids-and-domain-names")
}

// ClientID is TenantID for the client ID of an application or a managed identity.
func ClientID(from, value string) string {
	if value == "" || validClientID(value) {
		return ""
	}
	return wrongID(from, value, "no client ID: that is the GUID that the portal calls Application (client) ID, or Client ID of a managed identity, "+
		"and not a name; az ad app list --display-name NAME --query \"[].appId\" and az identity list --query \"[].[name,clientId]\" tell it")
}

func wrongID(from, value, wanted string) string {
	if literal := Literal(from, value); literal != "" {
		return literal
	}
	return fmt.Sprintf("what %s holds (%d characters) is %s", from, len(value), wanted)
}

// Literal says that value is the text of a macro, which no service is to be asked with; nothing when it isn't.
func Literal(from, value string) string {
	if !ci.IsMacro(value) {
		return ""
	}
	problem, remedy := ci.Unexpanded(from, value)
	return problem + ": " + remedy
}

// validTenantID follows azidentity, whose own check comes too late: at the first exchange.
func validTenantID(tenantID string) bool {
	return !strings.ContainsFunc(tenantID, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '.' || r == '-')
	})
}

// validClientID holds for a GUID, however it is written, and for an application ID URI, by which Entra knows an
// application, too.
func validClientID(clientID string) bool {
	digits := strings.ReplaceAll(strings.Trim(clientID, "{}()"), "-", "")
	_, err := hex.DecodeString(digits)
	isGUID := len(digits) == 32 && err == nil
	return isGUID || strings.Contains(clientID, "://") || strings.HasPrefix(clientID, "urn:") || strings.HasPrefix(clientID, "spn:")
}
