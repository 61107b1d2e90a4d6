package tokenserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azoidc/azoidc/internal/redact"
)

// path is App Service's own.
const path = "/MSI/token"

// The versions of the protocol.
const (
	version2019 = "2019-08-01"
	version2017 = "2017-09-01"
)

const defaultSuffix = "/.default"

// Env returns the environment variables by which programs find the Handler, which is served at endpoint: an http URL on
// loopback without a path, such as "http://127.0.0.1:41741". The values hold the Handler's secrets.
//
//   - IDENTITY_ENDPOINT and IDENTITY_HEADER are for today's Azure SDKs.
//   - MSI_ENDPOINT, MSI_SECRET and APPSETTING_WEBSITE_SITE_NAME are for older clients, such as Azure CLI 2.45.
//   - ARM_USE_MSI, ARM_MSI_ENDPOINT and ARM_MSI_API_VERSION are for Terraform's azurerm provider. It sends no secret in a
//     header (https://github.com/hashicorp/terraform-provider-azurerm/issues/33001), so the path of its endpoint holds
//     another secret.
func (h *Handler) Env(endpoint string) map[string]string {
	return map[string]string{
		"IDENTITY_ENDPOINT":            endpoint + path,
		"IDENTITY_HEADER":              h.secret.text(),
		"MSI_ENDPOINT":                 endpoint + path,
		"MSI_SECRET":                   h.secret.text(),
		"APPSETTING_WEBSITE_SITE_NAME": "azoidc",
		"ARM_USE_MSI":                  "true",
		"ARM_MSI_ENDPOINT":             endpoint + path + "/" + h.addressSecret.text(),
		"ARM_MSI_API_VERSION":          version2019,
	}
}

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

func (h *Handler) parse(r *http.Request) (tokenRequest, *errorAnswer) {
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
	if len(resources) != 1 || resources[0] == "" || strings.ContainsFunc(resources[0], isForeign) || redact.Line(resources[0]) != resources[0] {
		return tokenRequest{}, refuse(http.StatusBadRequest, "exactly one resource is needed, for example resource=https://vault.azure.net")
	}
	return tokenRequest{resource: resources[0]}, nil
}

// isForeign holds for what no URI has.
func isForeign(r rune) bool { return r <= ' ' || r >= 0x7f }

func checkVersion(query url.Values) *errorAnswer {
	if version := query.Get("api-version"); version != version2019 && version != version2017 {
		return refuse(http.StatusBadRequest, fmt.Sprintf("api-version %q isn't supported: use %s or %s", version, version2019, version2017))
	}
	return nil
}

// otherSelectors name an identity otherwise than by its client ID, in several versions of the protocol.
var otherSelectors = []string{"object_id", "principal_id", "mi_res_id", "msi_res_id"}

// checkIdentity refuses to hand out this identity's token for another one that was asked for.
func (h *Handler) checkIdentity(query url.Values) *errorAnswer {
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

// A tokenAnswer has both forms of the expiry, for some clients read only one: MSAL the first, hashicorp's SDK the second.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresOn   string `json:"expires_on"` // seconds since 1970, as a string
	ExpiresIn   int64  `json:"expires_in"` // seconds
	Resource    string `json:"resource"`
	TokenType   string `json:"token_type"`
	ClientID    string `json:"client_id,omitempty"`
}

func newTokenAnswer(token azcore.AccessToken, resource, clientID string) tokenAnswer {
	return tokenAnswer{
		AccessToken: token.Token,
		ExpiresOn:   strconv.FormatInt(token.ExpiresOn.Unix(), 10),
		ExpiresIn:   max(int64(time.Until(token.ExpiresOn)/time.Second), 0),
		Resource:    resource,
		TokenType:   "Bearer",
		ClientID:    clientID,
	}
}

// lastWords is how long a client that sends a body may take for it before its connection is closed.
const lastWords = 5 * time.Second

// An errorAnswer is {"statusCode":400,"message":"…"}. Its status decides what clients do: they repeat a request that was
// answered 408, 429 or 5xx, some of them also 404 and 410, and show the message of any other.
type errorAnswer struct {
	StatusCode int    `json:"statusCode"`
	Message    string `json:"message"`
	retryAfter time.Duration
}

// refuse makes an answer of a message that may quote the request or an error: clients show it, in the log of a job, too.
func refuse(status int, message string) *errorAnswer {
	return &errorAnswer{StatusCode: status, Message: redact.Text(message)}
}

// write ends the connection, too: it isn't for those who are refused to keep.
func (e *errorAnswer) write(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 { // don't wait long for a body that nobody reads
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lastWords))
	}
	w.Header().Set("Connection", "close")
	switch e.StatusCode {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "X-IDENTITY-HEADER") // a challenge is required, RFC 9110 section 15.5.2
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodGet)
	}
	if e.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((e.retryAfter+time.Second-1)/time.Second), 10))
	}
	writeJSON(w, e.StatusCode, e)
}

// writeJSON writes an answer that nobody may keep, because tokens are kept by TokenCache and by the clients.
func writeJSON(w http.ResponseWriter, status int, content any) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(content) // fails only when the client has left
}
