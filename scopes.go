package azoidc

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/azoidc/azoidc/internal/redact"
)

// Scopes for [TokenCache.Preload], written exactly as the clients of the Azure SDK for Go ask for them in the public
// cloud: a token is found only under the scope it was acquired for.
const (
	// ScopeResourceManager serves armresources and the other clients of Resource Manager. Its two slashes come from
	// the audience in azcore's cloud configuration. Azure CLI and Terraform ask for others, such as
	// https://management.azure.com/.default.
	ScopeResourceManager = "https://management.core.windows.net//.default"
	// ScopeStorage serves azblob, azfile, azqueue and azdatalake.
	ScopeStorage = "https://storage.azure.com/.default"
	// ScopeKeyVault serves azsecrets, azkeys and azcertificates, which take it from the vault's challenge.
	ScopeKeyVault = "https://vault.azure.net/.default"
	// ScopeGraph serves Microsoft Graph.
	ScopeGraph = "https://graph.microsoft.com/.default"
	// ScopeServiceBus serves azservicebus, also its admin package.
	ScopeServiceBus = "https://servicebus.azure.net//.default"
	// ScopeEventHubs serves azeventhubs.
	ScopeEventHubs = "https://eventhubs.azure.net//.default"
	// ScopeSQL serves Azure SQL through go-mssqldb.
	ScopeSQL = "https://database.windows.net/.default"
	// ScopeContainerRegistry serves azcontainerregistry.
	ScopeContainerRegistry = "https://containerregistry.azure.net/.default"
	// ScopeAppConfiguration serves azappconfig if its client options name the cloud. Otherwise azappconfig asks for its
	// store's own URL with /.default behind it.
	ScopeAppConfiguration = "https://appconfig.azure.com/.default"
)

// ScopeKusto returns the scope that Azure Data Explorer's client asks for. clusterURL is the URL of the cluster, for
// example https://mycluster.westeurope.kusto.windows.net. The scope is of the resource that all clusters in the same
// Azure cloud name in their metadata. For a host that isn't one of Azure's, it is of clusterURL itself.
func ScopeKusto(clusterURL string) string {
	u, err := url.Parse(clusterURL)
	if err != nil {
		return clusterURL + defaultSuffix
	}
	for suffix, resource := range kustoResources {
		if strings.HasSuffix(strings.ToLower(u.Hostname()), suffix) {
			return resource + defaultSuffix
		}
	}
	return strings.TrimRight(clusterURL, "/") + defaultSuffix
}

const defaultSuffix = "/.default"

// https://github.com/Azure/azure-kusto-go/blob/master/azkustodata/trusted_endpoints/well_known_kusto_endpoints.json
var kustoResources = map[string]string{
	".kusto.windows.net":           "https://kusto.kusto.windows.net",
	".kustomfa.windows.net":        "https://kusto.kusto.windows.net",
	".kusto.azuresynapse.net":      "https://kusto.kusto.windows.net",
	".kusto.data.microsoft.com":    "https://kusto.kusto.windows.net",
	".kusto.fabric.microsoft.com":  "https://kusto.kusto.windows.net",
	".kusto.usgovcloudapi.net":     "https://kusto.kusto.usgovcloudapi.net",
	".kusto.chinacloudapi.cn":      "https://kusto.kusto.chinacloudapi.cn",
	".kusto.azuresynapse.azure.cn": "https://kusto.kusto.chinacloudapi.cn",
}

// askedWithoutCAE tells the scopes whose clients don't handle claims challenges, and so ask without CAE: those of Service
// Bus, Event Hubs, Container Registry and Azure Data Explorer.
func askedWithoutCAE(scope string) bool {
	switch scope {
	case ScopeServiceBus, ScopeEventHubs, ScopeContainerRegistry:
		return true
	}
	u, err := url.Parse(scope)
	return err == nil && strings.Contains(u.Hostname(), ".kusto.")
}

// checkScopes refuses, before azidentity logs them, scopes that would do more in a job's log than show.
func checkScopes(scopes []string) error {
	for _, scope := range scopes {
		if shown := redact.Line(scope); shown != strings.Trim(scope, " ") {
			return fmt.Errorf("azoidc: the scope %q holds characters that no scope has", shown)
		}
	}
	return nil
}
