package azoidc

import "strings"

// Scopes for [TokenCache.Preload], written exactly as the clients of the Azure SDK for Go ask for them in the public
// cloud: a token is found only under the scope it was acquired for.
const (
	// ScopeResourceManager is what armXXX clients ask for, with the two slashes of the audience in azcore's cloud
	// configuration. Azure CLI and Terraform use https://management.azure.com/.default or the like.
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
	// ScopeAppConfiguration serves azappconfig.
	ScopeAppConfiguration = "https://azconfig.io/.default"
)

// ScopeKusto is what Azure Data Explorer's client asks for, given the cluster's URL, for example
// https://mycluster.westeurope.kusto.windows.net.
func ScopeKusto(clusterURL string) string {
	return strings.TrimRight(clusterURL, "/") + "/.default"
}
