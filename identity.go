package azoidc

import (
	"errors"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// An identity is the application in its tenant that a credential authenticates.
type identity struct {
	tenantID, clientID string
	// missing names what neither the caller nor the environment gave.
	missing []string
}

// resolveIdentity takes what the caller left empty from the first of the environment variables that is set.
func resolveIdentity(tenantID, clientID string, tenantVariables, clientVariables []string) (identity, error) {
	var id identity
	id.tenantID = id.resolve(tenantID, tenantVariables)
	id.clientID = id.resolve(clientID, clientVariables)
	if id.tenantID != "" && !validTenantID(id.tenantID) {
		return identity{}, errors.New("azoidc: the tenant ID has characters that no tenant ID has; " +
			"it is a GUID or a domain name such as contoso.onmicrosoft.com, see https://learn.microsoft.com/partner-center/find-ids-and-domain-names")
	}
	return id, nil
}

func (id *identity) resolve(value string, variables []string) string {
	if value = strings.TrimSpace(value); value != "" {
		return value
	}
	for _, name := range variables {
		if value = environment(name); value != "" {
			return value
		}
	}
	id.missing = append(id.missing, strings.Join(variables, " or "))
	return ""
}

// available reports a credential-unavailable error when something is missing, so that a chain goes on.
func (id *identity) available(credential string) error {
	if len(id.missing) == 0 {
		return nil
	}
	return unavailable(credential, "missing environment variable "+strings.Join(id.missing, " and "),
		"set it, or pass the value to the credential's constructor")
}

// validTenantID follows azidentity, whose own check comes too late: at the first exchange.
func validTenantID(tenantID string) bool {
	return !strings.ContainsFunc(tenantID, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '.' || r == '-')
	})
}

// environment reads a variable without the white space that pasted secrets end in.
func environment(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// unavailable makes the error by which a chain recognizes that a credential's source isn't here.
func unavailable(credential, problem, remedy string) error {
	return azidentity.NewCredentialUnavailableError(credential + ": " + problem + ": " + remedy)
}
