package azoidctest

import (
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Handle makes handler answer all requests to host: a host name such as "octo.azurecr.io", without a port, or a wildcard
// such as "*.azurecr.io" for all names below it. An exact name goes before a wildcard, and a longer wildcard before a
// shorter one. Handle replaces what the cloud itself serves at these names, for instance at management.azure.com. A nil
// handler ends that. The requests are recorded on the leg [Services].
//
// handler gets every request, whatever token it presents. To let only those in that hold an access token, and to count
// them, give the host to a [Service]:
//
//	registry := cloud.Service("https://containerregistry.azure.net")
//	registry.Handle(handler)
//	cloud.Handle("octo.azurecr.io", registry)
//
// The names exist for [Cloud.Do] and for clients with [Server.ClientOptions] or [Server.Client]; another process can't
// reach them. Handle panics if host is no such name, or belongs to Entra or a CI system; see [Cloud.Fail] for those.
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
