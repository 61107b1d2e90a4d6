package main

import "github.com/azoidc/azoidc"

// newCommandCredential signs in with OIDC tokens that a command prints: any program's tokens will do, if the application
// trusts who issues them.
//
//	gcloud auth print-identity-token --audiences=api://AzureADTokenExchange
//	kubectl create token deployer --audience=api://AzureADTokenExchange
//
// The command runs for each access token anew, not through a shell. AZURE_TENANT_ID and AZURE_CLIENT_ID tell who the
// application is.
func newCommandCredential(command []string, options *azoidc.AssertionCredentialOptions) (*azoidc.AssertionCredential, error) {
	return azoidc.NewAssertionCredential("", "", azoidc.CommandAssertion(command[0], command[1:]...), options)
}
