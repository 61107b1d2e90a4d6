package azoidctest

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Leg is a group of the cloud's endpoints. Faults, latency and the record of requests are kept by leg.
type Leg int

const (
	Elsewhere                Leg = iota // no endpoint of the cloud; the answer is 404
	GitHubOIDC                          // where a GitHub job requests OIDC tokens
	AzureDevOpsOIDC                     // where an Azure Pipelines job requests OIDC tokens
	EntraInstanceDiscovery              // {authority}/common/discovery/instance
	EntraOpenIDConfiguration            // {authority}/{tenant}/v2.0/.well-known/openid-configuration, read by a client
	EntraToken                          // {authority}/{tenant}/oauth2/v2.0/token
	IssuerDocuments                     // issuers' discovery documents, read by Entra or a service, and all JWKS
	Services                            // see [Cloud.Service]
	legCount
)

var legNames = [legCount]string{
	"Elsewhere", "GitHubOIDC", "AzureDevOpsOIDC", "EntraInstanceDiscovery", "EntraOpenIDConfiguration", "EntraToken",
	"IssuerDocuments", "Services",
}

// String returns the name of the constant, or "Leg?" if there is none.
func (l Leg) String() string {
	if l < 0 || l >= legCount {
		return "Leg?"
	}
	return legNames[l]
}

// endpoints are URLs without a trailing slash, below which the parts of the cloud live.
type endpoints struct {
	gitHub       string // OIDC requests
	gitHubIssuer string
	devOps       string // OIDC requests
	devOpsIssuer string
	entra        string
	entraV1      string // the issuer of access tokens is {entraV1}/{tenant}/
	services     string // of services without a URL of their own
}

func newEndpoints(base string) endpoints {
	if base == "" {
		return endpoints{
			gitHub:       "https://run-actions-1-azure-eastus.actions.githubusercontent.com",
			gitHubIssuer: "https://token.actions.githubusercontent.com",
			devOps:       "https://dev.azure.com",
			devOpsIssuer: "https://vstoken.dev.azure.com",
			entra:        "https://login.microsoftonline.com",
			entraV1:      "https://sts.windows.net",
			services:     "https://services.azoidctest.example", // RFC 2606: no host of anybody's
		}
	}
	return endpoints{ // no tenant's name begins with an underscore
		gitHub:       base + "/_github/run",
		gitHubIssuer: base + "/_github/token",
		devOps:       base + "/_devops",
		devOpsIssuer: base + "/_vstoken",
		entra:        base,
		entraV1:      base,
		services:     base + "/_services",
	}
}

func (e endpoints) all() []string {
	return []string{e.gitHub, e.gitHubIssuer, e.devOps, e.devOpsIssuer, e.entra, e.entraV1, e.services}
}

// absolute returns the URL that the client meant, without its query. A server knows only host and path, and the host may be
// a proxy's: with a BaseURL, what is at no other host of the cloud is below that.
func (c *Cloud) absolute(r *http.Request) string {
	host := hostOf(r.Host)
	if base, err := url.Parse(c.options.BaseURL); err == nil && base.Host != "" && !c.serves(host) {
		host = base.Host
	}
	return "https://" + host + r.URL.Path
}

// route returns the endpoint for an absolute URL without a query.
func (c *Cloud) route(ctx context.Context, absolute string) (Leg, http.HandlerFunc) {
	if h := c.routeIssuer(absolute); h != nil {
		return IssuerDocuments, h
	}
	if job, ok := strings.CutPrefix(absolute, c.endpoints.gitHub+"/"); ok {
		return GitHubOIDC, c.serveGitHub(job)
	}
	if job, ok := strings.CutPrefix(absolute, c.endpoints.devOps+"/"); ok {
		return AzureDevOpsOIDC, c.servePipelines(job)
	}
	if h := c.atHost(splitHost(absolute)); h != nil {
		return Services, h
	}
	if s := c.serviceAt(absolute); s != nil {
		return Services, s.api.serveCaller
	}
	authority, path := c.splitAuthority(absolute)
	if authority == "" {
		return Elsewhere, nothing
	}
	leg, h := c.routeEntra(authority, path)
	if leg == EntraOpenIDConfiguration && isInternalRead(ctx) {
		leg = IssuerDocuments
	}
	return leg, h
}

// nothing answers at URLs of a server at which nothing is. A client in memory doesn't get so far.
func nothing(w http.ResponseWriter, r *http.Request) {
	http.Error(w, (&unservedError{r.Host + r.URL.Path}).Error(), http.StatusNotFound)
}

func (c *Cloud) routeIssuer(absolute string) http.HandlerFunc {
	c.mu.Lock()
	defer c.mu.Unlock()
	if url, ok := strings.CutSuffix(absolute, configurationPath); ok && c.issuers[url] != nil {
		return c.issuers[url].serveConfiguration
	}
	if url, ok := strings.CutSuffix(absolute, keysPath); ok && c.issuers[url] != nil {
		return c.issuers[url].serveKeys
	}
	return nil
}

// splitAuthority splits an Entra URL into the authority host's URL and the segments of the path. authority is empty if the
// URL isn't Entra's.
func (c *Cloud) splitAuthority(absolute string) (authority string, path []string) {
	if rest, ok := strings.CutPrefix(absolute, c.endpoints.entra+"/"); ok {
		return c.endpoints.entra, strings.Split(rest, "/")
	}
	host := splitHost(absolute)
	if entraCloud(host) == nil && !c.isRegional(host) {
		return "", nil
	}
	authority = "https://" + host
	return authority, strings.Split(strings.TrimPrefix(absolute, authority+"/"), "/")
}

// splitHost returns the host of an absolute URL.
func splitHost(absolute string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(absolute, "https://"), "/")
	return host
}

// Handle makes handler answer all requests to host. host is a host name without a port, such as "octo.azurecr.io", or
// a wildcard for all names below one, such as "*.azurecr.io". An exact name goes before a wildcard, and a longer
// wildcard before a shorter one. Handle replaces what the cloud itself serves at these names, for instance at
// management.azure.com. A nil handler ends that. The requests are recorded on the leg [Services].
//
// handler gets every request, whatever token it presents. To admit only requests with an access token, and to count
// them, give the host to a [Service]:
//
//	registry := cloud.Service("https://containerregistry.azure.net")
//	registry.Handle(handler)
//	cloud.Handle("octo.azurecr.io", registry)
//
// The names exist for [Cloud.Do] and for clients with [Server.ClientOptions] or [Server.Client]. Another process
// can't reach them. Handle panics if host is neither a name nor a wildcard, or belongs to Entra or a CI system; for
// those see [Cloud.Fail].
func (c *Cloud) Handle(host string, handler http.Handler) {
	host = strings.ToLower(host)
	if !hostPattern.MatchString(host) || net.ParseIP(host) != nil {
		panic("azoidctest: Handle: " + host + " is neither a host name nor a wildcard")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hosts[host] || entraCloud(host) != nil {
		panic("azoidctest: Handle: " + host + " belongs to Entra or a CI system; see Cloud.Fail")
	}
	if handler == nil {
		delete(c.handlers, host)
		return
	}
	c.handlers[host] = handler
}

var hostPattern = regexp.MustCompile(`^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$`)

// findHost returns the entry for the host's name, or else for the closest wildcard.
func findHost[T any](entries map[string]T, host string) (found T, ok bool) {
	if found, ok = entries[host]; ok {
		return found, true
	}
	for {
		_, parent, below := strings.Cut(host, ".")
		if !below {
			return found, false
		}
		if found, ok = entries["*."+parent]; ok {
			return found, true
		}
		host = parent
	}
}

// atHost returns what answers all requests to host: a handler of the test's, or one of Azure's services. It is nil if
// none does.
func (c *Cloud) atHost(host string) http.HandlerFunc {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := findHost(c.handlers, host); ok {
		return h.ServeHTTP
	}
	if a, ok := findHost(c.azure, host); ok {
		return a.serveOperations
	}
	return nil
}

// serves says whether the cloud has this host.
func (c *Cloud) serves(host string) bool {
	if entraCloud(host) != nil || c.isRegional(host) || c.atHost(host) != nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.hosts[host]
	return known
}

// isRegional returns true for a regional authority of the cloud's own host, such as eastus.127.0.0.1:8443: MSAL makes such
// a name if AZURE_REGIONAL_AUTHORITY_NAME is set.
func (c *Cloud) isRegional(host string) bool {
	entra, err := url.Parse(c.endpoints.entra)
	return err == nil && isRegionOf(host, entra.Host)
}

// isRegionOf returns true if host is one label and a dot before authority.
func isRegionOf(host, authority string) bool {
	region, ok := strings.CutSuffix(host, "."+authority)
	return ok && region != "" && !strings.Contains(region, ".")
}

// hostOf returns the host in its usual form: lower case, without https' own port.
func hostOf(host string) string {
	return strings.TrimSuffix(strings.ToLower(host), ":443")
}

// unservedError is what a client gets that asks for a host which the cloud doesn't have.
type unservedError struct{ host string }

func (e *unservedError) Error() string {
	return "azoidctest serves nothing at " + e.host + "; see Cloud.Handle"
}

// NonRetriable marks the error for azcore's retry policy, which would ask again for seconds.
func (*unservedError) NonRetriable() {}
