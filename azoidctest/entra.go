package azoidctest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
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

// refusal is an answer by which Entra refuses a request, see https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
type refusal struct {
	code   int
	status int    // HTTP's
	kind   string // "error" of RFC 6749 section 5.2
	text   string
}

// refusals has the HTTP status and the error for each of Entra's codes, and a text for a check that has none of its own.
// The status of the transient codes (90006 to 90055) is inferred.
var refusals = map[int]refusal{
	50013:   {0, 400, "invalid_grant", "Assertion failed signature validation. The key was not found."},
	50027:   {0, 400, "invalid_request", "JWT token is invalid or malformed."},
	50049:   {0, 400, "invalid_instance", "Unknown or invalid instance."},
	50148:   {0, 400, "invalid_request", "The claims parameter is no valid JSON."},
	50166:   {0, 400, "invalid_request", "Request to External OIDC endpoint failed."},
	50196:   {0, 429, "invalid_grant", "The server terminated an operation because it encountered a client request loop."},
	70002:   {0, 401, "invalid_client", "Error validating credentials."},
	70003:   {0, 400, "unsupported_grant_type", "The app requested an unsupported grant type."},
	70011:   {0, 400, "invalid_scope", "The provided value for the input parameter 'scope' is not valid."},
	70021:   {0, 400, "invalid_request", "No matching federated identity record found for presented assertion."},
	70025:   {0, 401, "invalid_client", "The client has no configured federated identity credentials."},
	70052:   {0, 401, "invalid_client", "The identity must be a managed identity, single tenant app, or service account."},
	90002:   {0, 400, "invalid_request", "Tenant not found."},
	90006:   {0, 503, "temporarily_unavailable", "ExternalServerRetryableError - The service is temporarily unavailable."},
	90012:   {0, 503, "temporarily_unavailable", "RequestTimeout - The request has timed out."},
	90024:   {0, 503, "temporarily_unavailable", "RequestBudgetExceededError - A transient error has occurred. Try again."},
	90033:   {0, 503, "temporarily_unavailable", "A transient error has occurred. Please try again."},
	90055:   {0, 429, "temporarily_unavailable", "TenantThrottlingError - There are too many incoming requests."},
	500011:  {0, 400, "invalid_resource", "The resource principal was not found in the tenant."},
	500133:  {0, 400, "invalid_grant", "Assertion is not within its valid time range."},
	501661:  {0, 400, "invalid_request", "Request to External OIDC endpoint failed to read the keys."},
	700016:  {0, 400, "unauthorized_client", "Application was not found in the directory."},
	700024:  {0, 401, "invalid_client", "Client assertion is not within its valid time range."},
	700025:  {0, 401, "invalid_client", "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."},
	700027:  {0, 401, "invalid_client", "Client assertion failed signature validation."},
	700211:  {0, 401, "invalid_client", "No matching federated identity record found for presented assertion issuer."},
	700212:  {0, 401, "invalid_client", "No matching federated identity record found for presented assertion audience."},
	700213:  {0, 401, "invalid_client", "No matching federated identity record found for presented assertion subject."},
	700214:  {0, 400, "invalid_request", "The audience of the federated identity credential must be 'api://AzureADTokenExchange'."},
	700223:  {0, 401, "invalid_client", "The tenant does not allow workload identity federation with this identity provider."},
	700238:  {0, 401, "invalid_client", "Tenant has restricted the use of workload identity federation."},
	900023:  {0, 400, "invalid_request", "Specified tenant identifier is neither a valid DNS name, nor a valid external domain."},
	900144:  {0, 400, "invalid_request", "The request body must contain a parameter that is missing."},
	900561:  {0, 400, "invalid_request", "The endpoint only accepts POST requests."},
	901002:  {0, 400, "invalid_request", "The 'resource' request parameter is not supported."},
	900612:  {0, 400, "invalid_request", "The identity provider's signing keys could not be read."},
	1002012: {0, 400, "invalid_scope", "A scope must be a resource's identifier, suffixed with /.default."},
	7000112: {0, 400, "unauthorized_client", "The application is disabled."},
	7000215: {0, 401, "invalid_client", "Invalid client secret provided."},
	7000216: {0, 401, "invalid_client", "'client_assertion', 'client_secret' or 'request' is required."},
	7000222: {0, 401, "invalid_client", "The provided client secret keys are expired."},
	7000229: {0, 400, "unauthorized_client", "The client application is missing service principal in the tenant."},
	7002138: {0, 401, "invalid_client", "No matching federated identity record found: the subject's letter case differs."},
	7002381: {0, 401, "invalid_client", "Tenant has restricted the use of workload identity federation with this issuer."},
}

// refuse returns the refusal with the text from the table.
func refuse(code int) *refusal {
	r, ok := refusals[code]
	if !ok {
		r = refusal{status: http.StatusBadRequest, kind: "invalid_request", text: "The request was refused."}
	}
	r.code = code
	return &r
}

// refusef returns the refusal with a text of its own.
func refusef(code int, format string, arguments ...any) *refusal {
	r := refuse(code)
	r.text = fmt.Sprintf(format, arguments...)
	return r
}

// asRefusal returns the refusal that err wraps, or the one with the code fallback if err wraps none.
func asRefusal(err error, fallback int) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return refuse(fallback)
}

func (r *refusal) name() string  { return "AADSTS" + strconv.Itoa(r.code) }
func (r *refusal) Error() string { return r.name() + ": " + r.text }

// refusalBody is the JSON of
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response.
type refusalBody struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri"`
}

func (r *refusal) write(w http.ResponseWriter, asked *http.Request) {
	body := refusalBody{
		Error:         r.kind,
		Codes:         []int{r.code},
		Timestamp:     time.Now().UTC().Format("2006-01-02 15:04:05Z"),
		TraceID:       newGUID(),
		CorrelationID: asked.Header.Get("client-request-id"),
		URI:           "https://login.microsoftonline.com/error?code=" + strconv.Itoa(r.code),
	}
	if _, ok := parseGUID(body.CorrelationID); !ok {
		body.CorrelationID = newGUID()
	}
	body.Description = fmt.Sprintf("%v Trace ID: %s Correlation ID: %s Timestamp: %s",
		r, body.TraceID, body.CorrelationID, body.Timestamp)
	w.Header().Set("x-ms-request-id", body.TraceID)
	w.Header().Set("client-request-id", body.CorrelationID)
	if r.code == 50196 {
		w.Header().Set("Retry-After", "60")
	}
	entryOf(asked.Context()).update(func(request *Request) { request.Code = r.name() })
	writeJSON(w, r.status, body)
}
