package main

import (
	"context"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc"
)

// An approach turns a job's OIDC tokens into the credential of its deployment.
type approach struct {
	name, title string
	by          string // the types that do it
	credential  func(context.Context, job, azcore.ClientOptions) (azcore.TokenCredential, error)
}

var (
	today = approach{"today", "Today: one OIDC token, taken at the start",
		"azidentity.ClientAssertionCredential", oneToken}
	withAzoidc = approach{"azoidc", "With azoidc: a new OIDC token for every exchange",
		"azoidc.GitHubActionsCredential, azoidc.AzurePipelinesCredential", newTokens}
)

// oneToken is what deployment tools do: the OIDC token that they get at the start is all they have.
func oneToken(ctx context.Context, job job, client azcore.ClientOptions) (azcore.TokenCredential, error) {
	token, err := job.assertions(client)(ctx)
	if err != nil {
		return nil, fmt.Errorf("no OIDC token to begin with: %w", err)
	}
	assertion := func(context.Context) (string, error) { return token, nil }
	return azidentity.NewClientAssertionCredential(job.tenantID, job.clientID, assertion, &azidentity.ClientAssertionCredentialOptions{
		ClientOptions:            client,
		DisableInstanceDiscovery: unknownToEntra(client),
	})
}

// newTokens is what this library does.
func newTokens(_ context.Context, job job, client azcore.ClientOptions) (azcore.TokenCredential, error) {
	return signedIn(job, client)
}

// signedIn is the job's credential, for the local cloud as for the real one.
func signedIn(job job, client azcore.ClientOptions) (*azoidc.TokenCache, error) {
	return job.credential(azoidc.CredentialOptions{
		ClientOptions:            client,
		DisableInstanceDiscovery: unknownToEntra(client),
	})
}
