package azoidctest

import (
	"net/http"
	"net/url"
	"strings"
)

// issuerV2 returns the tenant's issuer at an authority, as in https://login.microsoftonline.com/{tenant}/v2.0. It is the same
// for all hosts of a cloud.
func (c *Cloud) issuerV2(authority, tenant string) string {
	host := splitHost(authority)
	if a := entraCloud(host); a != nil {
		authority = "https://" + a.authorities[0]
	} else if c.isRegional(host) {
		authority = c.endpoints.entra
	}
	return authority + "/" + strings.ToLower(tenant) + "/v2.0"
}

// issuerV1 returns the issuer of the tenant's access tokens for Azure's services, as in https://sts.windows.net/{tenant}/.
func (c *Cloud) issuerV1(tenant string) string {
	return c.endpoints.entraV1 + "/" + strings.ToLower(tenant) + "/"
}

func (c *Cloud) entraSigningKey() *signingKey {
	return signingKeyOf("Entra", c.options.KeyBits)
}

// routeEntra returns the endpoint for a path below an authority host.
func (c *Cloud) routeEntra(authority string, path []string) (Leg, http.HandlerFunc) {
	tenant, endpoint := path[0], strings.Join(path[1:], "/")
	switch endpoint {
	case "discovery/instance":
		return EntraInstanceDiscovery, c.serveInstanceDiscovery
	case "v2.0/.well-known/openid-configuration":
		return EntraOpenIDConfiguration, func(w http.ResponseWriter, r *http.Request) {
			c.serveOpenIDConfiguration(w, r, authority, tenant, c.issuerV2(authority, tenant))
		}
	case ".well-known/openid-configuration":
		return EntraOpenIDConfiguration, func(w http.ResponseWriter, r *http.Request) {
			c.serveOpenIDConfiguration(w, r, authority, tenant, c.issuerV1(tenant))
		}
	case "discovery/v2.0/keys", "discovery/keys":
		return IssuerDocuments, func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusOK, jwks{Keys: []jwk{c.entraSigningKey().public()}})
		}
	case "oauth2/v2.0/token":
		return EntraToken, func(w http.ResponseWriter, r *http.Request) { c.serveToken(w, r, authority, tenant) }
	}
	return Elsewhere, nothing
}

// knownCloud is one cloud in an answer to instance discovery.
type knownCloud struct {
	Network string   `json:"preferred_network"`
	Cache   string   `json:"preferred_cache"`
	Aliases []string `json:"aliases"`
}

// clouds returns those that Entra names in every answer.
func clouds() []knownCloud {
	return []knownCloud{
		{"login.microsoftonline.com", "login.windows.net", []string{
			"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net",
		}},
		{"login.partner.microsoftonline.cn", "login.partner.microsoftonline.cn", []string{
			"login.partner.microsoftonline.cn", "login.chinacloudapi.cn",
		}},
		{"login.microsoftonline.de", "login.microsoftonline.de", []string{"login.microsoftonline.de"}},
		{"login.microsoftonline.us", "login.microsoftonline.us", []string{"login.microsoftonline.us", "login.usgovcloudapi.net"}},
	}
}

// serveInstanceDiscovery says whether an authority host can be trusted: Entra's hosts and the cloud's own can.
func (c *Cloud) serveInstanceDiscovery(w http.ResponseWriter, r *http.Request) {
	asked, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
	own, _ := url.Parse(c.endpoints.entra)
	if err != nil || asked.Scheme != "https" || asked.Host != own.Host && entraCloud(asked.Host) == nil {
		refuse(50049).write(w, r)
		return
	}
	known := clouds()
	if entraCloud(own.Host) == nil {
		known = append(known, knownCloud{own.Host, own.Host, []string{own.Host}})
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(asked.Path, "/"), "/")
	writeJSON(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": "https://" + asked.Host + "/" + tenant + "/v2.0" + configurationPath,
		"api-version":               "1.1",
		"metadata":                  known,
	})
}

func (c *Cloud) serveOpenIDConfiguration(w http.ResponseWriter, r *http.Request, authority, tenant, issuer string) {
	if refused := c.checkTenant(tenant); refused != nil {
		refused.kind = "invalid_tenant"
		refused.write(w, r)
		return
	}
	base := authority + "/" + tenant
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                issuer,
		"authorization_endpoint":                base + "/oauth2/v2.0/authorize",
		"token_endpoint":                        base + "/oauth2/v2.0/token",
		"device_authorization_endpoint":         base + "/oauth2/v2.0/devicecode",
		"jwks_uri":                              base + "/discovery/v2.0/keys",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"tenant_region_scope":                   "WW",
		"cloud_instance_name":                   "microsoftonline.com",
	})
}

// checkTenant refuses what is neither an ID nor a domain, and tenants that the cloud doesn't have.
func (c *Cloud) checkTenant(tenant string) *refusal {
	if c.knowsTenant(tenant) {
		return nil
	}
	if _, ok := parseGUID(tenant); ok || isDomain(tenant) {
		return refusef(90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into "+
			"the correct cloud.", tenant)
	}
	return refusef(900023, "Specified tenant identifier '%s' is neither a valid DNS name, nor a valid external domain.", tenant)
}

// isDomain returns true for names with a dot, and for the names that stand for any tenant, which have no applications.
func isDomain(tenant string) bool {
	if tenant == "common" || tenant == "organizations" || tenant == "consumers" {
		return true
	}
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-."
	return strings.Contains(tenant, ".") && strings.Trim(strings.ToLower(tenant), letters) == "" && !strings.HasPrefix(tenant, ".")
}
