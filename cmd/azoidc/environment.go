package main

import (
	"slices"
	"strings"
	"unicode"

	"github.com/azoidc/azoidc/internal/ci"
)

// supplyVariables are those by which programs find tokens. Those of another supply must not get in this one's way:
// Azure SDKs take the first they find, the token file before the endpoint.
var supplyVariables = []string{
	"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET",
	"IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", // Service Fabric's and Azure Arc's
	"ARM_USE_MSI", "ARM_MSI_ENDPOINT", "ARM_MSI_API_VERSION",
	"ARM_USE_OIDC", "ARM_OIDC_TOKEN", "ARM_OIDC_TOKEN_FILE_PATH", // which Terraform prefers, and reads only once
	"APPSETTING_WEBSITE_SITE_NAME",
	"AZURE_FEDERATED_TOKEN_FILE",
	"AZD_AUTH_ENDPOINT", "AZD_AUTH_KEY", "AZD_AUTH_CERT",
}

// requestVariables let a process request OIDC tokens in the job's name, for any audience.
func requestVariables() []string {
	names := []string{
		"ARM_OIDC_REQUEST_URL", "ARM_OIDC_REQUEST_TOKEN", // Terraform's names for them
		"AZOIDC_ASSERTION_COMMAND", "AZOIDC_ASSERTION_FILE",
	}
	for _, system := range ci.Systems() {
		names = append(names, system.RequestURL, system.RequestToken)
	}
	return names
}

// connectionVariables make Terraform and OpenTofu request OIDC tokens as Azure Pipelines hands them out, and not as the
// request endpoint does.
var connectionVariables = []string{
	"ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID", "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
}

// childEnvironment is the command's: env, with the supply's variables instead of others like them.
func childEnvironment(env ci.Variables, s *supply, keepRequestToken bool) ci.Variables {
	child := env.Without(supplyVariables...)
	if !keepRequestToken {
		child = child.Without(requestVariables()...)
	}
	if child.Get("AZURE_CLIENT_ID") != "" { // SDKs ask for this identity
		child = child.With(map[string]string{"AZURE_CLIENT_ID": s.clientID})
	}
	if namesOurs(child.Get("AZURE_TOKEN_CREDENTIALS")) { // which SDKs don't know, and refuse
		child = child.With(map[string]string{"AZURE_TOKEN_CREDENTIALS": s.credential})
	}
	if s.env["ARM_OIDC_REQUEST_URL"] != "" {
		child = child.Without(connectionVariables...)
		if env.IsTrue("ARM_USE_OIDC") { // Terraform then requests OIDC tokens itself
			child = child.With(map[string]string{"ARM_USE_OIDC": "true"})
		}
	}
	return withoutProxyTo(child, s.host()).With(s.env)
}

// withoutProxyTo keeps requests for tokens, and the secret in them, from HTTP_PROXY: unlike Go, curl and Python's requests
// use it for loopback too. Programs differ in which spelling of NO_PROXY comes first, so each keeps its own value, and gets
// the other's where it has none.
func withoutProxyTo(e ci.Variables, host string) ci.Variables {
	if host == "" || e.First("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY") == "" {
		return e
	}
	return e.With(map[string]string{
		"no_proxy": withHost(e.First("no_proxy", "NO_PROXY"), host),
		"NO_PROXY": withHost(e.First("NO_PROXY", "no_proxy"), host),
	})
}

// withHost adds the endpoint's address to a list of exceptions that doesn't have it. A list that is * must stay that alone,
// or curl and Python use the proxy for all. A range that has the address in it, such as 127.0.0.0/8, isn't enough: curl
// before 7.86 and Python's urllib don't know ranges.
func withHost(exceptions, host string) string {
	list := strings.FieldsFunc(exceptions, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	switch {
	case len(list) == 0:
		return host
	case exceptions == "*", slices.Contains(list, host):
		return exceptions
	}
	return exceptions + "," + host
}

func namesOurs(credential string) bool {
	return slices.ContainsFunc(ci.Systems(), func(s *ci.System) bool { return s.Named(credential) })
}
