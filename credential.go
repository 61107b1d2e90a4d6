package azoidc

import (
	"cmp"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/msal"
	"github.com/azoidc/azoidc/internal/outbound"
	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/internal/retry"
)

// CredentialOptions are the options that all credentials of this package have in common. Constructors copy them and
// never modify them.
//
// Several tenants and other clouds: https://github.com/azoidc/azoidc/blob/main/docs/several-tenants.md
type CredentialOptions struct {
	// ClientOptions apply to both legs: to the requests for assertions and to the requests to Microsoft Entra.
	//
	//   - Retry counts attempts of the whole exchange, each with an assertion of its own. MaxRetries below 0 means a
	//     single attempt. TryTimeout bounds each request; 0 means 30 seconds. The request after one that timed out
	//     uses another connection.
	//   - Transport and Logging: redirects are never followed, and neither bodies nor Authorization headers are ever
	//     logged, whatever these say.
	//   - Cloud names the authority host. If it names none, the constructor reads AZURE_AUTHORITY_HOST.
	//
	// As with azidentity, AZURE_REGIONAL_AUTHORITY_NAME or else MSAL_FORCE_REGION, for example westeurope, sends the
	// requests for tokens to Entra in that region. This takes no further round trip, except with TryAutoDetect: then
	// MSAL takes the region from REGION_NAME, or asks the machine's metadata service before each exchange.
	azcore.ClientOptions

	// AdditionallyAllowedTenants are the tenants, besides its own, for which the credential may acquire tokens. "*"
	// allows any tenant.
	AdditionallyAllowedTenants []string

	// Cache is a persistent cache, as in azidentity. Processes, and the credentials of one process, share tokens by
	// it. Its zero value means none: tokens are held in memory only.
	//
	// All tokens that a process acquires are stored, including those that it acquires at the same time. If two
	// processes store tokens at the same moment, one of the tokens may get lost, as with azidentity, and is acquired
	// again. A token that can't be stored is served all the same; azcore's log then says why.
	//
	// [TokenCache.Invalidate] also forgets stored tokens. It can't reach what other processes already hold in memory.
	Cache azidentity.Cache

	// DisableInstanceDiscovery, if true, keeps the credential from asking Microsoft Entra whether it knows the
	// authority host. It is for disconnected and private clouds. About Entra's own well-known hosts, a credential
	// never asks.
	DisableInstanceDiscovery bool

	// ReplicationTimeout bounds the time for which an exchange is tried again after Entra refused it with
	// AADSTS70021, 700211, 700212 or 700213. Entra refuses so while some of its servers don't know a new federated
	// identity credential yet. 0 means 5 seconds until the credential has acquired its first token, and 30 seconds
	// afterwards. A negative value means that it isn't tried again.
	ReplicationTimeout time.Duration

	// TokenCache configures the cache in front of the credential.
	TokenCache TokenCacheOptions
}

// AssertionCredentialOptions are the options of [NewAssertionCredential].
type AssertionCredentialOptions struct {
	CredentialOptions
}

// AssertionCredential authenticates an application with assertions from any source. It is safe for concurrent use.
//
// Moving from azidentity.ClientAssertionCredential: https://github.com/azoidc/azoidc/blob/main/docs/from-clientassertioncredential.md
type AssertionCredential struct {
	*TokenCache
}

// NewAssertionCredential makes an AssertionCredential for the application clientID in the tenant tenantID. Empty
// values are read from AZURE_CLIENT_ID and AZURE_TENANT_ID. options may be nil.
//
// Each attempt of an exchange calls assertion once. It calls it once more if what it returned is no JWT or has
// expired, because Entra would only refuse that.
//
// NewAssertionCredential makes no request. It returns an error if an argument or a value from the environment can't
// be right. If a value is missing, GetToken says so, with a credential-unavailable error.
func NewAssertionCredential(tenantID, clientID string, assertion AssertionFunc, options *AssertionCredentialOptions) (*AssertionCredential, error) {
	if assertion == nil {
		return nil, errNoAssertionFunc
	}
	if options == nil {
		options = &AssertionCredentialOptions{}
	}
	id, err := resolveIdentity(tenantID, clientID, []string{"AZURE_TENANT_ID"}, []string{"AZURE_CLIENT_ID"})
	if err != nil {
		return nil, err
	}
	x, err := newExchange("AssertionCredential", id, funcSource(assertion), redeemClientAssertion, options.own())
	if err != nil {
		return nil, err
	}
	return &AssertionCredential{x.cached(&options.TokenCache)}, nil
}

// own returns a credential's own copy of the options, to read later whatever becomes of the caller's and the environment.
func (o *CredentialOptions) own() CredentialOptions {
	own := *o
	own.ClientOptions = clientOptions(o.ClientOptions)
	own.AdditionallyAllowedTenants = slices.Clone(o.AdditionallyAllowedTenants)
	return own
}

// newExchange fails for options that azidentity can't use.
func newExchange(credential string, id identity, source assertionSource, redeem redeemer, options CredentialOptions) (*exchange, error) {
	if err := wrong(advice.Literal("AZURE_AUTHORITY_HOST", options.Cloud.ActiveDirectoryAuthorityHost)); err != nil {
		return nil, err
	}
	x := &exchange{
		credential:  credential,
		identity:    id,
		source:      source,
		redeem:      redeem,
		retries:     retry.New(options.Retry),
		replication: options.ReplicationTimeout,
		documents:   documentsFor(&options.ClientOptions),
		options: azidentity.ClientAssertionCredentialOptions{
			ClientOptions:              options.ClientOptions,
			AdditionallyAllowedTenants: options.AdditionallyAllowedTenants,
			Cache:                      options.Cache,
			DisableInstanceDiscovery:   options.DisableInstanceDiscovery || hostOf(options.Cloud).trusted(),
		},
	}
	if len(id.missing) > 0 {
		return x, nil
	}
	_, err := redeem(id, StaticAssertion(""), &x.options)
	return x, redact.Error(err)
}

// documentsFor returns the documents of the process where no option of the caller's has a part in the requests for them.
func documentsFor(o *azcore.ClientOptions) *msal.Documents {
	if outbound.IsDefault(o.Transport) && len(o.PerCallPolicies)+len(o.PerRetryPolicies) == 0 {
		return &msal.SharedDocuments
	}
	return &msal.Documents{}
}

// cached puts a cache in front of the exchange.
func (x *exchange) cached(options *TokenCacheOptions) *TokenCache {
	x.refreshBefore = options.RefreshBefore
	return newTokenCache(x, x.identity.tenantID, options)
}

func redeemClientAssertion(id identity, assert AssertionFunc, options *azidentity.ClientAssertionCredentialOptions) (azcore.TokenCredential, error) {
	return azidentity.NewClientAssertionCredential(id.tenantID, id.clientID, assert, options)
}

// An identity is the application in its tenant that a credential authenticates.
type identity struct {
	tenantID, clientID string
	// missing is what neither the caller nor the environment gave.
	missing []ci.Lack
}

// resolveIdentity takes what the caller left empty from the first of the environment variables that is set.
func resolveIdentity(tenantID, clientID string, tenantVariables, clientVariables []string) (identity, error) {
	var id identity
	tenant := id.resolve("the argument tenantID", tenantID, tenantVariables)
	client := id.resolve("the argument clientID", clientID, clientVariables)
	id.tenantID, id.clientID = tenant.value, client.value
	return id, errors.Join(wrong(advice.TenantID(tenant.from, tenant.value)), wrong(advice.ClientID(client.from, client.value)))
}

// A name is a tenant's or an application's ID, and where it's from.
type name struct{ from, value string }

// wrong is the error of problem, if there is one.
func wrong(problem string) error {
	if problem == "" {
		return nil
	}
	return errors.New("azoidc: " + problem)
}

func (id *identity) resolve(what, value string, variables []string) name {
	if value = strings.TrimSpace(value); value != "" {
		return name{what, value}
	}
	for _, variable := range variables {
		if value = environment(variable); value != "" {
			return name{variable, value}
		}
	}
	setting := variables[0]
	if len(variables) > 1 {
		setting += " (or " + strings.Join(variables[1:], " or ") + ")"
	}
	id.missing = append(id.missing, ci.Lack{Setting: setting,
		Remedy: "set the application's tenant ID and client ID, or pass them to the credential's constructor"})
	return name{}
}

// environment reads a variable without the white space that pasted secrets end in.
func environment(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// unavailable makes the error by which a chain recognizes that a credential's source isn't here.
func unavailable(credential, problem string) error {
	return azidentity.NewCredentialUnavailableError(credential + ": " + problem)
}

// An authorityHost is the lower-case host, with its port, of the Microsoft Entra authority that a credential talks to.
type authorityHost string

// resolveCloud follows azidentity: the caller's cloud, then AZURE_AUTHORITY_HOST, then the public cloud. A cloud with
// services but no authority host is left for azidentity to refuse.
func resolveCloud(configuration cloud.Configuration) cloud.Configuration {
	if configuration.ActiveDirectoryAuthorityHost == "" && len(configuration.Services) == 0 {
		configuration.ActiveDirectoryAuthorityHost = cmp.Or(environment("AZURE_AUTHORITY_HOST"), cloud.AzurePublic.ActiveDirectoryAuthorityHost)
	}
	return configuration
}

// hostOf takes what [resolveCloud] returned; an address that is none has no host.
func hostOf(configuration cloud.Configuration) authorityHost {
	u, err := url.Parse(configuration.ActiveDirectoryAuthorityHost)
	if err != nil {
		return ""
	}
	return authorityHost(strings.ToLower(u.Host))
}

// trusted holds for the hosts that MSAL knows to be Microsoft's, for which asking login.microsoftonline.com whether it
// knows them adds a round trip and nothing else.
// https://github.com/AzureAD/microsoft-authentication-library-for-go/blob/v1.10.1/apps/internal/oauth/ops/authority/authority.go
func (h authorityHost) trusted() bool {
	switch h {
	case "login.microsoftonline.com", "login.microsoft.com", "login.windows.net", "sts.windows.net",
		"login.microsoftonline.us", "login.usgovcloudapi.net", "login-us.microsoftonline.com",
		"login.partner.microsoftonline.cn", "login.chinacloudapi.cn",
		"login.microsoftonline.de",
		"login.sovcloud-identity.fr", "login.sovcloud-identity.de", "login.sovcloud-identity.sg":
		return true
	}
	return false
}

// audience is that of federated identity credentials in the host's cloud.
func (h authorityHost) audience() string { return advice.ExchangeAudience(string(h)) }
