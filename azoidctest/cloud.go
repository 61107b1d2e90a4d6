package azoidctest

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
)

// Cloud is GitHub, Azure DevOps, Entra and some services, as seen from a CI job. It is an [net/http.Handler] and, in
// memory, a policy.Transporter. All its methods, and those of the jobs, applications and services it makes, are safe
// for concurrent use.
type Cloud struct {
	options   Options // constant
	endpoints endpoints
	journal   journal
	federated *keyReader    // Entra's, of the issuers that applications trust
	relied    *keyReader    // the services' and Entra's, of Entra itself
	sequence  atomic.Uint64 // of access tokens issued

	mu           sync.Mutex // guards what follows, is never held over a wait
	settings     settings
	legs         [legCount]legState
	hosts        map[string]bool
	issuers      map[string]*issuer
	applications map[string]*Application // by lower-case client ID
	gitHubJobs   map[string]*GitHubJob   // by path
	agents       map[string]*agent       // of Azure Pipelines, by path
	services     []*Service
}

// settings can be changed while the cloud runs.
type settings struct {
	assertionLifetime, accessTokenLifetime, refreshIn, clockTolerance time.Duration
}

// New makes a cloud with one application, to which no federated credential belongs yet. options may be nil. It panics
// when they contradict themselves.
func New(options *Options) *Cloud {
	o := options.withDefaults()
	c := &Cloud{
		options:      o,
		endpoints:    newEndpoints(o.BaseURL),
		hosts:        map[string]bool{},
		issuers:      map[string]*issuer{},
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
	c.federated, c.relied = &keyReader{transport: c}, &keyReader{transport: c}
	if o.IssuerTransport != nil {
		c.federated.transport, c.relied.transport = o.IssuerTransport, o.IssuerTransport
	}
	for _, endpoint := range c.endpoints.all() {
		c.addHost(endpoint)
	}
	c.Register(o.ClientID)
	return c
}

// TenantID is the tenant of the cloud's Entra.
func (c *Cloud) TenantID() string { return c.options.TenantID }

// ClientID is that of the default application.
func (c *Cloud) ClientID() string { return c.options.ClientID }

// Configuration names the cloud's authority host, with a path separator at its end, as azcore's own configurations do.
// In memory its services are those of the public cloud.
func (c *Cloud) Configuration() cloud.Configuration {
	configuration := cloud.Configuration{ActiveDirectoryAuthorityHost: c.endpoints.entra + "/"}
	if c.options.BaseURL == "" {
		configuration.Services = cloud.AzurePublic.Services
	}
	return configuration
}

// ClientOptions make Azure SDK clients use the cloud in memory. With a BaseURL, MSAL asks login.microsoftonline.com
// about the authority host unless DisableInstanceDiscovery is set; [Cloud.Do] answers that too.
func (c *Cloud) ClientOptions() azcore.ClientOptions {
	return azcore.ClientOptions{Transport: c, Cloud: c.Configuration()}
}

// SetAssertionLifetime changes [Options].AssertionLifetime for OIDC tokens issued from now on.
func (c *Cloud) SetAssertionLifetime(d time.Duration) {
	c.set(func(s *settings) { s.assertionLifetime = d })
}

// SetAccessTokenLifetime changes [Options].AccessTokenLifetime for access tokens issued from now on.
func (c *Cloud) SetAccessTokenLifetime(d time.Duration) {
	c.set(func(s *settings) { s.accessTokenLifetime = d })
}

// SetRefreshIn changes [Options].RefreshIn for access tokens issued from now on.
func (c *Cloud) SetRefreshIn(d time.Duration) {
	c.set(func(s *settings) { s.refreshIn = d })
}

// SetClockTolerance changes [Options].ClockTolerance.
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

// addHost makes the URL's host one that resolves, in memory. c.mu is held, or c isn't shared yet.
func (c *Cloud) addHost(endpoint string) {
	if u, err := url.Parse(endpoint); err == nil {
		c.hosts[u.Host] = true
	}
}
