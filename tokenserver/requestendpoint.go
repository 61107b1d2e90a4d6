package tokenserver

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

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
