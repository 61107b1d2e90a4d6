// Package tokenserver serves the tokens of any credential the way Azure App Service serves those of a managed identity,
// on loopback, for programs that aren't written in Go: Azure CLI, Terraform, AzCopy, and all that is built on the Azure
// SDKs for Python, JavaScript, .NET and Java. They ask again whenever they need a token, so a job may outlast the CI
// system's own token, and the cache of this library answers.
//
//	cred, err := azoidc.NewGitHubActionsCredential("", "", nil)
//	if err != nil {
//		return err
//	}
//	go cred.KeepFresh(ctx)
//	server, err := tokenserver.Start(cred, &tokenserver.Options{ClientID: os.Getenv("AZURE_CLIENT_ID")})
//	if err != nil {
//		return err
//	}
//	defer server.Close()
//
//	deploy := exec.CommandContext(ctx, "./deploy.sh") // calls az, terraform, python
//	deploy.Env = os.Environ()
//	for name, value := range server.Env() {
//		deploy.Env = append(deploy.Env, name+"="+value)
//	}
//	return deploy.Run()
//
// # What it speaks
//
//   - The managed identity protocol of App Service, api-versions 2019-08-01 and 2017-09-01, and 2025-03-30, by which a client
//     replaces a token that was revoked. Clients that can be given an address but no header, such as Terraform, have one with
//     a secret in it; there, 2018-02-01 is answered as a virtual machine's IMDS does.
//     https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
//   - With Options.Identities, the same for several identities. A request chooses by client_id or another ID, or comes to the
//     identity's own address.
//   - The external authentication of the Azure Developer CLI, azd.
//     https://github.com/Azure/azure-dev/blob/main/cli/azd/docs/external-authentication.md
//   - With Options.Assertion, GitHub's request for OIDC tokens, for tools that sign in by these only, in whichever CI system.
//     https://docs.github.com/actions/reference/security/oidc
//
// # Who gets tokens
//
// A request must present a secret, 256 random bits that each [Handler] makes for itself; the protocols have different ones,
// and each identity's address has its own. The processes that got the environment know them; on most systems all other
// processes of the same user can find them out. Requests from other machines are refused, and so are those that a browser
// was tricked into (DNS rebinding).
package tokenserver
