package azoidctest

import (
	"net/http"
	"strings"
)

const (
	clientCredentialsGrant = "client_credentials"
	onBehalfOfGrant        = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	assertionType          = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// grant is a token request that Entra accepted.
type grant struct {
	tenant   string
	app      *Application
	resource string
	scopes   []string // as they were asked for
	user     string   // object ID; empty without a user
	claims   claimsRequest
}

// serveToken is the token endpoint, see
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow and
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow.
func (c *Cloud) serveToken(w http.ResponseWriter, r *http.Request, tenant string) {
	w.Header().Set("Cache-Control", "no-store, no-cache")
	g, err := c.authorize(r, tenant)
	if err != nil {
		asRefusal(err, 50027).write(w, r)
		return
	}
	c.answer(w, r, g)
}

func (c *Cloud) authorize(r *http.Request, tenant string) (*grant, error) {
	if r.Method != http.MethodPost {
		return nil, refuse(900561)
	}
	if refused := c.checkTenant(tenant); refused != nil {
		return nil, refused
	}
	app, err := c.authenticate(r, tenant)
	if err != nil {
		return nil, err
	}
	g := &grant{tenant: strings.ToLower(tenant), app: app}
	if err := c.checkScope(g, r.PostForm); err != nil {
		return nil, err
	}
	if g.claims, err = parseClaimsRequest(r.PostForm.Get("claims")); err != nil {
		return nil, err
	}
	if r.PostForm.Get("grant_type") == onBehalfOfGrant {
		g.user, err = c.verifyUser(r, app)
	}
	return g, err
}

// authenticate finds the application and verifies that the client is it.
func (c *Cloud) authenticate(r *http.Request, tenant string) (*Application, error) {
	form := r.PostForm
	switch form.Get("grant_type") {
	case clientCredentialsGrant, onBehalfOfGrant:
	case "":
		return nil, missing("grant_type")
	default:
		return nil, refusef(70003, "The app requested an unsupported grant type '%s'.", form.Get("grant_type"))
	}
	if form.Get("client_id") == "" {
		return nil, missing("client_id")
	}
	app := c.application(form.Get("client_id"))
	if app == nil {
		return nil, refusef(700016, "Application with identifier '%s' was not found in the directory '%s'. You may have sent "+
			"your authentication request to the wrong tenant.", form.Get("client_id"), tenant)
	}
	assertion := form.Get("client_assertion")
	switch {
	case app.isPublic():
		return nil, refuse(700025)
	case assertion == "" && form.Get("client_secret") != "":
		return nil, refuse(7000215)
	case assertion == "":
		return nil, refuse(7000216)
	case form.Get("client_assertion_type") != assertionType:
		return nil, missing("client_assertion_type")
	}
	return app, c.verifyAssertion(r.Context(), app, assertion)
}

func missing(parameter string) *refusal {
	return refusef(900144, "The request body must contain the following parameter: '%s'.", parameter)
}
