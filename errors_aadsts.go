package azoidc

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
)

// A refusal is what is known of one AADSTS code.
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
type refusal struct {
	meaning string
	advice  func(*ExchangeError) string
	verdict verdict
}

// refusals holds the codes that workload identity federation meets. A code that isn't here is final.
var refusals = map[int]refusal{
	700024: {"the client assertion is not in its valid time", adviseStaleAssertion, staleAssertion},

	70021:  {"no federated identity credential matches the assertion", adviseFederation, notReplicated},
	700211: {"no federated identity credential has the assertion's issuer", adviseFederation, notReplicated},
	700212: {"no federated identity credential has the assertion's audience", adviseFederation, notReplicated},
	700213: {"no federated identity credential has the assertion's subject", adviseFederation, notReplicated},
	70025:  {"the application has no federated identity credential", adviseFederation, final},

	7002138: {"a federated identity credential has the assertion's subject in other letter case", adviseLetterCase, final},
	70052:   {"the federated identity credential is of an application for several tenants, which isn't allowed", advise("use an application of this tenant, or a managed identity"), final},
	700238:  {"the tenant restricts workload identity federation", adviseRestriction, final},
	7002381: {"the tenant restricts workload identity federation", adviseRestriction, final},
	700223:  {"the tenant restricts workload identity federation", adviseRestriction, final},

	900612: {"Entra couldn't read the issuer's keys", adviseIssuer, transient},
	50166:  {"Entra couldn't read the issuer's keys", adviseIssuer, transient},
	501661: {"Entra couldn't read the issuer's keys", adviseIssuer, transient},

	50027:   {"the assertion is malformed", advise("check what the assertion's source really returns: it must be the JWT alone, nothing before or after it"), final},
	700027:  {"the assertion's signature doesn't verify with its issuer's published keys", adviseSignature, final},
	7000216: {"no client assertion was sent", advise("report this to the authors of this library, with the trace ID"), final},
	700025:  {"the application is a public client, which may not present an assertion", advise("in the app registration under Authentication, set 'Allow public client flows' to No, or use another application"), final},

	700016: {"the application isn't in this tenant", adviseApplication, final},
	90002:  {"the tenant wasn't found", adviseTenant, final},
	900023: {"the tenant ID is malformed", adviseTenant, final},

	500011:  {"the resource isn't in this tenant", adviseScope, final},
	70011:   {"the scope is malformed", adviseScope, final},
	1002012: {"the scope doesn't end in /.default", adviseScope, final},

	50013:  {"the user's assertion was refused, not the client's", adviseUserAssertion, final},
	500133: {"the user's assertion was refused, not the client's: it is not in its valid time", adviseUserAssertion, final},

	50196: {"Entra has seen too many of the same requests (loop detected)", adviseThrottled, transient},
	90006: transientRefusal, 90012: transientRefusal, 90024: transientRefusal, 90033: transientRefusal, 90055: transientRefusal,
}

var transientRefusal = refusal{"Entra failed for a moment", advise("try again later; if it goes on, look at the service health of Microsoft Entra"), transient}

// An entraError is the error document of RFC 6749, section 5.2, with Entra's additions.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response
type entraError struct {
	Error            string `json:"error"`
	ErrorDescription string `json:"error_description"`
	ErrorCodes       []int  `json:"error_codes"`
	TraceID          string `json:"trace_id"`
	CorrelationID    string `json:"correlation_id"`
}

var aadstsCode = regexp.MustCompile(`AADSTS([0-9]{4,9})`)

// parseEntraError decodes as much of body as there is; a body that is something else gives an empty entraError.
func parseEntraError(body []byte) entraError {
	var e entraError
	if json.Unmarshal(body, &e) != nil {
		// One member of another type than documented, or a cut document, doesn't hide the code.
		e = entraError{ErrorDescription: e.ErrorDescription, Error: e.Error}
		if e.ErrorDescription == "" && aadstsCode.Match(body) {
			e.ErrorDescription = string(body)
		}
	}
	return e
}

// code is the number of the AADSTS code; 0 when there is none.
func (e entraError) code() int {
	if match := aadstsCode.FindStringSubmatch(e.ErrorDescription); match != nil {
		code, _ := strconv.Atoi(match[1])
		return code
	}
	if len(e.ErrorCodes) > 0 {
		return e.ErrorCodes[0]
	}
	return 0
}

func codeName(code int) string {
	if code == 0 {
		return ""
	}
	return fmt.Sprintf("AADSTS%d", code)
}
