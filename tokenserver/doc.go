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
// It speaks both versions of the protocol, 2019-08-01 and 2017-09-01, see
// https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference.
//
// A request must present a secret, 256 random bits that each [Handler] makes for itself. The processes that got the
// environment know it; on most systems all other processes of the same user can find it out. Requests from other
// machines are refused, and so are those that a browser was tricked into (DNS rebinding).
package tokenserver
