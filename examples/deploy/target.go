package main

// A target is a service that the deployment talks to.
type target struct {
	letter   rune // in the timeline
	name     string
	audience string
}

var (
	resourceManager = target{'R', "Resource Manager", "https://management.core.windows.net/"}
	keyVault        = target{'K', "Key Vault", "https://vault.azure.net"}
	storage         = target{'S', "Storage", "https://storage.azure.com"}
)

// defaultScope is what Resource Manager's clients ask for, both slashes included.
const defaultScope = "https://management.core.windows.net//.default"
