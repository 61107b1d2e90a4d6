// Package guides_test runs the code in README.md and docs: each block of code there is in the hand of one check, by its
// language, or TestEveryBlockIsChecked fails.
//
//   - Go: a program is built and run in a job; anything else stands, letter by letter, in a Go file whose tests run it.
//   - YAML: a workflow of GitHub Actions is linted; a pipeline of Azure's is held to Microsoft's schema.
//   - Shell: runs in a job of GitHub Actions on a local cloud, which is reached at Azure's own names, with the real azoidc.
//     Programs that aren't installed have stand-ins, in the folder standin, that do what those programs' documents say.
package guides_test
