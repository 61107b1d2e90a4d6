// Package acceptance holds azoidc and its local cloud to programs that nobody here wrote. It has tests only, in a module
// of its own, so that who imports azoidc doesn't import Azure's clients.
//
// The SDK's own clients (clients_test.go) call services of [azoidctest] with this library's credentials; other clients
// of the same endpoints (peers_test.go) get tokens from the same cloud, which gives the figures to compare with; toxics
// and a persistent cache work on real sockets and between processes.
//
// Folder guides runs the code of README.md and docs, act the GitHub Action in workflows, pipelines the steps of the templates
// for Azure Pipelines. What go test
// doesn't run, because it takes too long to get, are the scripts debian/run (Azure CLI), terraform/run (Terraform, OpenTofu,
// azapi) and tools/run (AzCopy, azd, MSAL for Python); longjob is the job that they run in.
//
// setup installs what isn't a Go module, and go test fails, rather than skips, when that is missing:
//
//	./setup && go test ./...
//
// [azoidctest]: https://pkg.go.dev/github.com/azoidc/azoidc/azoidctest
package acceptance
