package main

import "github.com/azoidc/azoidc"

// newDefaultCredential signs in wherever it runs, in GitHub Actions, in Azure Pipelines, on a laptop and in Azure. Where a
// job of the first two isn't set up for it, the error says what is missing. Options may be nil.
func newDefaultCredential(options *azoidc.DefaultCredentialOptions) (*azoidc.DefaultCredential, error) {
	return azoidc.NewDefaultCredential(options)
}
