package azoidc

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/azoidc/azoidc/internal/outbound"
)

// wrongClock is the clock offset from which an error blames the clock: a token is refused at about five minutes.
const wrongClock = 2 * time.Minute

func (e *ExchangeError) headline() string {
	switch {
	case e.problem != "":
		return e.problem
	case e.Code != "":
		return fmt.Sprintf("Entra refused the exchange with %s (HTTP %d)%s", e.Code, e.StatusCode, prefixed(": ", e.refusal.meaning))
	case e.retryAfter > 0:
		return fmt.Sprintf("Entra answered HTTP %d and asked to be left alone for %s", e.StatusCode, e.retryAfter)
	}
	return fmt.Sprintf("Entra answered HTTP %d", e.StatusCode)
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func (e *ExchangeError) advice() string {
	switch {
	case e.refusal.advice != nil:
		return e.refusal.advice(e)
	case e.cause != nil:
		return adviseNetwork(e.cause)
	case e.StatusCode >= 300 && e.StatusCode < 400:
		return adviseRedirect
	case e.StatusCode == http.StatusTooManyRequests || e.StatusCode >= 500 || e.StatusCode == http.StatusOK:
		return "try again later; if it goes on, look at the service health of Microsoft Entra"
	case e.Code != "":
		return "look the code up at https://login.microsoftonline.com/error?code=" + strings.TrimPrefix(e.Code, "AADSTS")
	}
	return "check the authority host (AZURE_AUTHORITY_HOST) and the proxy: what answers there doesn't speak as Microsoft Entra does"
}

const adviseRedirect = "a request for a token is never redirected: check the address, and whether a proxy answers in the service's place"

// adviseService is for an answer of an OIDC endpoint that says nothing by itself: a failure of the service, whose status
// page may know of it, or the wrong address.
func adviseService(status int, statusPage, variable string) string {
	switch {
	case status >= 300 && status < 400:
		return adviseRedirect
	case status < 300, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		return "try again later; if it goes on, look at " + statusPage
	}
	return "check that " + variable + " is passed on as the CI system set it"
}

// adviseNetwork says what to do about a request that no answer came for.
func adviseNetwork(err error) string {
	var (
		dns      *net.DNSError
		verify   *tls.CertificateVerificationError
		notTLS   tls.RecordHeaderError
		deadline = errors.Is(err, context.DeadlineExceeded)
	)
	switch {
	case errors.Is(err, outbound.ErrInsecure):
		return "use an https address; plain http is for loopback only"
	case errors.Is(err, outbound.ErrRedirected):
		return "let the Transport hand redirects back instead of following them, as http.Client does with CheckRedirect returning http.ErrUseLastResponse"
	case errors.Is(err, outbound.ErrTooLarge):
		return "check the address: what answers there is no token service"
	case errors.Is(err, context.Canceled):
		return ""
	case errors.As(err, &dns):
		return "check that this machine can resolve " + dns.Name + ", and its proxy settings (HTTPS_PROXY)"
	case errors.As(err, &verify), errors.As(err, &notTLS):
		return "check this machine's clock and its certificate authorities: a proxy that opens TLS needs its own authority installed (SSL_CERT_FILE)"
	case deadline:
		return "the service didn't answer in time: check the network and the proxy; RetryOptions.TryTimeout and TokenCacheOptions.AcquireTimeout set the times"
	}
	return "check the network, the firewall and the proxy (HTTPS_PROXY) between this machine and the service, then try again"
}

func advise(text string) func(*ExchangeError) string {
	return func(*ExchangeError) string { return text }
}

func adviseFederation(e *ExchangeError) string {
	if e.Claims == nil {
		return "create a federated identity credential on the application"
	}
	parameters, err := json.Marshal(map[string]any{
		"name": "azoidc", "issuer": e.Claims.Issuer, "subject": e.Claims.Subject, "audiences": e.Claims.Audience,
	})
	if err != nil { // only a broken UTF-8 encoder would
		parameters = []byte(err.Error())
	}
	return fmt.Sprintf("create a federated identity credential with exactly this issuer, subject and audience: "+
		"az ad app federated-credential create --id %s --parameters '%s'. One that was made or changed a moment ago takes minutes to work",
		e.identity.clientID, strings.ReplaceAll(string(parameters), "'", `'\''`))
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
	if e.clockOffset.Abs() >= wrongClock {
		return "set this machine's clock: " + describeOffset(e.clockOffset)
	}
	if e.Claims != nil && e.age > 10*time.Minute {
		return fmt.Sprintf("the assertion was already %s old when it arrived: its source hands out a cached one. "+
			"Azure DevOps keeps such tokens up to a day; run the job again, or ask for the token nearer to its use",
			e.age.Round(time.Second))
	}
	return "use a source that requests a new assertion each time instead of one taken at the job's start; " +
		"with a fixed assertion, call Preload before it expires"
}

func describeOffset(offset time.Duration) string {
	direction := "behind"
	if offset < 0 {
		direction = "ahead of"
	}
	return fmt.Sprintf("it is %s %s the server's", offset.Abs().Round(time.Second), direction)
}
