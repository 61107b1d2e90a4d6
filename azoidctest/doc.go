// Package azoidctest is a small cloud for tests of programs that sign in to Azure from CI: GitHub's OIDC endpoint,
// Azure DevOps' oidctoken endpoint, Microsoft Entra ID and services that want a bearer token, all in one
// [net/http.Handler].
//
// It does for real what the clouds do. The CI issuers sign RS256 tokens with keys of their own and publish discovery
// and JWKS documents. Entra reads these documents, verifies a token's signature, issuer, subject, audience and times
// against the federated identity credentials of the application, and refuses with the documented AADSTS code. Entra's
// access tokens are signed, too, and a service admits only those that were issued for it.
//
//	func TestDeploy(t *testing.T) {
//		cloud := azoidctest.NewServer(nil) // TLS on loopback
//		defer cloud.Close()
//		for name, value := range cloud.GitHubJob(nil).Env() { // federated with the default application
//			t.Setenv(name, value)
//		}
//		options := cloud.ClientOptions()
//		cred, err := azoidc.NewGitHubActionsCredential("", "", &azoidc.GitHubActionsCredentialOptions{
//			CredentialOptions: azoidc.CredentialOptions{ClientOptions: options},
//		})
//		require.NoError(t, err)
//
//		// The program under test: a new OIDC token, exchanged for an access token, presented to Resource Manager.
//		err = deploy(cloud.SubscriptionID(), cred, &arm.ClientOptions{ClientOptions: options})
//
//		require.NoError(t, err)
//		require.Equal(t, 1, cloud.Service("https://management.azure.com").Hits())
//		require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
//	}
//
// # Azure's services
//
// The cloud has four services of Azure, under the names that the clients of the Azure SDK use. They are reached in
// memory and with [Server.ClientOptions]. Each of them accepts the audiences that the real service accepts, refuses
// other tokens with the same challenge, and has a few operations:
//
//   - Resource Manager, management.azure.com: lists the subscription [Cloud.SubscriptionID]; creates, lists, reads and
//     deletes its resource groups.
//   - Key Vault, *.vault.azure.net: sets, lists and reads secrets.
//   - Blob Storage, *.blob.core.windows.net: creates containers; uploads, lists and downloads block blobs.
//   - Microsoft Graph, graph.microsoft.com: returns the organization.
//
// They have the names of Azure Government and of Azure in China, too. There are no roles: every application may do
// everything. An operation that a service doesn't have is answered with 501, which clients don't retry.
// [Service.Handle] replaces the answers to admitted requests. [Cloud.Handle] replaces everything at a host, or adds a
// host. Requests to other hosts fail at once.
//
// # In memory
//
// A [Cloud] is also a policy.Transporter that answers in memory, under the public host names. It reads time.Now and
// waits on timers only, so in a [testing/synctest] bubble hours of tokens pass in milliseconds:
//
//	synctest.Test(t, func(t *testing.T) {
//		cloud := azoidctest.New(&azoidctest.Options{AccessTokenLifetime: time.Hour})
//		cloud.SetLatency(100 * time.Millisecond)
//		...
//	})
//
// # Faults
//
// Things go wrong on request:
//
//   - [Cloud.Fail] and [Cloud.FailNext] put a [Fault] on a [Leg].
//   - With [FederatedCredential].EffectiveAfter, a federated credential begins to work late.
//   - [GitHubJob.ExpireRequestToken] and [PipelinesJob.ExpireRequestToken] end the life of a job's request token.
//   - [Service.Revoke] revokes access tokens.
//
// [Cloud.Requests] returns what arrived and how it was answered. Secrets are in it: this is a test double.
//
// Guide: https://github.com/azoidc/azoidc/blob/main/docs/testing.md
package azoidctest
