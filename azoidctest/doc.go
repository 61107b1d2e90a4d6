// Package azoidctest is a small cloud for tests of programs that sign in to Azure from CI: GitHub's OIDC endpoint,
// Azure DevOps' oidctoken endpoint, Microsoft Entra ID and services that want a bearer token, all in one
// [net/http.Handler].
//
// It does for real what the clouds do. The CI issuers sign RS256 tokens with keys of their own and publish discovery
// and JWKS documents; Entra reads those, verifies signature, issuer, subject, audience and times against the federated
// identity credentials of the application, and refuses with the documented AADSTS code. Its access tokens are signed
// too, and a service admits only those that were issued for it.
//
//	func TestDeploy(t *testing.T) {
//		cloud := azoidctest.NewServer(nil) // TLS on loopback
//		defer cloud.Close()
//		job := cloud.GitHubJob(nil) // federated with the default application
//		for name, value := range job.Env() {
//			t.Setenv(name, value)
//		}
//		vault := cloud.Service("https://vault.azure.net")
//
//		// The program under test: a new OIDC token, exchanged for an access token, presented to the service.
//		err := deploy(cloud.ClientOptions(), vault.URL)
//
//		require.NoError(t, err)
//		require.Equal(t, 1, vault.Hits())
//		require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
//	}
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
// Things go wrong on request: [Cloud.Fail] and [Cloud.FailNext] put a [Fault] on a [Leg], federated credentials begin to
// work late ([FederatedCredential]), request tokens end ([GitHubJob.ExpireRequestToken]), services revoke access tokens
// ([Service.Revoke]). [Cloud.Requests] tells what arrived and how it was answered, secrets included: this is a test
// double.
package azoidctest
