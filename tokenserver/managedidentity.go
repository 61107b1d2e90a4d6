package tokenserver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/internal/redact"
)

// managedIdentityPath is App Service's own. Behind it comes the secret of an identity's address.
const managedIdentityPath = "/MSI/token"

// The versions of the protocol. That of 2018 is IMDS', and served at the addresses that hold a secret: who asks for it takes
// no secret for a header.
const (
	version2019 = "2019-08-01"
	version2018 = "2018-02-01"
	version2017 = "2017-09-01"
)

const defaultSuffix = "/.default"

// managedIdentityEnv is the part of Handler.Env for the managed identity's clients.
func (h *Handler) managedIdentityEnv(endpoint string) map[string]string {
	env := map[string]string{
		"IDENTITY_ENDPOINT":            endpoint,
		"IDENTITY_HEADER":              h.secret.Reveal(),
		"AZCOPY_AUTO_LOGIN_TYPE":       "MSI",
		"MSI_ENDPOINT":                 endpoint,
		"MSI_SECRET":                   h.secret.Reveal(),
		"APPSETTING_WEBSITE_SITE_NAME": "azoidc",
		"ARM_USE_MSI":                  "true",
		"ARM_MSI_API_VERSION":          version2019,
	}
	for _, i := range h.identities {
		variable := "ARM_MSI_ENDPOINT"
		if i.Name != "" {
			variable = variableOf(i.Name)
		}
		env[variable] = endpoint + "/" + i.address.Reveal()
	}
	return env
}

func (h *Handler) managedIdentity() *protocol {
	return &protocol{
		method: http.MethodGet,
		knows:  func(r *http.Request) bool { return h.admitted(r) != nil },
		wanted: "the secret is missing or wrong: present the value of IDENTITY_HEADER in the header X-IDENTITY-HEADER " +
			"(api-version 2019-08-01), or that of MSI_SECRET in the header secret (2017-09-01); it changes with every run",
		challenge: "X-IDENTITY-HEADER",
		serve:     h.serveManagedIdentity,
	}
}

// secretHeaders are where clients present the secret.
var secretHeaders = []string{
	"X-Identity-Header", // of api-version 2019-08-01
	"Secret",            // of api-version 2017-09-01
	"X-Ms-Identity",     // of older versions of hashicorp's SDK, which mean the first
}

// isManagedIdentityPath holds for the path itself, and for the one with a secret behind it. Clients of 2017-09-01 append a
// slash.
func isManagedIdentityPath(requested string) bool {
	behind, ok := behindPath(requested)
	return ok && !strings.Contains(behind, "/")
}

// behindPath returns what a request has in the place of an address's secret, "" for nothing.
func behindPath(requested string) (behind string, ok bool) {
	requested = strings.TrimSuffix(requested, "/")
	if requested == managedIdentityPath {
		return "", true
	}
	behind, ok = strings.CutPrefix(requested, managedIdentityPath+"/")
	return behind, ok && behind != ""
}

// admitted returns the identities that the request may choose from, by the secret that it presents: all by the one for
// headers, and by the address of the first identity; one by its own address.
func (h *Handler) admitted(r *http.Request) []identity {
	if h.secret.presentedBy(r, secretHeaders...) {
		return h.identities
	}
	behind, _ := behindPath(r.URL.Path)
	for n := range h.identities {
		switch {
		case !h.identities[n].address.equals(behind):
		case n == 0:
			return h.identities
		default:
			return h.identities[n : n+1]
		}
	}
	return nil
}

func (h *Handler) serveManagedIdentity(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		refuse(http.StatusBadRequest, "the query can't be parsed: separate parameters with & and escape their values").write(w, r)
		return
	}
	version := query.Get("api-version")
	if refused := checkVersion(r, version); refused != nil {
		refused.write(w, r)
		return
	}
	form := formOf(version)
	request, refused := h.parse(r, query)
	if refused != nil {
		refused.in(form.refusal).write(w, r)
		return
	}
	token, err := h.acquire(r.Context(), request)
	if err != nil {
		h.log(r.Context(), request.resource, err)
		explain(err).in(form.refusal).write(w, r)
		return
	}
	writeJSON(w, http.StatusOK, form.answer(token, request))
}

// A tokenRequest asks for an identity's token for a resource, as Microsoft Entra's version 1 names APIs.
type tokenRequest struct {
	identity *identity
	resource string
	claimsChallenge
}

func (t tokenRequest) scope() string { return scopeOf(t.resource) }

// scopeOf undoes what azidentity's ManagedIdentityCredential does to a scope: it cuts /.default off, and nothing else.
// So a resource with a slash at its end gets a scope with two, and its token the audience with the slash.
func scopeOf(resource string) string {
	return strings.TrimSuffix(resource, defaultSuffix) + defaultSuffix
}

func (h *Handler) parse(r *http.Request, query url.Values) (tokenRequest, *errorAnswer) {
	chosen, err := choose(h.admitted(r), query)
	if err != nil {
		return tokenRequest{}, refuse(http.StatusBadRequest, err.Error())
	}
	resources := query["resource"]
	if len(resources) != 1 || resources[0] == "" || strings.ContainsFunc(resources[0], isForeign) || redact.Line(resources[0]) != resources[0] {
		return tokenRequest{}, refuse(http.StatusBadRequest, "exactly one resource is needed, for example resource=https://vault.azure.net")
	}
	return tokenRequest{chosen, resources[0], claimsChallengeOf(query)}, nil
}

// isForeign holds for what no URI has.
func isForeign(r rune) bool { return r <= ' ' || r > '~' }

func checkVersion(r *http.Request, version string) *errorAnswer {
	served := []string{version2019, version2017, version2025}
	if behind, _ := behindPath(r.URL.Path); behind != "" {
		served = append(served, version2018)
	}
	if slices.Contains(served, version) {
		return nil
	}
	return refuse(http.StatusBadRequest, fmt.Sprintf("api-version %q isn't supported: use %s or %s", version, version2019, version2017))
}

// acquire asks without CAE, unless the client can pass on a claims challenge: else it must not get tokens that are revoked by
// one, and live for a day otherwise.
// https://learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation
func (h *Handler) acquire(ctx context.Context, request tokenRequest) (azcore.AccessToken, error) {
	options := policy.TokenRequestOptions{Scopes: []string{request.scope()}, EnableCAE: request.answersChallenges}
	token, err := request.identity.token(ctx, options)
	if err == nil && request.revokes(token) {
		h.revoked.drop(request.identity, request.scope(), token)
		return request.identity.token(ctx, options)
	}
	return token, err
}

// A protocolForm is how a version of the protocol answers.
type protocolForm struct {
	answer  func(azcore.AccessToken, tokenRequest) any
	refusal func(*errorAnswer) any
}

func formOf(version string) protocolForm {
	if version == version2018 {
		return protocolForm{imdsAnswer, imdsError}
	}
	return protocolForm{appServiceAnswer, appServiceError}
}

// appServiceAnswer has both forms of the expiry, for some clients read only one: MSAL expires_on, hashicorp's SDK expires_in.
// MSAL.NET takes whichever comes last, so that is the one without doubt.
// https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
func appServiceAnswer(token azcore.AccessToken, request tokenRequest) any {
	return struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"` // seconds
		ExpiresOn   string `json:"expires_on"` // seconds since 1970, as a string
		Resource    string `json:"resource"`
		TokenType   string `json:"token_type"`
		ClientID    string `json:"client_id,omitempty"`
	}{token.Token, secondsLeft(token), epoch(token.ExpiresOn), request.resource, "Bearer", request.identity.ClientID}
}

// imdsAnswer is that of a virtual machine. The token has been valid for as long as it matters.
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http
func imdsAnswer(token azcore.AccessToken, request tokenRequest) any {
	return struct {
		AccessToken  string `json:"access_token"`
		ClientID     string `json:"client_id,omitempty"`
		ExpiresIn    string `json:"expires_in"`
		ExpiresOn    string `json:"expires_on"`
		NotBefore    string `json:"not_before"`
		RefreshToken string `json:"refresh_token"` // always empty
		Resource     string `json:"resource"`
		TokenType    string `json:"token_type"`
	}{token.Token, request.identity.ClientID, strconv.FormatInt(secondsLeft(token), 10), epoch(token.ExpiresOn), epoch(time.Now()), "",
		request.resource, "Bearer"}
}

func epoch(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

func secondsLeft(token azcore.AccessToken) int64 {
	return max(int64(time.Until(token.ExpiresOn)/time.Second), 0)
}

func appServiceError(e *errorAnswer) any {
	return struct {
		StatusCode int    `json:"statusCode"`
		Message    string `json:"message"`
	}{e.status, e.message}
}

// imdsError is of OAuth's form.
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
func imdsError(e *errorAnswer) any {
	code := "unknown_error"
	if e.status == http.StatusBadRequest {
		code = "invalid_request"
	}
	return struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, e.message}
}

// version2025 lets a client answer a claims challenge: it says by xms_cc that it can, and by token_sha256_to_refresh which
// token was revoked. It is in no released client yet (MSAL.js has it for Service Fabric, and pull request 7772 for App
// Service; MSAL.NET 5139): without version2025 go what is below, its mention in checkVersion, and claimsChallenge, drop and revoked.
// https://github.com/AzureAD/microsoft-authentication-library-for-dotnet/blob/main/docs/msiv1_token_revocation.md
const version2025 = "2025-03-30"

// A claimsChallenge is what a request says about claims challenges. It is empty for other versions, whose clients
// have no way to pass one on, although some of them send xms_cc.
type claimsChallenge struct {
	answersChallenges bool
	revoked           string // the SHA-256 of a token, in hexadecimal
}

func claimsChallengeOf(query url.Values) claimsChallenge {
	if query.Get("api-version") != version2025 {
		return claimsChallenge{}
	}
	capabilities := strings.Split(query.Get("xms_cc"), ",")
	return claimsChallenge{
		answersChallenges: slices.ContainsFunc(capabilities, func(c string) bool { return strings.EqualFold(strings.TrimSpace(c), "cp1") }),
		revoked:           query.Get("token_sha256_to_refresh"),
	}
}

// revokes returns whether token is the one that was revoked. If it isn't, a new one is there already.
func (c claimsChallenge) revokes(token azcore.AccessToken) bool {
	return c.revoked != "" && strings.EqualFold(c.revoked, hashOf(token))
}

func hashOf(token azcore.AccessToken) string {
	sum := sha256.Sum256([]byte(token.Token))
	return hex.EncodeToString(sum[:])
}

// revocations makes a credential forget each revoked token once, however many clients report it: the others' reports may
// come when a new token is there.
type revocations struct {
	mu     sync.Mutex
	latest map[held]string // the hash of the last one that was dropped
}

// held is where a credential holds a token.
type held struct {
	identity *identity
	scope    string
}

// drop makes the credential forget its token, if it can, as azoidc.TokenCache can.
func (v *revocations) drop(i *identity, scope string, token azcore.AccessToken) {
	forgetful, ok := i.Credential.(interface{ Invalidate(scopes ...string) })
	if !ok {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if place, hash := (held{i, scope}), hashOf(token); v.latest[place] != hash {
		if v.latest == nil {
			v.latest = map[held]string{}
		}
		v.latest[place] = hash
		forgetful.Invalidate(scope)
	}
}
