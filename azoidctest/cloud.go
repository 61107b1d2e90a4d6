package azoidctest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	defaultTenantID = "72f9a3c1-6d0e-4b8a-9f52-3c1d5e7a9b10"
	defaultClientID = "4c8e1b7d-2f36-49a5-8d0c-6b9f1e3a5d72"

	defaultTolerance = 5 * time.Minute
)

// Options of a [Cloud]. The zero value of each field means the default that its comment names.
type Options struct {
	// BaseURL is the https URL at which an HTTP server serves the cloud; every endpoint then lives below it. It should
	// have no path, because MSAL takes the first segment of an authority's path for the tenant. If BaseURL is empty, the
	// endpoints have their public names (login.microsoftonline.com, token.actions.githubusercontent.com, …) and are
	// reached in memory, see [Cloud.Do].
	BaseURL string

	// TenantID is the ID of Entra's tenant, and ClientID the ID of its default application. Both are GUIDs. If they are
	// empty, fixed GUIDs are used.
	TenantID, ClientID string

	// AdditionalTenants are the IDs of tenants that know the cloud's applications too, as a tenant does in which somebody
	// consented to a multi-tenant application.
	AdditionalTenants []string

	// Resources are the resources that exist in the tenant, besides the audiences of [Cloud.Service]. A token for any
	// other resource is refused with AADSTS500011. If Resources is nil, every resource exists.
	Resources []string

	// AssertionLifetime is the time from the issue of an OIDC token to its expiry, in whole seconds. If it is 0, tokens
	// live as long as those of the real issuers: 5 minutes for GitHub; 5 minutes and 24 h 5 min for the two kinds of
	// Azure DevOps.
	AssertionLifetime time.Duration

	// AccessTokenLifetime is the time from the issue of an access token to its expiry, in whole seconds. If it is 0, each
	// token gets a random lifetime between 60 and 90 minutes, as Entra does it, see
	// https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime.
	AccessTokenLifetime time.Duration

	// RefreshIn is sent as refresh_in with each access token, in whole seconds. If it is 0, no refresh_in is sent.
	RefreshIn time.Duration

	// ClockTolerance is how long after exp, and how long before nbf, Entra still accepts an assertion. 0 means 5 minutes;
	// a negative value means no tolerance.
	ClockTolerance time.Duration

	// IssuerTransport carries the requests by which Entra and the services read issuers' documents, for instance an
	// *http.Client. If it is nil, they are read from the cloud itself, in memory.
	IssuerTransport policy.Transporter

	// KeyBits is the size of the RSA keys in bits. 0 means 2048, the size of the real ones: these keys are in this package,
	// and so nobody's secret. Keys of other sizes are made at random. Large simulations sign faster with 1024.
	KeyBits int
}

// withDefaults returns a copy of o, which may be nil, with the defaults filled in. It panics if o is invalid: that is a
// bug in a test.
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
		options.KeyBits = usualBits
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

// Cloud is GitHub, Azure DevOps, Entra and some services, as a CI job sees them. It is an [http.Handler] and, in
// memory, a policy.Transporter. All methods of a Cloud are safe for concurrent use, and so are those of the jobs,
// applications and services that it makes.
type Cloud struct {
	options   Options // constant
	endpoints endpoints
	journal   journal
	ciKeys    *publishedKeys // of the CI issuers, as Entra reads them
	entraKeys *publishedKeys // of Entra, as the services and Entra itself read them
	sequence  atomic.Uint64  // of access tokens issued

	mu           sync.Mutex // guards what follows, is never held over a wait
	settings     settings
	legs         [legCount]legState
	hosts        map[string]bool         // true: of Entra or a CI system; false: of a service
	handlers     map[string]http.Handler // of the test's, by host name or wildcard
	azure        map[string]*api         // Azure's services, by host name or wildcard; constant
	apis         []*api                  // the same, those of the public cloud first
	issuers      map[string]*ciIssuer    // by URL
	applications map[string]*Application // by lower-case client ID
	gitHubJobs   map[string]*GitHubJob   // by path
	agents       map[string]*agent       // of Azure Pipelines, by path
	services     []*Service
}

// settings can be changed while the cloud runs.
type settings struct {
	assertionLifetime, accessTokenLifetime, refreshIn, clockTolerance time.Duration
}

// New makes a cloud with one application, which has no federated credential yet. options may be nil and is not modified.
// New panics if options are invalid.
func New(options *Options) *Cloud {
	o := options.withDefaults()
	c := &Cloud{
		options:      o,
		endpoints:    newEndpoints(o.BaseURL),
		hosts:        map[string]bool{},
		handlers:     map[string]http.Handler{},
		azure:        map[string]*api{},
		issuers:      map[string]*ciIssuer{},
		applications: map[string]*Application{},
		gitHubJobs:   map[string]*GitHubJob{},
		agents:       map[string]*agent{},
		settings: settings{
			assertionLifetime:   o.AssertionLifetime,
			accessTokenLifetime: o.AccessTokenLifetime,
			refreshIn:           o.RefreshIn,
			clockTolerance:      o.ClockTolerance,
		},
	}
	c.ciKeys, c.entraKeys = &publishedKeys{transport: c}, &publishedKeys{transport: c}
	if o.IssuerTransport != nil {
		c.ciKeys.transport, c.entraKeys.transport = o.IssuerTransport, o.IssuerTransport
	}
	for _, endpoint := range c.endpoints.all() {
		c.addHost(endpoint, endpoint != c.endpoints.services)
	}
	c.addAzure()
	c.Register(o.ClientID)
	return c
}

// TenantID returns the ID of the tenant of the cloud's Entra.
func (c *Cloud) TenantID() string { return c.options.TenantID }

// ClientID returns the client ID of the default application.
func (c *Cloud) ClientID() string { return c.options.ClientID }

// Configuration returns a configuration that names the cloud's authority host, by a URL that ends with a slash, as in
// azcore's own configurations. If the cloud has no BaseURL, the configuration has the services of the public cloud,
// too.
func (c *Cloud) Configuration() cloud.Configuration {
	configuration := cloud.Configuration{ActiveDirectoryAuthorityHost: c.endpoints.entra + "/"}
	if c.options.BaseURL == "" {
		configuration.Services = cloud.AzurePublic.Services
	}
	return configuration
}

// ClientOptions returns options with which Azure SDK clients use the cloud in memory. If the cloud has a BaseURL,
// MSAL asks login.microsoftonline.com whether it may trust the authority host, unless DisableInstanceDiscovery is
// set. [Cloud.Do] answers that request, too.
func (c *Cloud) ClientOptions() azcore.ClientOptions {
	return azcore.ClientOptions{Transport: c, Cloud: c.Configuration()}
}

// SetAssertionLifetime changes [Options].AssertionLifetime for the OIDC tokens that are issued from now on.
func (c *Cloud) SetAssertionLifetime(d time.Duration) {
	c.set(func(s *settings) { s.assertionLifetime = d })
}

// SetAccessTokenLifetime changes [Options].AccessTokenLifetime for the access tokens that are issued from now on.
func (c *Cloud) SetAccessTokenLifetime(d time.Duration) {
	c.set(func(s *settings) { s.accessTokenLifetime = d })
}

// SetRefreshIn changes [Options].RefreshIn for the access tokens that are issued from now on.
func (c *Cloud) SetRefreshIn(d time.Duration) {
	c.set(func(s *settings) { s.refreshIn = d })
}

// SetClockTolerance changes [Options].ClockTolerance for the assertions that are presented from now on.
func (c *Cloud) SetClockTolerance(d time.Duration) {
	c.set(func(s *settings) { s.clockTolerance = d })
}

func (c *Cloud) set(change func(*settings)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.settings)
}

func (c *Cloud) current() settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settings
}

func (s settings) tolerance() time.Duration {
	switch {
	case s.clockTolerance == 0:
		return defaultTolerance
	case s.clockTolerance < 0:
		return 0
	}
	return s.clockTolerance
}

func (c *Cloud) knowsTenant(id string) bool {
	return strings.EqualFold(id, c.options.TenantID) ||
		slices.ContainsFunc(c.options.AdditionalTenants, func(other string) bool { return strings.EqualFold(id, other) })
}

// addHost makes the URL's host one of the cloud's. c.mu is held, or c isn't shared yet.
func (c *Cloud) addHost(endpoint string, reserved bool) {
	if u, err := url.Parse(endpoint); err == nil {
		host := hostOf(u.Host)
		c.hosts[host] = c.hosts[host] || reserved
	}
}
