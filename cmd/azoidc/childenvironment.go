package main

import "strings"

// supplyVariables are those by which programs find tokens. Those of another supply must not get in this one's way:
// Azure SDKs take the first they find, the token file before the endpoint.
var supplyVariables = []string{
	"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET",
	"IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", // Service Fabric's and Azure Arc's
	"ARM_USE_MSI", "ARM_MSI_ENDPOINT", "ARM_MSI_API_VERSION",
	"ARM_USE_OIDC", "ARM_OIDC_TOKEN", "ARM_OIDC_TOKEN_FILE_PATH", // which Terraform prefers, and reads only once
	"APPSETTING_WEBSITE_SITE_NAME",
	"AZURE_FEDERATED_TOKEN_FILE",
}

// requestVariables let a process request OIDC tokens in the job's name, for any audience.
var requestVariables = []string{
	gitHub.requestURL, gitHub.requestToken,
	azurePipelines.requestURL, azurePipelines.requestToken,
	"ARM_OIDC_REQUEST_URL", "ARM_OIDC_REQUEST_TOKEN", // Terraform's names for them
}

// childEnvironment is the command's: env, with the supply's variables instead of others like them.
func childEnvironment(env environment, s *supply, keepRequestToken bool) environment {
	child := env.without(supplyVariables...)
	if !keepRequestToken {
		child = child.without(requestVariables...)
	}
	if child.get("AZURE_CLIENT_ID") != "" { // SDKs ask for this identity
		child = child.with(map[string]string{"AZURE_CLIENT_ID": s.clientID})
	}
	if namesOurs(child.get("AZURE_TOKEN_CREDENTIALS")) { // which SDKs don't know, and refuse
		child = child.with(map[string]string{"AZURE_TOKEN_CREDENTIALS": s.credential})
	}
	return child.withoutProxyOnLoopback().with(s.env)
}

// withoutProxyOnLoopback keeps requests for tokens, and the secret in them, from HTTP_PROXY: unlike Go, curl and
// Python's requests use it for loopback too. Programs differ in which spelling of NO_PROXY comes first.
func (e environment) withoutProxyOnLoopback() environment {
	if e.first("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY") == "" {
		return e
	}
	direct := strings.TrimPrefix(e.first("no_proxy", "NO_PROXY")+",127.0.0.1", ",")
	return e.with(map[string]string{"no_proxy": direct, "NO_PROXY": direct})
}

func namesOurs(credential string) bool {
	return strings.EqualFold(credential, gitHub.credential) || strings.EqualFold(credential, azurePipelines.credential)
}
