package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/azoidc/azoidc"
)

// A job is the CI job that this program runs in, and the application that it signs in as.
type job struct {
	ci                       *ciSystem // nil outside CI
	tenantID, clientID       string
	tenantFrom, clientFrom   string // the flag, or the variables that were looked at
	connectionID, audience   string
	requestURL, requestToken string
	authorityHost            string // with a slash at its end
	disableInstanceDiscovery bool
	client                   azcore.ClientOptions
}

func (p *program) job(flags commonFlags) job {
	j := job{
		ci:                       detectCI(p.env),
		connectionID:             flags.connectionID,
		audience:                 flags.audience,
		authorityHost:            withSlash(flags.authorityHost),
		disableInstanceDiscovery: flags.disableInstanceDiscovery,
	}
	variables := gitHub
	if j.ci != nil {
		variables = *j.ci
		j.requestURL, j.requestToken = p.env.get(j.ci.requestURL), p.env.get(j.ci.requestToken)
	}
	j.tenantID, j.tenantFrom = p.env.unless("-tenant-id", flags.tenantID, variables.tenantID)
	j.clientID, j.clientFrom = p.env.unless("-client-id", flags.clientID, variables.clientID)
	j.client = azcore.ClientOptions{
		Transport: p.transport,
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: j.authorityHost},
	}
	return j
}

func withSlash(host string) string {
	if host == "" {
		host = cloud.AzurePublic.ActiveDirectoryAuthorityHost
	}
	return strings.TrimRight(host, "/") + "/"
}

var errNoCI = fmt.Errorf("no CI system's OIDC tokens are here: neither %s nor %s is set.\n  GitHub Actions:  %s\n  Azure Pipelines: %s",
	gitHub.requestURL, azurePipelines.requestURL, gitHub.remedy, azurePipelines.remedy)

// check names all that is missing.
func (j *job) check() error {
	if j.ci == nil {
		return errNoCI
	}
	return errors.Join(j.checkRequest(), j.checkIdentity())
}

// checkRequest is about what a request for an OIDC token takes.
func (j *job) checkRequest() error {
	if j.ci == nil {
		return errNoCI
	}
	var missing []string
	if j.requestURL == "" {
		missing = append(missing, j.ci.requestURL)
	}
	if j.requestToken == "" {
		missing = append(missing, j.ci.requestToken)
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: missing environment variable %s: %s", j.ci.name, strings.Join(missing, " and "), j.ci.remedy)
	}
	if j.ci == &azurePipelines && j.audience != "" {
		return fmt.Errorf("%s: the audience can't be chosen, leave out -audience and AZOIDC_AUDIENCE: Azure DevOps decides it", j.ci.name)
	}
	if j.ci == &azurePipelines && j.connectionID == "" {
		return fmt.Errorf("%s: missing the service connection's ID: pass -service-connection-id, or run in an AzureCLI@2 or AzurePowerShell@5 task, "+
			"which sets %s", j.ci.name, connectionIDVariable)
	}
	return nil
}

// checkIdentity is about the application.
func (j *job) checkIdentity() error {
	var missing []error
	if j.tenantID == "" {
		missing = append(missing, fmt.Errorf("missing the tenant's ID: pass -tenant-id or set %s", j.tenantFrom))
	}
	if j.clientID == "" {
		missing = append(missing, fmt.Errorf("missing the application's ID: pass -client-id or set %s", j.clientFrom))
	}
	return errors.Join(missing...)
}

// credential is for the job's application; check has passed.
func (j *job) credential() (*azoidc.TokenCache, error) {
	options := azoidc.CredentialOptions{ClientOptions: j.client, DisableInstanceDiscovery: j.disableInstanceDiscovery}
	if j.ci == &azurePipelines {
		cred, err := azoidc.NewAzurePipelinesCredential(j.tenantID, j.clientID, j.connectionID, j.requestToken,
			&azoidc.AzurePipelinesCredentialOptions{CredentialOptions: options, RequestURI: j.requestURL})
		if err != nil {
			return nil, err
		}
		return cred.TokenCache, nil
	}
	cred, err := azoidc.NewGitHubActionsCredential(j.tenantID, j.clientID, &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: options, Audience: j.audience, RequestURL: j.requestURL, RequestToken: j.requestToken,
	})
	if err != nil {
		return nil, err
	}
	return cred.TokenCache, nil
}

// assertion requests the job's OIDC tokens; checkRequest has passed.
func (j *job) assertion() azoidc.AssertionFunc {
	if j.ci == &azurePipelines {
		return azoidc.AzurePipelinesAssertion(j.connectionID, j.requestToken,
			&azoidc.AzurePipelinesAssertionOptions{ClientOptions: j.client, RequestURI: j.requestURL})
	}
	return azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: j.client, Audience: j.audience, RequestURL: j.requestURL, RequestToken: j.requestToken,
	})
}
