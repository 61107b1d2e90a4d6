package main

import "time"

// A step is an operation that a service takes some time for.
type step struct {
	target target
	name   string // of the operation, in URLs
	title  string
	takes  time.Duration
}

// steps are those of the deployment. The third one is the first to need a new scope after the first OIDC token's end;
// later ones need each of the services again after its access token's end.
func steps() []step {
	return []step{
		{resourceManager, "resource-group", "create the resource group", 750 * time.Millisecond},
		{resourceManager, "network", "create the network", 1750 * time.Millisecond},
		{keyVault, "certificate", "read the certificate", 750 * time.Millisecond},
		{resourceManager, "web-app", "create the web app", 1250 * time.Millisecond},
		{storage, "files", "upload its files", 1500 * time.Millisecond},
		{keyVault, "key", "rotate the key", 750 * time.Millisecond},
		{resourceManager, "traffic", "switch the traffic over", 1000 * time.Millisecond},
		{storage, "old-files", "remove the old files", 750 * time.Millisecond},
	}
}
