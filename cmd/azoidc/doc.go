// Command azoidc gives Azure tokens to the steps of a CI job that aren't written in Go.
//
//	azoidc exec -- ./deploy.sh     # az, terraform, python … in it sign in for as long as the job lasts
//	azoidc token -scope https://vault.azure.net/.default -o raw
//	azoidc doctor                  # what is set, who the job is, what Microsoft Entra says, and what to do
//
// It runs in GitHub Actions, in jobs with "permissions: id-token: write", and in Azure Pipelines, in tasks with a
// service connection and SYSTEM_ACCESSTOKEN mapped. No secret is needed but the job's own.
//
// Exit status: exec exits with that of its command, with 128+n when signal n ended it, with 126 when it can't be run and
// 127 when it isn't found. Otherwise 0 means well, 1 not well, 2 wrong usage.
package main
