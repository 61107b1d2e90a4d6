package azoidctest

import (
	"net/http"
	"slices"
	"strings"
)

// azureCloud is one of Microsoft's clouds: its host names, and what depends on them. For the names see
// https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure and
// https://learn.microsoft.com/azure/china/resources-developer-guide.
type azureCloud struct {
	authorities []string // hosts; Entra's issuers have the first
	regional    string   // {region}.{regional} is an authority too
	exchange    string   // the audience that federated credentials have

	manager          string // host
	managerAudiences []string
	vault            string // domain of the vaults; its URL is their audience
	blob             string // domain of the storage accounts' blobs
	graph            string // host; its URL is the audience
}

const (
	exchangeAudience = "api://AzureADTokenExchange"
	// exchangeID is the application ID that stands for the exchange audience in tokens that Entra issues itself.
	exchangeID = "fb60f99c-7a34-4190-8149-302f77469936"
)

var azureClouds = []*azureCloud{
	{
		authorities: []string{"login.microsoftonline.com", "login.microsoft.com", "login.windows.net", "sts.windows.net"},
		regional:    "login.microsoft.com",
		exchange:    exchangeAudience,
		manager:     "management.azure.com",
		managerAudiences: []string{"https://management.core.windows.net/", "https://management.core.windows.net",
			"https://management.azure.com/", "https://management.azure.com"},
		vault: "vault.azure.net",
		blob:  "blob.core.windows.net",
		graph: "graph.microsoft.com",
	},
	{
		authorities: []string{"login.microsoftonline.us", "login.usgovcloudapi.net"},
		regional:    "login.microsoftonline.us",
		exchange:    exchangeAudience + "USGov",
		manager:     "management.usgovcloudapi.net",
		managerAudiences: []string{"https://management.core.usgovcloudapi.net/", "https://management.core.usgovcloudapi.net",
			"https://management.usgovcloudapi.net/", "https://management.usgovcloudapi.net"},
		vault: "vault.usgovcloudapi.net",
		blob:  "blob.core.usgovcloudapi.net",
		graph: "graph.microsoft.us",
	},
	{
		authorities: []string{"login.partner.microsoftonline.cn", "login.chinacloudapi.cn"},
		regional:    "login.partner.microsoftonline.cn",
		exchange:    exchangeAudience + "China",
		manager:     "management.chinacloudapi.cn",
		managerAudiences: []string{"https://management.core.chinacloudapi.cn/", "https://management.core.chinacloudapi.cn",
			"https://management.chinacloudapi.cn/", "https://management.chinacloudapi.cn"},
		vault: "vault.azure.cn",
		blob:  "blob.core.chinacloudapi.cn",
		graph: "microsoftgraph.chinacloudapi.cn",
	},
}

// entraCloud returns the cloud that has this authority host, or nil.
func entraCloud(host string) *azureCloud {
	for _, a := range azureClouds {
		if slices.Contains(a.authorities, host) || isRegionOf(host, a.regional) {
			return a
		}
	}
	return nil
}

// exchangeAt returns the audience that federated credentials must have for Entra's own tokens, at this authority.
func exchangeAt(authority string) string {
	if a := entraCloud(strings.TrimPrefix(authority, "https://")); a != nil {
		return a.exchange
	}
	return exchangeAudience
}

// addAzure starts the services that every subscription has, in all clouds.
func (c *Cloud) addAzure() {
	for _, a := range azureClouds {
		authority := "https://" + a.authorities[0]
		if c.options.BaseURL != "" {
			authority = c.endpoints.entra
		}
		add := func(host string, made *api) {
			made.authority = authority
			c.azure[host] = made
			c.apis = append(c.apis, made)
		}
		add(a.manager, c.newResourceManager(a))
		add("*."+a.vault, c.newKeyVault(a))
		add("*."+a.blob, c.newBlobStorage())
		add(a.graph, c.newGraph(a))
	}
}

// newGraph makes Microsoft Graph, see https://learn.microsoft.com/graph/api/organization-list.
func (c *Cloud) newGraph(a *azureCloud) *api {
	const graphID = "00000003-0000-0000-c000-000000000000" // its application ID
	operations := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/v1.0/organization" {
			unmodelled("Microsoft Graph")(w, r)
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{
			"@odata.context": "https://" + r.Host + "/v1.0/$metadata#organization",
			"value":          []any{map[string]any{"id": c.options.TenantID, "displayName": "Octo"}},
		})
	})
	audience := "https://" + a.graph
	return c.newAPI(operations, graphTexts, audience, audience+"/", graphID)
}

// graphTexts words Microsoft Graph's refusals.
func graphTexts(_ *api, ch *challenge) (code, text string) {
	code = "InvalidAuthenticationToken"
	switch ch.reason {
	case tokenMissing:
		return code, "Access token is empty."
	case tokenExpired:
		return code, "Lifetime validation failed, the token is expired."
	case tokenForAnother:
		return code, "Access token validation failure. Invalid audience."
	case tokenRevoked:
		return code, "Continuous access evaluation resulted in challenge."
	}
	return code, "Access token validation failure."
}

// unmodelled answers what a service of Azure can do, but not here. It isn't retried, and can't be taken for success.
func unmodelled(service string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusNotImplemented, "NotImplemented",
			"azoidctest's "+service+" doesn't answer "+r.Method+" "+r.URL.Path+"; see Service.Handle and Cloud.Handle")
	}
}

// writeError answers in the form that most of Azure's services share, see
// https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md#handling-errors.
func writeError(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("x-ms-error-code", code)
	writeJSON(w, status, map[string]any{"error": map[string]any{"code": code, "message": text}})
}
