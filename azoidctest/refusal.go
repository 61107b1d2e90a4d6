package azoidctest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// refusal is an error of Entra's, see https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
type refusal struct {
	code   int
	status int    // HTTP's
	kind   string // "error" of RFC 6749 section 5.2
	text   string
}

// refusals are Entra's codes with HTTP status, error and a text, which is used where a check gives none. For the transient codes (90006 to 90055) the status is
// inferred.
var refusals = map[int]refusal{
	50013:   {status: 400, kind: "invalid_grant", text: "Assertion failed signature validation. The key was not found."},
	50027:   {status: 400, kind: "invalid_request", text: "JWT token is invalid or malformed."},
	50049:   {status: 400, kind: "invalid_instance", text: "Unknown or invalid instance."},
	50148:   {status: 400, kind: "invalid_request", text: "The claims parameter is no valid JSON."},
	50166:   {status: 400, kind: "invalid_request", text: "Request to External OIDC endpoint failed."},
	50196:   {status: 429, kind: "invalid_grant", text: "The server terminated an operation because it encountered a client request loop. Please contact your app vendor."},
	70002:   {status: 401, kind: "invalid_client", text: "Error validating credentials."},
	70003:   {status: 400, kind: "unsupported_grant_type", text: "The app requested an unsupported grant type."},
	70011:   {status: 400, kind: "invalid_scope", text: "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid."},
	70021:   {status: 400, kind: "invalid_request", text: "No matching federated identity record found for presented assertion."},
	70025:   {status: 401, kind: "invalid_client", text: "The client has no configured federated identity credentials."},
	70052:   {status: 401, kind: "invalid_client", text: "The identity must be a managed identity, single tenant app, or service account."},
	90002:   {status: 400, kind: "invalid_request", text: "Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."},
	90006:   {status: 503, kind: "temporarily_unavailable", text: "ExternalServerRetryableError - The service is temporarily unavailable."},
	90012:   {status: 503, kind: "temporarily_unavailable", text: "RequestTimeout - The request has timed out."},
	90024:   {status: 503, kind: "temporarily_unavailable", text: "RequestBudgetExceededError - A transient error has occurred. Try again."},
	90033:   {status: 503, kind: "temporarily_unavailable", text: "A transient error has occurred. Please try again."},
	90055:   {status: 429, kind: "temporarily_unavailable", text: "TenantThrottlingError - There are too many incoming requests."},
	500011:  {status: 400, kind: "invalid_resource", text: "The resource principal was not found in the tenant."},
	500133:  {status: 400, kind: "invalid_grant", text: "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for user assertion, or request a new token."},
	501661:  {status: 400, kind: "invalid_request", text: "Request to External OIDC endpoint failed to read the keys."},
	700016:  {status: 400, kind: "unauthorized_client", text: "Application was not found in the directory."},
	700024:  {status: 401, kind: "invalid_client", text: "Client assertion is not within its valid time range."},
	700025:  {status: 401, kind: "invalid_client", text: "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."},
	700027:  {status: 401, kind: "invalid_client", text: "Client assertion failed signature validation."},
	700211:  {status: 401, kind: "invalid_client", text: "No matching federated identity record found for presented assertion issuer."},
	700212:  {status: 401, kind: "invalid_client", text: "No matching federated identity record found for presented assertion audience."},
	700213:  {status: 401, kind: "invalid_client", text: "No matching federated identity record found for presented assertion subject."},
	700223:  {status: 401, kind: "invalid_client", text: "The tenant does not allow workload identity federation with this identity provider."},
	700238:  {status: 401, kind: "invalid_client", text: "Tenant has restricted the use of workload identity federation."},
	900023:  {status: 400, kind: "invalid_request", text: "Specified tenant identifier is neither a valid DNS name, nor a valid external domain."},
	900144:  {status: 400, kind: "invalid_request", text: "The request body must contain a parameter that is missing."},
	900561:  {status: 400, kind: "invalid_request", text: "The endpoint only accepts POST requests."},
	900612:  {status: 400, kind: "invalid_request", text: "The identity provider's signing keys could not be read."},
	1002012: {status: 400, kind: "invalid_scope", text: "The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."},
	7000215: {status: 401, kind: "invalid_client", text: "Invalid client secret provided."},
	7000216: {status: 401, kind: "invalid_client", text: "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."},
	7002138: {status: 401, kind: "invalid_client", text: "No matching federated identity record found for presented assertion subject: the letter case differs."},
	7002381: {status: 401, kind: "invalid_client", text: "Tenant has restricted the use of workload identity federation with this issuer."},
}

// refuse is the refusal with its text from the table.
func refuse(code int) *refusal {
	r, ok := refusals[code]
	if !ok {
		r = refusal{status: http.StatusBadRequest, kind: "invalid_request", text: "The request was refused."}
	}
	r.code = code
	return &r
}

// refusef is the refusal with a text of its own.
func refusef(code int, format string, arguments ...any) *refusal {
	r := refuse(code)
	r.text = fmt.Sprintf(format, arguments...)
	return r
}

// asRefusal finds the refusal in err; fallback is the one for an error without.
func asRefusal(err error, fallback int) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return refuse(fallback)
}

func (r *refusal) name() string  { return "AADSTS" + strconv.Itoa(r.code) }
func (r *refusal) Error() string { return r.name() + ": " + r.text }

// refusalBody is the JSON of https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response.
type refusalBody struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri"`
}

func (r *refusal) write(w http.ResponseWriter, request *http.Request) {
	body := refusalBody{
		Error:         r.kind,
		Codes:         []int{r.code},
		Timestamp:     time.Now().UTC().Format("2006-01-02 15:04:05Z"),
		TraceID:       newGUID(),
		CorrelationID: request.Header.Get("client-request-id"),
		URI:           "https://login.microsoftonline.com/error?code=" + strconv.Itoa(r.code),
	}
	if _, ok := parseGUID(body.CorrelationID); !ok {
		body.CorrelationID = newGUID()
	}
	body.Description = fmt.Sprintf("%s Trace ID: %s Correlation ID: %s Timestamp: %s", r.Error(), body.TraceID, body.CorrelationID, body.Timestamp)
	w.Header().Set("x-ms-request-id", body.TraceID)
	w.Header().Set("client-request-id", body.CorrelationID)
	if r.code == 50196 {
		w.Header().Set("Retry-After", "60")
	}
	entryOf(request.Context()).update(func(record *Request) { record.Code = r.name() })
	writeJSON(w, r.status, body)
}
