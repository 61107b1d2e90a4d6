package azoidctest

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

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

// entraHosts are the authority hosts that MSAL trusts without asking.
var entraHosts = map[string]bool{
	"login.microsoftonline.com":        true,
	"login.microsoft.com":              true,
	"login.windows.net":                true,
	"sts.windows.net":                  true,
	"login.microsoftonline.us":         true,
	"login.usgovcloudapi.net":          true,
	"login.partner.microsoftonline.cn": true,
	"login.chinacloudapi.cn":           true,
	"login.microsoftonline.de":         true,
}

// absolute is the URL a client meant, without its query. A server knows only host and path, and the host may be a
// proxy's: with a BaseURL, what is at no other host of the cloud is below that.
func (c *Cloud) absolute(r *http.Request) string {
	host := r.Host
	if base, err := url.Parse(c.options.BaseURL); err == nil && base.Host != "" && !c.resolves(host) {
		host = base.Host
	}
	return "https://" + host + r.URL.Path
}

// route finds the endpoint for an absolute URL without a query.
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
	if s := c.serviceAt(absolute); s != nil {
		return Services, s.serve
	}
	authority, path := c.splitAuthority(absolute)
	if authority == "" {
		return Elsewhere, http.NotFound
	}
	leg, h := c.routeEntra(authority, path)
	if leg == EntraOpenIDConfiguration && isInternalRead(ctx) {
		leg = IssuerDocuments
	}
	return leg, h
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

// splitAuthority splits an Entra URL in the authority host's URL and the path's segments; authority is empty when it
// isn't one.
func (c *Cloud) splitAuthority(absolute string) (authority string, path []string) {
	if rest, ok := strings.CutPrefix(absolute, c.endpoints.entra+"/"); ok {
		return c.endpoints.entra, strings.Split(rest, "/")
	}
	host, rest, _ := strings.Cut(strings.TrimPrefix(absolute, "https://"), "/")
	if !entraHosts[host] {
		return "", nil
	}
	return "https://" + host, strings.Split(rest, "/")
}

// resolves tells whether the name is one of the cloud's, in memory.
func (c *Cloud) resolves(host string) bool {
	if entraHosts[host] {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hosts[host]
}

type internalReadKey struct{}

// withInternalRead marks what Entra and the services read themselves: in memory it is told from what clients read, and
// isn't delayed.
func withInternalRead(ctx context.Context) context.Context {
	return context.WithValue(ctx, internalReadKey{}, true)
}

func isInternalRead(ctx context.Context) bool {
	return ctx.Value(internalReadKey{}) != nil
}
