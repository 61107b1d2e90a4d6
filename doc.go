/*
Package azoidc gets Microsoft Entra access tokens in CI, for as long as the job runs.

In GitHub Actions and Azure Pipelines a job proves who it is with an OIDC token that lives for minutes. Microsoft Entra
exchanges it, as a client assertion, for an access token that lives for about an hour. A program that takes the OIDC token
once, at its start, fails when it needs another access token later:

	AADSTS700024: Client assertion is not within its valid time range.

The credentials of this package request a new OIDC token for every exchange, and hold access tokens in a [TokenCache] that
refreshes them before they end, so that nobody waits. Each is an [azcore.TokenCredential], so every client of the Azure SDK
for Go takes it:

	cred, err := azoidc.NewGitHubActionsCredential(tenantID, clientID, nil)
	if err != nil {
		return err
	}
	// Optional: acquire what the job will need while it is still sure to get it, all at once.
	if err := cred.Preload(ctx, azoidc.ScopeResourceManager, azoidc.ScopeKeyVault); err != nil {
		return err
	}
	go cred.KeepFresh(ctx)
	groups, err := armresources.NewResourceGroupsClient(subscriptionID, cred, nil)

# Choosing a credential

  - [GitHubActionsCredential] in GitHub Actions, with "permissions: id-token: write"
  - [AzurePipelinesCredential] in Azure Pipelines, one for each service connection
  - [AssertionCredential] for any other source of assertions: a file, a command, a function
  - [OnBehalfOfCredential] for the user who called this program
  - [DefaultCredential] for a program that runs in CI, on a laptop and in Azure with one line of code

If the program doesn't run in a credential's CI system, GetToken returns a credential-unavailable error, as
azidentity's credentials do, and an [azidentity.ChainedTokenCredential] goes on to its next source. If the program
runs there and is refused, the chain stops. [DefaultCredential] also stops in a job that isn't set up for its CI
system, because the next source might deploy as somebody else.

# Errors

GetToken returns an [*AssertionError] if there was no usable assertion, and an [*ExchangeError] if Microsoft Entra
gave no token for the assertion. Their messages say what was asked and answered, which issuer, subject and audience
were presented, and what to do next. In both, [errors.As] finds an [*azidentity.AuthenticationFailedError]. Nothing
in this package prints, logs or marshals a secret.

# Testing

Package azoidctest is a test double of GitHub, Azure DevOps, Microsoft Entra and some Azure services, in one
http.Handler. Deployment tools can be tested against it, in virtual time, too.
# Guides

  - Setting up GitHub Actions or Azure Pipelines: https://github.com/azoidc/azoidc#set-up
  - Moving from azidentity: https://github.com/azoidc/azoidc/blob/main/docs/from-azurepipelinescredential.md,
    https://github.com/azoidc/azoidc/blob/main/docs/from-clientassertioncredential.md
  - Several tenants, other clouds: https://github.com/azoidc/azoidc/blob/main/docs/several-tenants.md
  - When it goes wrong: https://github.com/azoidc/azoidc/blob/main/docs/troubleshooting.md
  - All: https://github.com/azoidc/azoidc#guides
*/
package azoidc
