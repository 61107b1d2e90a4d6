// Package tokenserver serves the tokens of a credential over HTTP on loopback, in the way in which Azure App Service
// serves the tokens of a managed identity. It is for programs that aren't written in Go: Azure CLI, Terraform,
// AzCopy, and everything that is built on the Azure SDKs for Python, JavaScript, .NET and Java. These programs ask
// again whenever they need a token, and are answered from the credential's cache. So a job can outlast the CI
// system's own token.
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
//   - App Service's protocol for managed identities, in the api-versions 2017-09-01, 2019-08-01 and 2025-03-30. In
//     the last of these a client can replace a token that was revoked. Some clients, such as Terraform, can be given
//     an address but no header; for them there is an address that contains a secret. At that address the api-version
//     2018-02-01 is served, too, in the form of a virtual machine's metadata service (IMDS).
//     https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
//   - The same protocol for several identities, if Options.Identities names some. A request chooses an identity by
//     client_id or another ID, or by sending the request to the identity's own address.
//   - The external authentication of the Azure Developer CLI, azd.
//     https://github.com/Azure/azure-dev/blob/main/cli/azd/docs/external-authentication.md
//   - GitHub's protocol for OIDC tokens, if Options.Assertion is set. It serves tools that know no other way to sign
//     in, in any CI system. https://docs.github.com/actions/reference/security/oidc
//
// # Who gets tokens
//
// A request must present a secret of 256 random bits. Each [Handler] makes its own secrets: one for each protocol,
// and one for the address of each identity. Processes that were given the environment variables know the secrets; on
// most systems all other processes of the same user can find them out. Requests from other machines are refused,
// except from the networks in Options.Containers. Requests that a browser was tricked into sending (DNS rebinding)
// are refused, too.
//
// What other programs do with it: https://github.com/azoidc/azoidc/blob/main/docs/terraform.md
package tokenserver
