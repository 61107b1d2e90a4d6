package azoidctest

import (
	"net/url"
	"slices"
	"strings"
)

const defaultScopeSuffix = "/.default"

// checkScope sets the grant's scopes and their one resource.
func (c *Cloud) checkScope(g *grant, form url.Values) error {
	scope := form.Get("scope")
	g.scopes = slices.DeleteFunc(splitScope(scope), isOpenIDScope)
	if len(g.scopes) == 0 {
		if scope == "" {
			return missing("scope")
		}
		return invalidScope(scope)
	}
	for _, s := range g.scopes {
		resource, ok := strings.CutSuffix(s, defaultScopeSuffix)
		if !ok && form.Get("grant_type") == clientCredentialsGrant {
			return refusef(1002012, "The provided value for scope %s is not valid. Client credential flows must have a scope "+
				"value with /.default suffixed to the resource identifier (application ID URI).", scope)
		}
		if !ok {
			resource = s[:max(strings.LastIndexByte(s, '/'), 0)]
		}
		if resource == "" || g.resource != "" && g.resource != resource {
			return invalidScope(scope)
		}
		g.resource = resource
	}
	return c.checkResource(g.resource)
}

func invalidScope(scope string) *refusal {
	return refusef(70011, "The provided request must include a 'scope' input parameter. The provided value for the input "+
		"parameter 'scope' is not valid. The scope %s is not valid.", scope)
}

func splitScope(scope string) []string { return strings.Fields(scope) }

// isOpenIDScope is true for the scopes of OpenID Connect, which MSAL adds.
func isOpenIDScope(scope string) bool {
	return scope == "openid" || scope == "profile" || scope == "email" || scope == "offline_access"
}

func (c *Cloud) checkResource(resource string) error {
	same := func(known string) bool { return sameResource(known, resource) }
	if c.options.Resources == nil || slices.ContainsFunc(c.options.Resources, same) || slices.ContainsFunc(c.audiences(), same) {
		return nil
	}
	return refusef(500011, "The resource principal named %s was not found in the tenant named %s. You might have sent your "+
		"authentication request to the wrong tenant.", resource, c.options.TenantID)
}

// sameResource is true for names that differ in a slash at the end: https://management.azure.com has always had both.
func sameResource(a, b string) bool {
	return strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/")
}
