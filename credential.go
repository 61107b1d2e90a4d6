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
	cache, err := newCredentialCache("AssertionCredential", id, funcSource(assertion), &options.CredentialOptions)
	if err != nil {
		return nil, err
	}
	return &AssertionCredential{cache}, nil
}

// newCredentialCache makes the exchange of a credential and the cache in front of it.
func newCredentialCache(credential string, id identity, source assertionSource, options *CredentialOptions) (*TokenCache, error) {
	x := newExchange(credential, id, source, options)
	x.redeem = redeemClientAssertion
	return x.cached(options)
}

// cached puts a cache in front of the exchange, after a trial that reports options azidentity can't use.
func (x *exchange) cached(options *CredentialOptions) (*TokenCache, error) {
	if len(x.identity.missing) == 0 {
		if _, err := x.redeem(x.identity, StaticAssertion(""), &x.options); err != nil {
			return nil, err
		}
	}
	cache := NewTokenCache(x, &options.TokenCache)
	cache.tenantID = x.identity.tenantID
	return cache, nil
}

func newExchange(credential string, id identity, source assertionSource, options *CredentialOptions) *exchange {
	client := clientOptions(options.ClientOptions)
	client.PerCallPolicies = slices.Clone(client.PerCallPolicies)
	client.PerRetryPolicies = slices.Clone(client.PerRetryPolicies)
	return &exchange{
		credential:  credential,
		identity:    id,
		source:      source,
		retries:     newRetries(options.Retry),
		replication: options.ReplicationTimeout,
		options: azidentity.ClientAssertionCredentialOptions{
			ClientOptions:              client,
			AdditionallyAllowedTenants: slices.Clone(options.AdditionallyAllowedTenants),
			Cache:                      options.Cache,
			DisableInstanceDiscovery:   options.DisableInstanceDiscovery || resolveAuthorityHost(options.Cloud).trusted(),
		},
	}
}

func redeemClientAssertion(id identity, assert AssertionFunc, options *azidentity.ClientAssertionCredentialOptions) (azcore.TokenCredential, error) {
	return azidentity.NewClientAssertionCredential(id.tenantID, id.clientID, assert, options)
}
