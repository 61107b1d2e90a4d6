package azoidc

import (
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
)

// An authorityHost is the lower-case host, with its port, of the Microsoft Entra authority that a credential talks to.
type authorityHost string

// resolveAuthorityHost follows azidentity: the caller's cloud, then AZURE_AUTHORITY_HOST, then the public cloud.
func resolveAuthorityHost(configuration cloud.Configuration) authorityHost {
	address := configuration.ActiveDirectoryAuthorityHost
	if address == "" {
		address = environment("AZURE_AUTHORITY_HOST")
	}
	if address == "" {
		address = cloud.AzurePublic.ActiveDirectoryAuthorityHost
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return authorityHost(strings.ToLower(u.Host))
}

// trusted holds for the hosts that MSAL knows to be Microsoft's, for which asking login.microsoftonline.com whether it
// knows them adds a round trip and nothing else.
// https://github.com/AzureAD/microsoft-authentication-library-for-go/blob/v1.10.1/apps/internal/oauth/ops/authority/authority.go
func (h authorityHost) trusted() bool {
	switch h {
	case "login.microsoftonline.com", "login.microsoft.com", "login.windows.net", "sts.windows.net",
		"login.microsoftonline.us", "login.usgovcloudapi.net", "login-us.microsoftonline.com",
		"login.partner.microsoftonline.cn", "login.chinacloudapi.cn",
		"login.microsoftonline.de",
		"login.sovcloud-identity.fr", "login.sovcloud-identity.de", "login.sovcloud-identity.sg":
		return true
	}
	return false
}

// audience is what Microsoft Entra of the host's cloud recommends as the audience of federated identity credentials.
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust
func (h authorityHost) audience() string {
	switch h {
	case "login.microsoftonline.us", "login.usgovcloudapi.net", "login-us.microsoftonline.com":
		return "api://AzureADTokenExchangeUSGov"
	case "login.partner.microsoftonline.cn", "login.chinacloudapi.cn":
		return "api://AzureADTokenExchangeChina"
	}
	return "api://AzureADTokenExchange"
}
