package azoidc

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/retry"
)

// A knownCode is what is known of one AADSTS code.
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
type knownCode struct {
	meaning string
	advice  func(*ExchangeError) string
	verdict retry.Verdict
}

// knownCodes holds the codes that workload identity federation meets. A code that isn't here is final.
var knownCodes = map[int]knownCode{
	700024: {"the client assertion is not in its valid time", adviseStaleAssertion, retry.StaleAssertion},

	70021:  {"no federated identity credential matches the assertion", adviseFederation, retry.NotReplicated},
	700211: {"no federated identity credential has the assertion's issuer", adviseFederation, retry.NotReplicated},
	700212: {"no federated identity credential has the assertion's audience", adviseFederation, retry.NotReplicated},
	700213: {"no federated identity credential has the assertion's subject", adviseFederation, retry.NotReplicated},
	70025:  {"the application has no federated identity credential", adviseFederation, retry.Final},

	7002138: {"a federated identity credential has the assertion's subject in other letter case", adviseLetterCase, retry.Final},
	70052:   {"the federated identity credential is of an application for several tenants, which isn't allowed", always("use an application of this tenant, or a managed identity"), retry.Final},
	700238:  {"the tenant restricts workload identity federation", adviseRestriction, retry.Final},
	7002381: {"the tenant restricts workload identity federation", adviseRestriction, retry.Final},
	700223:  {"the tenant restricts workload identity federation", adviseRestriction, retry.Final},

	900612: {"Entra couldn't read the issuer's keys", adviseIssuer, retry.Transient},
	50166:  {"Entra couldn't read the issuer's keys", adviseIssuer, retry.Transient},
	501661: {"Entra couldn't read the issuer's keys", adviseIssuer, retry.Transient},

	50027:   {"the assertion is malformed", always("check what the assertion's source really returns: it must be the JWT alone, nothing before or after it"), retry.Final},
	700027:  {"the assertion's signature doesn't verify with its issuer's published keys", adviseSignature, retry.Final},
	7000216: {"no client assertion was sent", always("report this to the authors of this library, with the trace ID"), retry.Final},
	700025:  {"the application is a public client, which may not present an assertion", always("in the app registration under Authentication, set 'Allow public client flows' to No, or use another application"), retry.Final},

	700016: {"the application isn't in this tenant", adviseApplication, retry.Final},
	90002:  {"the tenant wasn't found", adviseTenant, retry.Final},
	900023: {"the tenant ID is malformed", adviseTenant, retry.Final},

	500011:  {"the resource isn't in this tenant", adviseScope, retry.Final},
	70011:   {"the scope is malformed", adviseScope, retry.Final},
	1002012: {"the scope doesn't end in /.default", adviseScope, retry.Final},

	50013:  {"the user's assertion was refused, not the client's", adviseUserAssertion, retry.Final},
	500133: {"the user's assertion was refused, not the client's: it is not in its valid time", adviseUserAssertion, retry.Final},

	50196: {"Entra has seen too many of the same requests (loop detected)", adviseThrottled, retry.Transient},
	90006: momentary, 90012: momentary, 90024: momentary, 90033: momentary, 90055: momentary,
}

var momentary = knownCode{"Entra failed for a moment", always("try again later; if it goes on, look at the service health of Microsoft Entra"), retry.Transient}

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

func always(text string) func(*ExchangeError) string {
	return func(*ExchangeError) string { return text }
}

func adviseFederation(e *ExchangeError) string {
	if e.Claims == nil {
		return "create a federated identity credential on the application"
	}
	audience := ""
	if len(e.Claims.Audience) > 0 {
		audience = e.Claims.Audience[0]
	}
	return "create a federated identity credential with exactly this issuer, subject and audience: " +
		advice.FederatedCredential(e.identity.clientID, e.Claims.Issuer, e.Claims.Subject, audience) +
		". One that was made or changed a moment ago takes minutes to work"
}

func adviseLetterCase(e *ExchangeError) string {
	if e.Claims == nil {
		return "compare the letter case of the federated identity credential's subject with the assertion's"
	}
	return fmt.Sprintf("write the federated identity credential's subject exactly as presented, %q; "+
		"az ad app federated-credential list --id %s shows the subject it has now. "+
		"When both look the same, delete the record and create it again", e.Claims.Subject, e.identity.clientID)
}

func adviseRestriction(e *ExchangeError) string {
	issuer := "the issuer"
	if e.Claims != nil {
		issuer = "issuer " + e.Claims.Issuer
	}
	return "ask the tenant's administrators to allow " + issuer + " in the tenant's policy for workload identity federation"
}

func adviseIssuer(e *ExchangeError) string {
	issuer := "the issuer"
	if e.Claims != nil && e.Claims.Issuer != "" {
		issuer = strings.TrimSuffix(e.Claims.Issuer, "/")
	}
	return "Entra has to reach " + issuer + "/.well-known/openid-configuration and the keys it names from the internet: " +
		"a GitHub Enterprise Server behind a firewall must let it in"
}

func adviseSignature(e *ExchangeError) string {
	return "check that the issuer publishes the key that signed the assertion; after a change of keys Entra needs some time. " +
		"Nothing may alter the assertion on its way"
}

func adviseApplication(e *ExchangeError) string {
	return fmt.Sprintf("check the client ID %s and the tenant ID %s: it must be the application's (client) ID, not its object ID or "+
		"its service connection's, in the tenant where the application has a service principal", e.identity.clientID, e.identity.tenantID)
}

func adviseTenant(e *ExchangeError) string {
	return fmt.Sprintf("check the tenant ID %s, and whether it belongs to another cloud than %s (AZURE_AUTHORITY_HOST)",
		e.identity.tenantID, e.asked)
}

func adviseScope(e *ExchangeError) string {
	return fmt.Sprintf("check the scope %q: it is the resource's application ID URI with /.default behind it, "+
		"for example https://vault.azure.net/.default, of a resource that exists in the tenant", strings.Join(e.scopes, " "))
}

func adviseThrottled(*ExchangeError) string {
	return "keep one credential for the whole program, so that its cache serves, instead of making a new one for each request"
}

func adviseUserAssertion(e *ExchangeError) string {
	return "the user assertion passed to NewOnBehalfOfCredential must be an unexpired access token whose audience is this very application (" +
		e.identity.clientID + ") and whose signing key Entra published, not a token for Microsoft Graph or one of your own making; " +
		"the client's assertion was accepted"
}

func adviseStaleAssertion(e *ExchangeError) string {
	if e.clockOffset.Abs() >= advice.WrongClock {
		return "set this machine's clock: " + "it is " + advice.DescribeOffset(e.clockOffset)
	}
	if e.Claims != nil && e.age > 10*time.Minute {
		return fmt.Sprintf("the assertion was already %s old when it arrived: its source hands out a cached one. "+
			"Azure DevOps keeps such tokens up to a day; run the job again, or ask for the token nearer to its use",
			e.age.Round(time.Second))
	}
	return "use a source that requests a new assertion each time instead of one taken at the job's start; " +
		"with a fixed assertion, call Preload before it expires"
}
