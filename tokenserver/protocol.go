package tokenserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/internal/redact"
)

// A protocol is spoken at a path of its own. The managed identity's is in managedidentity.go, the small ones are
// below.
type protocol struct {
	method    string
	knows     func(*http.Request) bool // whether the request presents the protocol's secret
	wanted    string                   // what is said to one that doesn't
	challenge string                   // for WWW-Authenticate
	serve     http.HandlerFunc
}

// protocolAt returns nil where there is none.
func (h *Handler) protocolAt(path string) *protocol {
	switch {
	case isManagedIdentityPath(path):
		return h.managedIdentity()
	case path == azdPath+azdToken:
		return h.azd()
	case path == requestPath && h.assertion != nil:
		return h.requestEndpoint()
	}
	return nil
}

// The Azure Developer CLI asks another program for tokens, by a protocol of its own:
// https://github.com/Azure/azure-dev/blob/main/cli/azd/docs/external-authentication.md
const (
	azdPath    = "/azd"
	azdToken   = "/token" // azd appends it
	azdVersion = "2023-07-12-preview"
)

// maxAzdBody is far more than any scopes take.
const maxAzdBody = 16 << 10

func (h *Handler) azd() *protocol {
	return &protocol{
		method:    http.MethodPost,
		knows:     h.azdKey.borneBy,
		wanted:    "the key is missing or wrong: present the value of AZD_AUTH_KEY as the bearer token; it changes with every run",
		challenge: "Bearer",
		serve:     h.serveAzd,
	}
}

func (h *Handler) serveAzd(w http.ResponseWriter, r *http.Request) {
	options, err := parseAzd(w, r)
	if err != nil {
		refuseAzd(w, err)
		return
	}
	token, err := h.identities[0].token(r.Context(), options)
	if err != nil {
		h.log(r.Context(), fmt.Sprint(options.Scopes), err)
		refuseAzd(w, err)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Status    string `json:"status"`
		Token     string `json:"token"`
		ExpiresOn string `json:"expiresOn"`
	}{"success", token.Token, token.ExpiresOn.UTC().Format(time.RFC3339)})
}

func parseAzd(w http.ResponseWriter, r *http.Request) (policy.TokenRequestOptions, error) {
	var wanted struct {
		Scopes   []string `json:"scopes"`
		TenantID string   `json:"tenantId"`
	}
	if version := r.URL.Query().Get("api-version"); version != azdVersion {
		return policy.TokenRequestOptions{}, fmt.Errorf("api-version %q isn't supported: use %s", version, azdVersion)
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAzdBody)).Decode(&wanted); err != nil {
		return policy.TokenRequestOptions{}, fmt.Errorf("the body can't be read as JSON: %w", err)
	}
	if len(wanted.Scopes) == 0 {
		return policy.TokenRequestOptions{}, fmt.Errorf(`scopes are needed, for example {"scopes":["https://management.azure.com/.default"]}`)
	}
	return policy.TokenRequestOptions{Scopes: wanted.Scopes, TenantID: wanted.TenantID}, nil
}

// refuseAzd answers 200, for azd shows nothing of any other answer but its status.
func refuseAzd(w http.ResponseWriter, err error) {
	writeJSON(w, http.StatusOK, struct {
		Status  string `json:"status"`
		Code    string `json:"code"`
		Message string `json:"message"`
	}{"error", "GetTokenError", redact.Text(err.Error())})
}

// The request endpoint is GitHub Actions': GET with a bearer token and an audience, answered with an OIDC token.
// https://docs.github.com/actions/reference/security/oidc#methods-for-requesting-the-oidc-token
const (
	requestPath = "/oidc/token"
	// requestQuery is there because many clients append "&audience=…" to the address.
	requestQuery = "?api-version=2.0"
)

func (h *Handler) requestEndpoint() *protocol {
	return &protocol{
		method:    http.MethodGet,
		knows:     h.requestToken.borneBy,
		wanted:    "the request token is missing or wrong: present the value of ACTIONS_ID_TOKEN_REQUEST_TOKEN as the bearer token; it changes with every run",
		challenge: "Bearer",
		serve:     h.serveRequest,
	}
}

func (h *Handler) serveRequest(w http.ResponseWriter, r *http.Request) {
	audience, refused := h.audience(r)
	if refused != nil {
		refused.in(requestError).write(w, r)
		return
	}
	jwt, err := h.assertion(r.Context(), audience)
	if err != nil {
		h.log(r.Context(), audience, err)
		explain(err).in(requestError).write(w, r)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Count int    `json:"count"`
		Value string `json:"value"`
	}{len(jwt), jwt})
}

func (h *Handler) audience(r *http.Request) (string, *errorAnswer) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", refuse(http.StatusBadRequest, "the query can't be parsed: separate parameters with & and escape their values")
	}
	allowed := strings.Join(h.audiences, " or ")
	switch audiences := query["audience"]; {
	case len(audiences) != 1 || audiences[0] == "":
		return "", refuse(http.StatusBadRequest, "exactly one audience is needed: "+allowed)
	case !slices.Contains(h.audiences, audiences[0]):
		return "", refuse(http.StatusBadRequest, fmt.Sprintf("Can't issue ID_TOKEN for audience %q: here only for %s", audiences[0], allowed))
	default:
		return audiences[0], nil
	}
}

func requestError(e *errorAnswer) any {
	return struct {
		Source       string `json:"source"`
		StatusCode   int    `json:"statusCode"`
		ErrorMessage string `json:"errorMessage"`
	}{"azoidc", e.status, e.message}
}
