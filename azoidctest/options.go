package azoidctest

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	defaultTenantID = "72f9a3c1-6d0e-4b8a-9f52-3c1d5e7a9b10"
	defaultClientID = "4c8e1b7d-2f36-49a5-8d0c-6b9f1e3a5d72"

	defaultTolerance = 5 * time.Minute
)

// Options of a [Cloud]. The zero value of each field is a documented default.
type Options struct {
	// BaseURL is where the cloud is reached, an https URL, for a cloud that is served by an HTTP server; every endpoint
	// then lives below it. MSAL takes the first segment of an authority's path for the tenant, so it should have no
	// path. Empty: the endpoints have their public names (login.microsoftonline.com,
	// token.actions.githubusercontent.com, …), for use in memory, see [Cloud.Do].
	BaseURL string

	// TenantID is Entra's tenant, ClientID its default application; GUIDs. Empty: fixed ones.
	TenantID, ClientID string

	// AdditionalTenants also know the cloud's applications, as tenants do in which a multi-tenant application was
	// consented to.
	AdditionalTenants []string

	// Resources are the resources that exist in the tenant, besides those of [Cloud.Service]; a token for any other is
	// refused with AADSTS500011. Nil: every resource exists.
	Resources []string

	// AssertionLifetime is the time from an OIDC token's issue to its expiry, in whole seconds. 0: what the real
	// issuers give,
	// 5 minutes for GitHub; 5 minutes and 24 h 5 min for the two kinds of Azure DevOps.
	AssertionLifetime time.Duration

	// AccessTokenLifetime is that of Entra's access tokens, in whole seconds. 0: at random between 60 and 90 minutes,
	// as Entra does, see https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime.
	AccessTokenLifetime time.Duration

	// RefreshIn is sent with each access token as refresh_in, in whole seconds. 0: it isn't sent.
	RefreshIn time.Duration

	// ClockTolerance is how far past exp, or before nbf, Entra takes an assertion. 0: 5 minutes; negative: none.
	ClockTolerance time.Duration

	// IssuerTransport is how Entra and the services read issuers' documents, an *http.Client for instance. Nil: the
	// cloud itself, in memory.
	IssuerTransport policy.Transporter

	// KeyBits is the size of the RSA keys. 0: 2048. Large simulations sign faster with 1024.
	KeyBits int
}

// withDefaults is a copy of o, which may be nil, in which the defaults stand. It panics when o can't be meant: that is
// a bug in a test.
func (o *Options) withDefaults() Options {
	options := Options{}
	if o != nil {
		options = *o
	}
	if options.TenantID == "" {
		options.TenantID = defaultTenantID
	}
	if options.ClientID == "" {
		options.ClientID = defaultClientID
	}
	if options.KeyBits == 0 {
		options.KeyBits = 2048
	}
	options.BaseURL = strings.TrimRight(options.BaseURL, "/")
	if err := options.validate(); err != nil {
		panic("azoidctest: " + err.Error())
	}
	return options
}

func (o *Options) validate() error {
	for _, id := range append([]string{o.TenantID, o.ClientID}, o.AdditionalTenants...) {
		if _, ok := parseGUID(id); !ok {
			return fmt.Errorf("Options: %q is no GUID", id)
		}
	}
	if o.BaseURL == "" {
		return nil
	}
	base, err := url.Parse(o.BaseURL)
	if err != nil {
		return fmt.Errorf("Options.BaseURL: %w", err)
	}
	if base.Scheme != "https" || base.Host == "" || base.RawQuery != "" || base.Fragment != "" {
		return fmt.Errorf("Options.BaseURL: %q is no https URL without a query", o.BaseURL)
	}
	return nil
}
