// Package login is how a CI job signs in, by what flags and the environment say: as which application, by the OIDC tokens of which
// system, file or command. Programs that sign in by themselves read these tokens from a [TokenFile], which is kept fresh, and gone
// when this process is.
package login

import (
	"errors"
	"flag"
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

// Flags are those of every command. What is left out, the environment tells.
type Flags struct {
	tenantID, clientID, connectionID, audience, authorityHost string
	assertionCommand, assertionFile                           string
	Folder                                                    string // where they are meant; "": the program's own

	DisableInstanceDiscovery bool
}

// Register adds the flags to a command's, with what env says as their defaults.
func (c *Flags) Register(flags *flag.FlagSet, env ci.Variables) {
	flags.StringVar(&c.tenantID, "tenant-id", "", "")
	flags.StringVar(&c.clientID, "client-id", "", "")
	flags.StringVar(&c.connectionID, "service-connection-id", env.Get(ci.AzurePipelines.ConnectionID), "")
	flags.StringVar(&c.audience, "audience", env.Get("AZOIDC_AUDIENCE"), "")
	flags.StringVar(&c.authorityHost, "authority-host", env.Get("AZURE_AUTHORITY_HOST"), "")
	flags.StringVar(&c.assertionCommand, "assertion-command", env.Get("AZOIDC_ASSERTION_COMMAND"), "")
	flags.StringVar(&c.assertionFile, "assertion-file", env.Get("AZOIDC_ASSERTION_FILE"), "")
	flags.BoolVar(&c.DisableInstanceDiscovery, "disable-instance-discovery", env.IsTrue("AZOIDC_DISABLE_INSTANCE_DISCOVERY"), "")
}

// A Login is how a CI job signs in: as which application, by the OIDC tokens of which system.
type Login struct {
	System                   *ci.System   // nil outside CI
	Named                    *NamedSource // if there is one, it counts instead of the system
	TenantID, ClientID       string
	TenantFrom, ClientFrom   string // the flag, or the variables that were looked at
	ConnectionID, Audience   string
	RequestURL, requestToken string
	AuthorityHost            string // with a slash at its end
	disableInstanceDiscovery bool
	Client                   azcore.ClientOptions
}

// New is as the flags say, and env where they say nothing. Requests go as client says, but to the cloud that these name.
func New(env ci.Variables, flags Flags, client azcore.ClientOptions) Login {
	l := Login{
		System:                   ci.Detect(env.Get),
		Named:                    flags.namedSource(),
		ConnectionID:             flags.connectionID,
		Audience:                 flags.audience,
		AuthorityHost:            withSlash(flags.authorityHost),
		disableInstanceDiscovery: flags.DisableInstanceDiscovery,
	}
	named := ci.GitHubActions // outside CI, its variables are the ones to set
	if l.System != nil {
		named = l.System
		l.RequestURL, l.requestToken = env.Get(named.RequestURL), env.Get(named.RequestToken)
	}
	l.TenantID, l.TenantFrom = env.Unless("-tenant-id", flags.tenantID, named.TenantID)
	l.ClientID, l.ClientFrom = env.Unless("-client-id", flags.clientID, named.ClientID)
	l.Client = client
	l.Client.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: l.AuthorityHost}
	return l
}

func withSlash(host string) string {
	if host == "" {
		host = cloud.AzurePublic.ActiveDirectoryAuthorityHost
	}
	return strings.TrimRight(host, "/") + "/"
}

var errOutside = errors.New(ci.Outside())

// ExchangeAudience is what federated identity credentials hold in the authority host's cloud.
func (l *Login) ExchangeAudience() string {
	u, err := url.Parse(l.AuthorityHost)
	if err != nil {
		return advice.PublicAudience
	}
	return advice.ExchangeAudience(strings.ToLower(u.Host))
}

// Check names all that is missing.
func (l *Login) Check() error {
	if l.System == nil && l.Named == nil {
		return errOutside
	}
	return errors.Join(l.CheckRequest(), l.checkIdentity())
}

// CheckRequest is about what a request for an OIDC token takes.
func (l *Login) CheckRequest() error {
	if l.Named != nil {
		return l.Named.check(l.Audience)
	}
	if l.System == nil {
		return errOutside
	}
	var missing []string
	if l.RequestURL == "" {
		missing = append(missing, l.System.RequestURL)
	}
	if l.requestToken == "" {
		missing = append(missing, l.System.RequestToken)
	}
	if l.System.ConnectionID != "" && l.ConnectionID == "" {
		missing = append(missing, l.System.ConnectionID)
	}
	if slices.Contains(missing, l.System.ConnectionID) {
		return fmt.Errorf("%s: %s; -service-connection-id passes it", l.System.Name, l.System.Missing(missing...))
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: %s", l.System.Name, l.System.Missing(missing...))
	}
	if !l.System.ChoosesAudience && l.Audience != "" {
		return fmt.Errorf("%s: the audience can't be chosen, leave out -audience and AZOIDC_AUDIENCE: the system decides it", l.System.Name)
	}
	return l.checkLiterals()
}

// checkLiterals finds macros that nobody put a value in place of.
func (l *Login) checkLiterals() error {
	var found []error
	for _, setting := range [][2]string{
		{l.System.RequestURL, l.RequestURL}, {l.System.RequestToken, l.requestToken}, {l.System.ConnectionID, l.ConnectionID},
		{"-audience or AZOIDC_AUDIENCE", l.Audience},
	} {
		if literal := advice.Literal(setting[0], setting[1]); literal != "" {
			found = append(found, fmt.Errorf("%s: %s", l.System.Name, literal))
		}
	}
	return errors.Join(found...)
}

// checkIdentity is about the application.
func (l *Login) checkIdentity() error {
	var missing []error
	if l.TenantID == "" {
		missing = append(missing, fmt.Errorf("missing the tenant's ID: pass -tenant-id or set %s", l.TenantFrom))
	}
	if l.ClientID == "" {
		missing = append(missing, fmt.Errorf("missing the application's ID: pass -client-id or set %s", l.ClientFrom))
	}
	for _, problem := range []string{
		advice.TenantID(l.TenantFrom, l.TenantID), advice.ClientID(l.ClientFrom, l.ClientID), advice.Literal("AZURE_AUTHORITY_HOST", strings.TrimRight(l.AuthorityHost, "/")),
	} {
		if problem != "" {
			missing = append(missing, errors.New(problem))
		}
	}
	return errors.Join(missing...)
}

// Credential is for the application; Check has passed.
func (l *Login) Credential() (*azoidc.TokenCache, error) {
	options := azoidc.CredentialOptions{ClientOptions: l.Client, DisableInstanceDiscovery: l.disableInstanceDiscovery}
	if l.Named != nil {
		cred, err := azoidc.NewAssertionCredential(l.TenantID, l.ClientID, l.Named.assertion, &azoidc.AssertionCredentialOptions{CredentialOptions: options})
		if err != nil {
			return nil, err
		}
		return cred.TokenCache, nil
	}
	if l.System == ci.AzurePipelines {
		cred, err := azoidc.NewAzurePipelinesCredential(l.TenantID, l.ClientID, l.ConnectionID, l.requestToken,
			&azoidc.AzurePipelinesCredentialOptions{CredentialOptions: options, RequestURI: l.RequestURL})
		if err != nil {
			return nil, err
		}
		return cred.TokenCache, nil
	}
	cred, err := azoidc.NewGitHubActionsCredential(l.TenantID, l.ClientID, &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: options, Audience: l.Audience, RequestURL: l.RequestURL, RequestToken: l.requestToken,
	})
	if err != nil {
		return nil, err
	}
	return cred.TokenCache, nil
}

// Assertion requests the job's OIDC tokens; CheckRequest has passed.
func (l *Login) Assertion() azoidc.AssertionFunc { return l.assertionWith(l.Audience) }

// assertionWith has an audience of the caller's, where it can be chosen.
func (l *Login) assertionWith(audience string) azoidc.AssertionFunc {
	switch {
	case l.Named != nil:
		return l.Named.assertion
	case l.System == ci.AzurePipelines:
		return azoidc.AzurePipelinesAssertion(l.ConnectionID, l.requestToken,
			&azoidc.AzurePipelinesAssertionOptions{ClientOptions: l.Client, RequestURI: l.RequestURL})
	}
	return azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: l.Client, Audience: audience, RequestURL: l.RequestURL, RequestToken: l.requestToken,
	})
}
