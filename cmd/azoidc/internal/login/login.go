// Package login is how a CI job signs in, by what flags and the environment say: as which application, by the OIDC tokens of which
// system, file or command. Programs that sign in by themselves read these tokens from a [TokenFile], which is kept fresh, and gone
// when this process is. [Examine] tries each step between a job and an access token: its [Diagnosis] is told as text, as JSON, as
// Markdown, and to the job itself.
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
	TenantID, ClientID string
	AuthorityHost      string // with a slash at its end
	Client             azcore.ClientOptions

	system                   *ci.System   // nil outside CI
	named                    *namedSource // if there is one, it counts instead of the system
	tenantFrom, clientFrom   string       // the flag, or the variables that were looked at
	connectionID, audience   string
	requestURL, requestToken string
	disableInstanceDiscovery bool
}

// New is as the flags say, and env where they say nothing. Requests go as client says, but to the cloud that these name.
func New(env ci.Variables, flags Flags, client azcore.ClientOptions) Login {
	l := Login{
		system:                   ci.Detect(env.Get),
		named:                    flags.namedSource(),
		connectionID:             flags.connectionID,
		audience:                 flags.audience,
		AuthorityHost:            withSlash(flags.authorityHost),
		disableInstanceDiscovery: flags.DisableInstanceDiscovery,
	}
	named := ci.GitHubActions // outside CI, its variables are the ones to set
	if l.system != nil {
		named = l.system
		l.requestURL, l.requestToken = env.Get(named.RequestURL), env.Get(named.RequestToken)
	}
	l.TenantID, l.tenantFrom = env.Unless("-tenant-id", flags.tenantID, named.TenantID)
	l.ClientID, l.clientFrom = env.Unless("-client-id", flags.clientID, named.ClientID)
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
	if l.system == nil && l.named == nil {
		return errOutside
	}
	return errors.Join(l.CheckRequest(), l.checkIdentity())
}

// CheckRequest is about what a request for an OIDC token takes.
func (l *Login) CheckRequest() error {
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
func (l *Login) checkLiterals() error {
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
func (l *Login) checkIdentity() error {
	var missing []error
	if l.TenantID == "" {
		missing = append(missing, fmt.Errorf("missing the tenant's ID: pass -tenant-id or set %s", l.tenantFrom))
	}
	if l.ClientID == "" {
		missing = append(missing, fmt.Errorf("missing the application's ID: pass -client-id or set %s", l.clientFrom))
	}
	for _, problem := range []string{
		advice.TenantID(l.tenantFrom, l.TenantID), advice.ClientID(l.clientFrom, l.ClientID), advice.Literal("AZURE_AUTHORITY_HOST", strings.TrimRight(l.AuthorityHost, "/")),
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
	if l.named != nil {
		cred, err := azoidc.NewAssertionCredential(l.TenantID, l.ClientID, l.named.assertion, &azoidc.AssertionCredentialOptions{CredentialOptions: options})
		if err != nil {
			return nil, err
		}
		return cred.TokenCache, nil
	}
	if l.system == ci.AzurePipelines {
		cred, err := azoidc.NewAzurePipelinesCredential(l.TenantID, l.ClientID, l.connectionID, l.requestToken,
			&azoidc.AzurePipelinesCredentialOptions{CredentialOptions: options, RequestURI: l.requestURL})
		if err != nil {
			return nil, err
		}
		return cred.TokenCache, nil
	}
	cred, err := azoidc.NewGitHubActionsCredential(l.TenantID, l.ClientID, &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: options, Audience: l.audience, RequestURL: l.requestURL, RequestToken: l.requestToken,
	})
	if err != nil {
		return nil, err
	}
	return cred.TokenCache, nil
}

// Assertion requests the job's OIDC tokens; CheckRequest has passed.
func (l *Login) Assertion() azoidc.AssertionFunc { return l.assertionWith(l.audience) }

// assertionWith has an audience of the caller's, where it can be chosen.
func (l *Login) assertionWith(audience string) azoidc.AssertionFunc {
	switch {
	case l.named != nil:
		return l.named.assertion
	case l.system == ci.AzurePipelines:
		return azoidc.AzurePipelinesAssertion(l.connectionID, l.requestToken,
			&azoidc.AzurePipelinesAssertionOptions{ClientOptions: l.Client, RequestURI: l.requestURL})
	}
	return azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: l.Client, Audience: audience, RequestURL: l.requestURL, RequestToken: l.requestToken,
	})
}
