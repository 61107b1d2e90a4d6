package azoidc

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/internal/retry"
)

// A knownCode is what is known of one AADSTS code.
type knownCode struct {
	meaning string
	advice  func(*ExchangeError) string
	verdict retry.Verdict
}

// knownCodes holds the codes that workload identities meet. A code that isn't here is final. Each is documented in one of
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes, https://login.microsoftonline.com/error and
// https://learn.microsoft.com/azure/devops/pipelines/release/troubleshoot-workload-identity, or asked about in the issues of
// azure/login, azure-cli, azure-pipelines-tasks, azure-workload-identity and Terraform's providers.
var knownCodes = map[int]knownCode{
	// The assertion's time.
	700024: {"the client assertion is not in its valid time", adviseStaleAssertion, retry.StaleAssertion},

	// No federated identity credential matches. One that was made a moment ago isn't known everywhere.
	70021:   {"no federated identity credential matches the assertion", adviseFederation, retry.NotReplicated},
	700211:  {"no federated identity credential has the assertion's issuer", adviseFederation, retry.NotReplicated},
	700212:  {"no federated identity credential has the assertion's audience", adviseFederation, retry.NotReplicated},
	700213:  {"no federated identity credential has the assertion's subject", adviseFederation, retry.NotReplicated},
	7002131: {"no federated identity credential has the assertion's subject, and no claims matching expression matches it", adviseFederation, retry.NotReplicated},
	70025:   {"the application has no federated identity credential", adviseFederation, retry.Final},
	7000226: {"the application has no federated identity credential", adviseFederation, retry.Final},
	7002137: {"no federated identity credential has the assertion's subject, which Entra writes with the tenant's ID in base64url", adviseFederation, retry.Final},
	7002138: {"a federated identity credential has the assertion's subject in other letter case", adviseLetterCase, retry.Final},
	700214:  {"the federated identity credential holds an audience that Entra's own tokens aren't taken for", adviseAudience, retry.Final},

	// A flexible federated identity credential is wrong by itself.
	700233:  {"the claims matching expression of a flexible federated identity credential can't be read", adviseExpression, retry.Final},
	700234:  {"the claims matching expression of a flexible federated identity credential failed", adviseExpression, retry.Final},
	700235:  {"a flexible federated identity credential isn't for this kind of identity", always("make the flexible credential on an application (app registration); a managed identity takes one with the exact subject"), retry.Final},
	700237:  {"the claims matching expression of a flexible federated identity credential isn't allowed", adviseExpression, retry.Final},
	7002241: {"the issuer isn't one that a flexible federated identity credential may name", always("make a federated identity credential with the exact subject: flexible ones are for https://token.actions.githubusercontent.com, GitLab and Terraform Cloud only"), retry.Final},

	// The tenant or the kind of token keeps the federation from being used.
	70052:   {"the federated identity credential is of an application for several tenants, which isn't allowed", always("use an application of this tenant (signInAudience AzureADMyOrg), or a managed identity; one for each tenant"), retry.Final},
	700222:  {"Entra doesn't take tokens of its own here", adviseEntraIssued, retry.Final},
	700229:  {"the token is a user's, and only an application's can be exchanged", adviseEntraIssued, retry.Final},
	700231:  {"the token came out of a federated identity credential itself, and can't be exchanged again", adviseEntraIssued, retry.Final},
	700223:  {"the tenant restricts workload identity federation", adviseRestriction, retry.Final},
	700238:  {"the tenant restricts workload identity federation", adviseRestriction, retry.Final},
	7002381: {"the tenant restricts workload identity federation", adviseRestriction, retry.Final},

	// Entra asks the issuer for its keys.
	50166:  {"Entra couldn't read the issuer's keys", adviseIssuer, retry.Transient},
	501661: {"Entra couldn't read the issuer's keys", adviseIssuer, retry.Transient},
	90061:  {"Entra couldn't reach the issuer", adviseIssuer, retry.Transient},
	900612: {"Entra couldn't read the issuer's keys", adviseIssuer, retry.Transient},

	// The assertion isn't what it should be.
	50027:   {"the assertion is malformed", adviseWrongToken, retry.Final},
	50048:   {"Entra took the assertion for one that the application signs itself", adviseWrongToken, retry.Final},
	700021:  {"Entra took the assertion for one that the application signs itself", adviseWrongToken, retry.Final},
	700027:  {"the assertion's signature doesn't verify with its issuer's published keys", adviseSignature, retry.Final},
	7000216: {"no client assertion was sent", adviseMangled, retry.Final},
	7000218: {"neither a client assertion nor a secret was sent", adviseMangled, retry.Final},
	90014:   {"the request lacked a field", adviseMangled, retry.Final},
	900144:  {"the request lacked a parameter", adviseMangled, retry.Final},
	9002313: {"the request was malformed", adviseMangled, retry.Final},
	7000215: {"a client secret is wrong", adviseSecret, retry.Final},
	7000222: {"a client secret has expired", adviseSecret, retry.Final},

	// The application.
	700016:  {"the application isn't in this tenant", adviseApplication, retry.Final},
	700011:  {"the application isn't in this tenant", adviseApplication, retry.Final},
	7000229: {"the application has no service principal in this tenant", adviseServicePrincipal, retry.Final},
	70001:   {"the application is disabled, or isn't in this tenant", adviseDisabled, retry.Final},
	7000112: {"the application is disabled", adviseDisabled, retry.Final},
	1000031: {"the application can't be used at this time", adviseDisabled, retry.Final},
	700025:  {"the application is a public client, which may not present an assertion", always("in the app registration under Authentication, set 'Allow public client flows' to No, or use another application"), retry.Final},

	// The tenant and its cloud.
	90002:   {"the tenant wasn't found", adviseTenant, retry.Final},
	900021:  {"the tenant ID isn't valid", adviseTenant, retry.Final},
	900023:  {"the tenant ID is malformed", adviseTenant, retry.Final},
	90019:   {"the request names no tenant", adviseTenant, retry.Final},
	50059:   {"the request names no tenant", adviseTenant, retry.Final},
	50194:   {"the application is for one tenant, and the request names none", adviseTenant, retry.Final},
	5000224: {"the tenant isn't available: deleted, or blocked", adviseTenant, retry.Final},
	90038:   {"the tenant belongs to another cloud", adviseCloud, retry.Final},
	900382:  {"the tenant belongs to another cloud, which takes no application across clouds", adviseCloud, retry.Final},
	900432:  {"the tenant belongs to another cloud, which takes no application across clouds", adviseCloud, retry.Final},
	900439:  {"the tenant belongs to Azure US Government", adviseCloud, retry.Final},
	900440:  {"the tenant belongs to the public cloud", adviseCloud, retry.Final},
	50049:   {"Entra doesn't know the authority host", adviseDiscovery, retry.Final},

	// Policies of the tenant.
	53003:  {"a Conditional Access policy blocks the application", adviseConditionalAccess, retry.Final},
	530031: {"an access policy blocks the application", adviseConditionalAccess, retry.Final},
	530032: {"a security policy of the tenant blocks the application", adviseConditionalAccess, retry.Final},
	53011:  {"the identity is blocked as risky", adviseConditionalAccess, retry.Final},
	50131:  {"the request was blocked as suspicious, or by a policy", adviseConditionalAccess, retry.Final},
	500021: {"a proxy on the way restricts which tenants may be used", adviseTenantRestriction, retry.Final},
	500022: {"a proxy on the way restricts which tenants may be used", adviseTenantRestriction, retry.Final},

	// The resource and what the application may do there.
	500011:  {"the resource isn't in this tenant", adviseResource, retry.Final},
	50001:   {"the resource isn't in this tenant, or is disabled", adviseResource, retry.Final},
	500014:  {"the resource's service principal is disabled", adviseDisabledResource, retry.Final},
	650052:  {"the resource has no service principal in this tenant", adviseResource, retry.Final},
	650057:  {"the resource isn't among those that the application asks permissions for", adviseResource, retry.Final},
	50105:   {"the resource wants its callers assigned, and this one isn't", adviseAssignment, retry.Final},
	501051:  {"the resource wants its callers assigned, and the application isn't", adviseAssignment, retry.Final},
	65001:   {"nobody has consented to what the application asks for", adviseConsent, retry.Final},
	650056:  {"the application lacks permissions or consent", adviseConsent, retry.Final},
	90094:   {"an administrator has to consent to what the application asks for", adviseConsent, retry.Final},
	70011:   {"the scope is malformed", adviseScope, retry.Final},
	28002:   {"the scope isn't valid", adviseScope, retry.Final},
	1002012: {"the scope doesn't end in /.default", adviseScope, retry.Final},

	// On behalf of a user.
	50013:   {"the user's assertion was refused, not the client's", adviseUserAssertion, retry.Final},
	500131:  {"the user's assertion was refused, not the client's: its audience is another application", adviseUserAssertion, retry.Final},
	500132:  {"the user's assertion was refused, not the client's: it is malformed", adviseUserAssertion, retry.Final},
	500133:  {"the user's assertion was refused, not the client's: it is not in its valid time", adviseUserAssertion, retry.Final},
	50173:   {"the user's sign-in was revoked", adviseInteraction, retry.Final},
	50076:   {"the user has to sign in with a second factor", adviseInteraction, retry.Final},
	50079:   {"the user has to register a second factor", adviseInteraction, retry.Final},
	50020:   {"the user isn't in this tenant", adviseUser, retry.Final},
	50034:   {"the user isn't in this tenant", adviseUser, retry.Final},
	50057:   {"the user's account is disabled", adviseUser, retry.Final},
	7000113: {"the application may not act on behalf of users", adviseOnBehalfOf, retry.Final},
	7000114: {"the application may not act on behalf of users", adviseOnBehalfOf, retry.Final},

	// Too much, or for a moment.
	50196: {"Entra has seen too many of the same requests (loop detected)", adviseThrottled, retry.Transient},
	90055: {"Entra throttles the whole tenant", adviseThrottled, retry.Transient},
	50033: momentary, 90006: momentary, 90012: momentary, 90024: momentary, 90033: momentary, 90090: momentary,
	1100000: {"Entra gave up on a request that it makes itself while it issues the token", adviseDependency, retry.Final},
	1100001: {"Entra gave up on a request that it makes itself while it issues the token", adviseDependency, retry.Final},
}

var momentary = knownCode{"Entra failed for a moment", always(adviseLater), retry.Transient}

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
	// One member of another type than documented, or a cut document, doesn't hide the code.
	if json.Unmarshal(body, &e) != nil && e.ErrorDescription == "" && aadstsCode.Match(body) {
		e.ErrorDescription = string(body)
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

// presented is what e's assertion says, fit for a text.
func (e *ExchangeError) presented() advice.Presented {
	c := e.Claims
	audience := ""
	if len(c.Audience) > 0 {
		audience = c.Audience[0]
	}
	return advice.Presented{
		Issuer: redact.Line(c.Issuer), Subject: redact.Line(c.Subject), Audience: redact.Line(audience),
		JobWorkflowRef: redact.Line(c.JobWorkflowRef), RepositoryID: c.RepositoryID, RepositoryOwnerID: c.RepositoryOwnerID,
	}
}

func adviseFederation(e *ExchangeError) string {
	if e.Claims == nil {
		return "create a federated identity credential on the application"
	}
	p, exchange := e.presented(), e.host.audience()
	wanted := advice.NewFederatedCredential(p, exchange)
	do := "create a federated identity credential with exactly the presented issuer, subject and audience"
	if wanted.Audience != p.Audience {
		do += " " + wanted.Audience + ", which Entra takes the presented one for"
	}
	lines := []string{do + ": the first line for an application, the second for a user-assigned managed identity. A new or changed one takes minutes to work"}
	lines = append(lines, wanted.Commands(e.identity.clientID)...)
	if c, asked := advice.Flexible(p, exchange); asked {
		lines = append(lines, c.Reason+": for an application, a flexible credential fits better", c.ForApplication(e.identity.clientID))
	}
	return strings.Join(lines, "\n")
}

// notes tell what is known of the presented subject, where a subject is what doesn't match.
func (e *ExchangeError) notes() []string {
	if e.Claims == nil || e.known.advice == nil {
		return nil
	}
	switch e.Code {
	case "AADSTS70021", "AADSTS700211", "AADSTS700213", "AADSTS7002131", "AADSTS7002138", "AADSTS70025":
	default:
		return nil
	}
	p := e.presented()
	var notes []string
	for _, note := range []string{advice.OtherSubject(p), advice.About(p)} {
		if note != "" {
			notes = append(notes, note)
		}
	}
	return notes
}

func adviseLetterCase(e *ExchangeError) string {
	if e.Claims == nil {
		return "compare the letter case of the federated identity credential's subject with the assertion's"
	}
	return fmt.Sprintf("write the federated identity credential's subject exactly as presented, %s. The first line shows what an application's "+
		"credentials hold, the second a managed identity's. When both look the same, delete the credential and create it again\n"+
		"az ad app federated-credential list --id %s --query \"[].subject\"\n"+
		"az identity federated-credential list --identity-name IDENTITY_NAME --resource-group RESOURCE_GROUP --query \"[].subject\"",
		e.presented().Subject, advice.Quote(e.identity.clientID))
}

func adviseAudience(e *ExchangeError) string {
	return "in the federated identity credential, replace the audience by " + e.host.audience() +
		": the GUID that Entra's tokens carry stands for it and can't be registered, nor can any other"
}

func adviseExpression(*ExchangeError) string {
	return "correct the expression: claims['NAME'], one operator (eq or matches), a value in single quotes, parts joined by and; for GitHub it must demand " +
		"repository_id or repository_owner_id by eq. See https://learn.microsoft.com/entra/workload-id/workload-identities-flexible-federated-identity-credentials"
}

func adviseEntraIssued(*ExchangeError) string {
	return "present a token that the CI system issues, or one that Entra issues to a managed identity or a service connection: " +
		"neither a user's nor one that was itself exchanged for another"
}

func adviseRestriction(e *ExchangeError) string {
	issuer := "the issuer"
	if e.Claims != nil {
		issuer = "issuer " + e.presented().Issuer
	}
	return "ask the tenant's administrators to allow " + issuer + " in the tenant's policy for workload identity federation, " +
		"for applications, managed identities or both: a managed identity may be allowed where an application isn't"
}

func adviseIssuer(e *ExchangeError) string {
	issuer := "the issuer"
	if e.Claims != nil && e.Claims.Issuer != "" {
		issuer = strings.TrimSuffix(e.presented().Issuer, "/")
	}
	return "Entra has to reach " + issuer + "/.well-known/openid-configuration and the keys it names from the internet: " +
		"a GitHub Enterprise Server behind a firewall must let it in. Where it can, this is an outage: try again later"
}

func adviseWrongToken(e *ExchangeError) string {
	return "check what the assertion's source really returns: the OIDC token of a CI system or a cluster, as a JWT alone, nothing before or after it; " +
		"not an access token, and not one of the application's own making"
}

func adviseSignature(e *ExchangeError) string {
	return "check that the issuer publishes the key that signed the assertion; after a change of keys Entra needs some time. " +
		"Nothing may alter the assertion on its way"
}

func adviseMangled(*ExchangeError) string {
	return "check whether a proxy or an added policy (PerCallPolicies, Transport) changes the request; if none does, report this to the authors of this library, with the trace ID"
}

func adviseSecret(*ExchangeError) string {
	return "these credentials send no secret, so another one of the program does: remove AZURE_CLIENT_SECRET to sign in with the job's OIDC token, " +
		"or put a new secret's value (not its ID) there; a service connection with a secret can be converted to workload identity federation"
}

func adviseApplication(e *ExchangeError) string {
	return fmt.Sprintf("check the client ID %s and the tenant ID %s: it must be the application's (client) ID, not its object ID or "+
		"its service connection's, in the tenant where the application has a service principal", e.identity.clientID, e.identity.tenantID)
}

func adviseServicePrincipal(e *ExchangeError) string {
	return "create the service principal, which an app registration made by az ad app create doesn't have yet, and give it its roles; and check the tenant ID " +
		e.identity.tenantID + "\naz ad sp create --id " + advice.Quote(e.identity.clientID)
}

func adviseDisabled(e *ExchangeError) string {
	return "enable it again, in the portal under Enterprise applications > Properties > Enabled for users to sign-in, or ask whoever disabled it\n" +
		"az ad sp update --id " + advice.Quote(e.identity.clientID) + " --set accountEnabled=true"
}

func adviseTenant(e *ExchangeError) string {
	return fmt.Sprintf("check the tenant ID %s, and whether it belongs to another cloud than that of %s (AZURE_AUTHORITY_HOST)",
		e.identity.tenantID, e.host)
}

func adviseCloud(e *ExchangeError) string {
	return fmt.Sprintf("the tenant %s isn't in the cloud of %s: set AZURE_AUTHORITY_HOST to that of the tenant's cloud, which is "+
		"https://login.microsoftonline.com, https://login.microsoftonline.us (US Government) or https://login.partner.microsoftonline.cn (China)",
		e.identity.tenantID, e.host)
}

func adviseDiscovery(e *ExchangeError) string {
	return fmt.Sprintf("%s isn't one of Entra's well-known hosts, so login.microsoftonline.com is asked about it first: for a private or disconnected cloud, or a "+
		"test's authority, set CredentialOptions.DisableInstanceDiscovery (with azoidc: -disable-instance-discovery); otherwise check AZURE_AUTHORITY_HOST", e.host)
}

func adviseConditionalAccess(e *ExchangeError) string {
	return "ask the tenant's administrators which policy it is (Entra admin center > Sign-in logs > Service principal sign-ins, by the correlation ID). " +
		"Conditional Access for workload identities blocks by address and by risk: run the job on a runner whose address the policy admits, " +
		"or have service principal " + e.identity.clientID + " excluded; a managed identity isn't covered"
}

func adviseTenantRestriction(e *ExchangeError) string {
	return "a proxy adds a Restrict-Access-To-Tenants header, and tenant " + e.identity.tenantID + " isn't in it: have the tenant added, or the runner's traffic exempted"
}

// resource is what the scopes are of, as Entra names it.
func (e *ExchangeError) resource() string {
	var resources []string
	for _, scope := range e.scopes {
		resources = append(resources, strings.TrimSuffix(scope, defaultSuffix))
	}
	return redact.Line(strings.Join(resources, " "))
}

func adviseResource(e *ExchangeError) string {
	return fmt.Sprintf("the resource is %s, by the scope: check its spelling, and that tenant %s has it. A service of Microsoft's comes into a tenant "+
		"when its resource provider is registered or a product that has it is bought, another application with az ad sp create --id ITS_CLIENT_ID",
		e.resource(), e.identity.tenantID)
}

func adviseDisabledResource(e *ExchangeError) string {
	return fmt.Sprintf("the resource is %s, by the scope: in tenant %s its enterprise application is disabled, or the subscription that brought it has lapsed. "+
		"An administrator can enable it again", e.resource(), e.identity.tenantID)
}

func adviseAssignment(e *ExchangeError) string {
	return fmt.Sprintf("the resource %s demands an assignment: give the application %s one of its app roles (az rest, or the portal: "+
		"API permissions > Application permissions, then grant admin consent), or switch 'Assignment required' off at the resource's enterprise application",
		e.resource(), e.identity.clientID)
}

func adviseConsent(e *ExchangeError) string {
	return fmt.Sprintf("an administrator must grant the application the permissions that it asks of %s: "+
		"in the portal under API permissions > Grant admin consent, or\naz ad app permission admin-consent --id %s", e.resource(), advice.Quote(e.identity.clientID))
}

func adviseScope(e *ExchangeError) string {
	return fmt.Sprintf("check the scope %s: it is the resource's application ID URI with /.default behind it, "+
		"for example https://vault.azure.net/.default, of a resource that exists in the tenant", redact.Line(strings.Join(e.scopes, " ")))
}

const adviseLater = "try again later; if it goes on, look at the service health of Microsoft Entra"

func adviseThrottled(e *ExchangeError) string {
	return "Entra counts the requests of application " + e.identity.clientID + " in its tenant, those of all its jobs and machines together: " +
		"keep one credential for the whole program, so that its cache serves, instead of making one for each request; " +
		"Preload the scopes once; and spread jobs that begin together, or give them applications of their own"
}

func adviseDependency(*ExchangeError) string {
	return "try again later, for it may be throttling. If it goes on and the application has a custom claims provider or a token issuance event, " +
		"check the API behind it (Entra admin center > Sign-in logs > Authentication events); otherwise quote the trace ID to Microsoft's support"
}

func adviseUserAssertion(e *ExchangeError) string {
	return "the user assertion passed to NewOnBehalfOfCredential must be an unexpired access token whose audience is this very application (" +
		e.identity.clientID + ") and whose signing key Entra published, not a token for Microsoft Graph or one of your own making; " +
		"the client's assertion was accepted"
}

func adviseInteraction(*ExchangeError) string {
	return "the user has to sign in again: answer the caller with 401 and the claims challenge of this error's answer " +
		"(see https://learn.microsoft.com/entra/identity-platform/claims-challenge), so that its next access token satisfies it"
}

func adviseUser(e *ExchangeError) string {
	return "check that the user's access token is of tenant " + e.identity.tenantID + ", and that the user is a member or guest there and enabled; " +
		"a job signs in as an application, never as a user"
}

func adviseOnBehalfOf(e *ExchangeError) string {
	return "allow it, or let the application act as itself: the app registration " + e.identity.clientID + " must not be a managed identity or a first-party application"
}

func adviseStaleAssertion(e *ExchangeError) string {
	if e.clockOffset.Abs() >= advice.WrongClock {
		return "set this machine's clock: " + "it is " + advice.DescribeOffset(e.clockOffset)
	}
	if e.Claims == nil || e.Claims.IssuedAt.IsZero() {
		return "check this machine's clock, and that the source requests a new assertion each time"
	}
	age, over := e.arrived.Sub(e.Claims.IssuedAt), e.arrived.Sub(e.Claims.ExpiresAt)
	switch {
	case age > 10*time.Minute:
		return fmt.Sprintf("the assertion was already %s old when it arrived: its source hands out a cached one. "+
			"Azure DevOps keeps such tokens up to a day; run the job again, or ask for the token nearer to its use",
			age.Round(time.Second))
	case !e.Claims.ExpiresAt.IsZero() && over > 0:
		return fmt.Sprintf("the assertion had ended %s before it was presented: use a source that requests a new one each time "+
			"instead of one taken at the job's start; with a fixed assertion, call Preload before it expires", over.Round(time.Second))
	}
	return fmt.Sprintf("the assertion was new: it came %s after it was issued, at %s by this machine's clock, which is %s (%s by Entra's). "+
		"So the issuer's clock and Entra's disagree, or one of Entra's servers is wrong: run the job again, and if it stays so, "+
		"quote the trace ID to Microsoft's support", max(age, 0).Round(time.Second), timestamp(e.received), advice.DescribeOffset(e.clockOffset),
		timestamp(e.received.Add(e.clockOffset)))
}
