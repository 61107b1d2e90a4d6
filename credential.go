package azoidc

import (
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// CredentialOptions are the options that all credentials of this package share. They are read by the constructor and
// never modified.
type CredentialOptions struct {
	// ClientOptions apply to both legs, the requests for assertions and those to Microsoft Entra. Retry counts
	// attempts of the whole exchange: each one requests an assertion of its own. MaxRetries below zero means a single
	// attempt. TryTimeout bounds each request; 0 means 30 seconds. Redirects are never followed and bodies never
	// logged, whatever Transport and Logging say.
	azcore.ClientOptions

	// AdditionallyAllowedTenants are the tenants beside the credential's own for which it may acquire tokens; "*"
	// allows any.
	AdditionallyAllowedTenants []string

	// Cache is a persistent cache to share tokens with other processes and instances, as in azidentity. Its zero value
	// means none: tokens are held in memory only.
	Cache azidentity.Cache

	// DisableInstanceDiscovery is for disconnected and private clouds: Microsoft Entra isn't asked whether it knows
	// the authority host. For its own well-known hosts it never is.
	DisableInstanceDiscovery bool

	// ReplicationTimeout bounds how long refusals are retried that a new federated identity credential causes until
	// all of Entra's servers know it (AADSTS70021, 700211, 700212, 700213). 0 means 5 seconds until the credential has
	// acquired its first token, 30 seconds afterwards; less than 0 means not at all.
	ReplicationTimeout time.Duration

	// TokenCache configures the cache in front of the credential.
	TokenCache TokenCacheOptions
}

// AssertionCredentialOptions are the options of [NewAssertionCredential].
type AssertionCredentialOptions struct {
	CredentialOptions
}

// AssertionCredential authenticates an application with assertions from any source. It is safe for concurrent use.
type AssertionCredential struct {
	*TokenCache
}

// NewAssertionCredential makes an AssertionCredential for the application clientID in tenantID; where they are empty,
// AZURE_CLIENT_ID and AZURE_TENANT_ID tell. Each attempt of an exchange calls assertion once, and once more when what it
// returned can't be presented. It makes no request and fails only for arguments that can't be right.
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
	x, err := newExchange("AssertionCredential", id, funcSource(assertion), redeemClientAssertion, &options.CredentialOptions)
	if err != nil {
		return nil, err
	}
	return &AssertionCredential{x.cached(&options.TokenCache)}, nil
}

// newExchange fails for options that azidentity can't use.
func newExchange(credential string, id identity, source assertionSource, redeem redeemer, options *CredentialOptions) (*exchange, error) {
	client := clientOptions(options.ClientOptions)
	client.PerCallPolicies = slices.Clone(client.PerCallPolicies)
	client.PerRetryPolicies = slices.Clone(client.PerRetryPolicies)
	x := &exchange{
		credential:  credential,
		identity:    id,
		source:      source,
		redeem:      redeem,
		retries:     newRetries(options.Retry),
		replication: options.ReplicationTimeout,
		options: azidentity.ClientAssertionCredentialOptions{
			ClientOptions:              client,
			AdditionallyAllowedTenants: slices.Clone(options.AdditionallyAllowedTenants),
			Cache:                      options.Cache,
			DisableInstanceDiscovery:   options.DisableInstanceDiscovery || resolveAuthorityHost(options.Cloud).trusted(),
		},
	}
	if len(id.missing) > 0 {
		return x, nil
	}
	_, err := redeem(id, StaticAssertion(""), &x.options)
	return x, err
}

// cached puts a cache in front of the exchange.
func (x *exchange) cached(options *TokenCacheOptions) *TokenCache {
	cache := NewTokenCache(x, options)
	cache.tenantID = x.identity.tenantID
	return cache
}

func redeemClientAssertion(id identity, assert AssertionFunc, options *azidentity.ClientAssertionCredentialOptions) (azcore.TokenCredential, error) {
	return azidentity.NewClientAssertionCredential(id.tenantID, id.clientID, assert, options)
}
