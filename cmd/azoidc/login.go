package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/ci"
)

// A login is how a CI job signs in: as which application, by the OIDC tokens of which system.
type login struct {
	system                   *ci.System   // nil outside CI
	named                    *namedSource // if there is one, it counts instead of the system
	tenantID, clientID       string
	tenantFrom, clientFrom   string // the flag, or the variables that were looked at
	connectionID, audience   string
	requestURL, requestToken string
	authorityHost            string // with a slash at its end
	disableInstanceDiscovery bool
	client                   azcore.ClientOptions
}

func (p *program) login(flags commonFlags) login {
	l := login{
		system:                   ci.Detect(p.env.get),
		named:                    flags.namedSource(),
		connectionID:             flags.connectionID,
		audience:                 flags.audience,
		authorityHost:            withSlash(flags.authorityHost),
		disableInstanceDiscovery: flags.disableInstanceDiscovery,
	}
	named := ci.GitHubActions // outside CI, its variables are the ones to set
	if l.system != nil {
		named = l.system
		l.requestURL, l.requestToken = p.env.get(named.RequestURL), p.env.get(named.RequestToken)
	}
	l.tenantID, l.tenantFrom = p.env.unless("-tenant-id", flags.tenantID, named.TenantID)
	l.clientID, l.clientFrom = p.env.unless("-client-id", flags.clientID, named.ClientID)
	l.client = azcore.ClientOptions{
		Transport: p.transport,
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: l.authorityHost},
	}
	return l
}

func withSlash(host string) string {
	if host == "" {
		host = cloud.AzurePublic.ActiveDirectoryAuthorityHost
	}
	return strings.TrimRight(host, "/") + "/"
}

var errOutside = errors.New(ci.Outside())

// exchangeAudience is what federated identity credentials hold in the authority host's cloud.
func (l *login) exchangeAudience() string {
	u, err := url.Parse(l.authorityHost)
	if err != nil {
		return advice.PublicAudience
	}
	return advice.ExchangeAudience(strings.ToLower(u.Host))
}

// check names all that is missing.
func (l *login) check() error {
	if l.system == nil && l.named == nil {
		return errOutside
	}
	return errors.Join(l.checkRequest(), l.checkIdentity())
}

// checkRequest is about what a request for an OIDC token takes.
func (l *login) checkRequest() error {
	if l.named != nil {
		return l.named.check(l.audience)
	}
	if l.system == nil {
		return errOutside
	}
	var missing []string
	if l.requestURL == "" {
		missing = append(missing, l.system.RequestURL)
	}
	if l.requestToken == "" {
		missing = append(missing, l.system.RequestToken)
	}
	if l.system.ConnectionID != "" && l.connectionID == "" {
		missing = append(missing, l.system.ConnectionID)
	}
	if slices.Contains(missing, l.system.ConnectionID) {
		return fmt.Errorf("%s: %s; -service-connection-id passes it", l.system.Name, l.system.Missing(missing...))
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: %s", l.system.Name, l.system.Missing(missing...))
	}
	if !l.system.ChoosesAudience && l.audience != "" {
		return fmt.Errorf("%s: the audience can't be chosen, leave out -audience and AZOIDC_AUDIENCE: the system decides it", l.system.Name)
	}
	return l.checkLiterals()
}

// checkLiterals finds macros that nobody put a value in place of.
func (l *login) checkLiterals() error {
	var found []error
	for _, setting := range [][2]string{
		{l.system.RequestURL, l.requestURL}, {l.system.RequestToken, l.requestToken}, {l.system.ConnectionID, l.connectionID},
		{"-audience or AZOIDC_AUDIENCE", l.audience},
	} {
		if literal := advice.Literal(setting[0], setting[1]); literal != "" {
			found = append(found, fmt.Errorf("%s: %s", l.system.Name, literal))
		}
	}
	return errors.Join(found...)
}

// checkIdentity is about the application.
func (l *login) checkIdentity() error {
	var missing []error
	if l.tenantID == "" {
		missing = append(missing, fmt.Errorf("missing the tenant's ID: pass -tenant-id or set %s", l.tenantFrom))
	}
	if l.clientID == "" {
		missing = append(missing, fmt.Errorf("missing the application's ID: pass -client-id or set %s", l.clientFrom))
	}
	for _, problem := range []string{
		advice.TenantID(l.tenantFrom, l.tenantID), advice.ClientID(l.clientFrom, l.clientID), advice.Literal("AZURE_AUTHORITY_HOST", strings.TrimRight(l.authorityHost, "/")),
	} {
		if problem != "" {
			missing = append(missing, errors.New(problem))
		}
	}
	return errors.Join(missing...)
}

// credential is for the application; check has passed.
func (l *login) credential() (*azoidc.TokenCache, error) {
	options := azoidc.CredentialOptions{ClientOptions: l.client, DisableInstanceDiscovery: l.disableInstanceDiscovery}
	if l.named != nil {
		cred, err := azoidc.NewAssertionCredential(l.tenantID, l.clientID, l.named.assertion, &azoidc.AssertionCredentialOptions{CredentialOptions: options})
		if err != nil {
			return nil, err
		}
		return cred.TokenCache, nil
	}
	if l.system == ci.AzurePipelines {
		cred, err := azoidc.NewAzurePipelinesCredential(l.tenantID, l.clientID, l.connectionID, l.requestToken,
			&azoidc.AzurePipelinesCredentialOptions{CredentialOptions: options, RequestURI: l.requestURL})
		if err != nil {
			return nil, err
		}
		return cred.TokenCache, nil
	}
	cred, err := azoidc.NewGitHubActionsCredential(l.tenantID, l.clientID, &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: options, Audience: l.audience, RequestURL: l.requestURL, RequestToken: l.requestToken,
	})
	if err != nil {
		return nil, err
	}
	return cred.TokenCache, nil
}

// assertion requests the job's OIDC tokens; checkRequest has passed.
func (l *login) assertion() azoidc.AssertionFunc { return l.assertionWith(l.audience) }

// assertionWith has an audience of the caller's, where it can be chosen.
func (l *login) assertionWith(audience string) azoidc.AssertionFunc {
	switch {
	case l.named != nil:
		return l.named.assertion
	case l.system == ci.AzurePipelines:
		return azoidc.AzurePipelinesAssertion(l.connectionID, l.requestToken,
			&azoidc.AzurePipelinesAssertionOptions{ClientOptions: l.client, RequestURI: l.requestURL})
	}
	return azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: l.client, Audience: audience, RequestURL: l.requestURL, RequestToken: l.requestToken,
	})
}
