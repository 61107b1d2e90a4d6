package azoidctest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

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
