package tokenserver

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The versions of the protocol.
const (
	version2019 = "2019-08-01"
	version2017 = "2017-09-01"
)

const defaultSuffix = "/.default"

// A tokenRequest asks for a token for a resource, as Microsoft Entra's version 1 names APIs.
type tokenRequest struct {
	resource string
}

func (t tokenRequest) scope() string { return scopeOf(t.resource) }

// scopeOf undoes what azidentity's ManagedIdentityCredential does to a scope: it cuts /.default off, and nothing else.
// So a resource with a slash at its end gets a scope with two, and its token the audience with the slash.
func scopeOf(resource string) string {
	return strings.TrimSuffix(resource, defaultSuffix) + defaultSuffix
}

func (h *Handler) parse(r *http.Request) (tokenRequest, *refusal) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return tokenRequest{}, refuse(http.StatusBadRequest, "the query can't be parsed: separate parameters with & and escape their values")
	}
	if refused := checkVersion(query); refused != nil {
		return tokenRequest{}, refused
	}
	if refused := h.checkIdentity(query); refused != nil {
		return tokenRequest{}, refused
	}
	resources := query["resource"]
	if len(resources) != 1 || resources[0] == "" || strings.ContainsFunc(resources[0], isSpace) {
		return tokenRequest{}, refuse(http.StatusBadRequest, "exactly one resource is needed, for example resource=https://vault.azure.net")
	}
	return tokenRequest{resource: resources[0]}, nil
}

func isSpace(r rune) bool { return r <= ' ' || r == 0x7f }

func checkVersion(query url.Values) *refusal {
	if version := query.Get("api-version"); version != version2019 && version != version2017 {
		return refuse(http.StatusBadRequest, fmt.Sprintf("api-version %q isn't supported: use %s or %s", version, version2019, version2017))
	}
	return nil
}

// otherSelectors name an identity otherwise than by its client ID, in several versions of the protocol.
var otherSelectors = []string{"object_id", "principal_id", "mi_res_id", "msi_res_id"}

// checkIdentity refuses to hand out this identity's token for another one that was asked for.
func (h *Handler) checkIdentity(query url.Values) *refusal {
	for _, name := range otherSelectors {
		if query.Get(name) != "" {
			return refuse(http.StatusBadRequest, fmt.Sprintf("%s can't select an identity here: leave it out%s", name, h.orClientID()))
		}
	}
	named := slices.Concat(query["client_id"], query["clientid"]) // the latter in 2017-09-01
	for _, clientID := range named {
		if clientID != "" && !strings.EqualFold(clientID, h.clientID) {
			return refuse(http.StatusBadRequest, fmt.Sprintf("the identity %q isn't served here: leave client_id out%s "+
				"(SDKs take it from AZURE_CLIENT_ID, Terraform from ARM_CLIENT_ID)", clientID, h.orClientID()))
		}
	}
	return nil
}

func (h *Handler) orClientID() string {
	if h.clientID == "" {
		return ""
	}
	return ", or ask for client_id " + h.clientID
}
