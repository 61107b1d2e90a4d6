package scenarios_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// A fault and what is to come of it.
type faultCase struct {
	name  string
	fault azoidctest.Fault
	want  []string // in the error, when it lasts
}

const (
	html    = "<!DOCTYPE html><html><title>Sign in</title>" + testkit.Canary + "</html>"
	anyJWT  = "eyJhbGciOiJub25lIn0." + testkit.Canary + "." + testkit.Canary
	jwtBody = `{"access_token":"` + anyJWT + `"%s}`
)

// retryAtDate answers with the other form of Retry-After.
func retryAtDate(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.Header().Set("Retry-After", time.Now().Add(7*time.Second).UTC().Format(http.TimeFormat))
	w.WriteHeader(http.StatusServiceUnavailable)
}

// announce promises a body that doesn't come.
func announce(length string) azoidctest.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Length", length)
		w.WriteHeader(http.StatusOK)
	}
}

// echo answers with what it got, secrets included.
func echo(code int) azoidctest.Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_ = r.ParseForm()
		w.WriteHeader(code)
		fmt.Fprintf(w, "you sent %s and %s and %s", r.Header.Get("Authorization"), r.Form.Encode(), r.Form.Get("client_assertion"))
	}
}

// passing are faults of any leg that another attempt survives.
var passing = []faultCase{
	{"reset", azoidctest.Drop(), []string{"connection reset"}},
	{"truncated", azoidctest.Truncate(), nil},
	{"empty 200", azoidctest.Empty(), nil},
	{"hang", azoidctest.Hang(), []string{"deadline"}},
	{"408", testkit.Text(408, "slow "+anyJWT), []string{"HTTP 408", "slow"}},
	{"429", testkit.Text(429, "too many"), []string{"HTTP 429", "too many"}},
	{"500", testkit.Text(500, "oops"), []string{"HTTP 500", "oops"}},
	{"502", testkit.Text(502, html), []string{"HTTP 502", "HTML page"}},
	{"503, Retry-After in seconds", testkit.RetryAfterIn("7"), []string{"HTTP 503"}},
	{"503, Retry-After as a date", retryAtDate, []string{"HTTP 503"}},
	{"504", testkit.Text(504, ""), []string{"HTTP 504"}},
	{"500 that echoes", echo(500), []string{"you sent"}},
	{"EOF", testkit.Failing("EOF"), []string{"EOF"}},
	{"TLS failure", testkit.Failing("TLS"), []string{"unknown authority", "this machine's clock and its certificate authorities"}},
	{"DNS failure", testkit.Failing("DNS"), []string{"no such host", "can resolve login.example"}},
}

func passingOn(leg azoidctest.Leg) []faultCase {
	switch leg {
	case azoidctest.GitHubOIDC:
		return append(passing,
			faultCase{"null value", testkit.Text(200, `{"count":1,"value":null}`), []string{"without a token"}},
			faultCase{"203 with a page", testkit.Text(203, html), []string{"HTTP 203 without a token"}},
			faultCase{"no JSON", testkit.Text(200, testkit.Canary), []string{"without a token"}})
	case azoidctest.AzureDevOpsOIDC:
		return append(passing,
			faultCase{"null token", testkit.Text(200, `{"oidcToken":null}`), []string{"without a token"}},
			faultCase{"203 with a page", testkit.Text(203, html), []string{"HTTP 203 without a token", "SYSTEM_ACCESSTOKEN"}},
			faultCase{"200 with an exception", testkit.Text(200, `{"$id":"1","innerException":null,"message":"TF400898: An internal error","typeName":"t","errorCode":0,"eventId":3000}`),
				[]string{"without a token", "TF400898: An internal error"}},
			faultCase{"value that looks like a token", testkit.Text(200, `{"value":"`+anyJWT+`"}`), []string{"without a token"}})
	case azoidctest.EntraToken:
		return append(passing,
			faultCase{"700024", azoidctest.EntraRefusal(700024), []string{"AADSTS700024"}},
			faultCase{"700213", azoidctest.EntraRefusal(700213), []string{"AADSTS700213"}},
			faultCase{"70021", azoidctest.EntraRefusal(70021), []string{"AADSTS70021"}},
			faultCase{"90033", azoidctest.EntraRefusal(90033), []string{"AADSTS90033"}},
			faultCase{"90055", azoidctest.EntraRefusal(90055), []string{"AADSTS90055"}},
			faultCase{"50166", azoidctest.EntraRefusal(50166), []string{"AADSTS50166"}},
			faultCase{"no access_token", testkit.Text(200, `{"expires_in":3600}`), []string{"no access_token"}},
			faultCase{"no expires_in", testkit.Text(200, fmt.Sprintf(jwtBody, "")), []string{"no expires_in above 0"}},
			faultCase{"expires_in 0", testkit.Text(200, fmt.Sprintf(jwtBody, `,"expires_in":0`)), []string{"no expires_in above 0"}},
			faultCase{"expires_in -1", testkit.Text(200, fmt.Sprintf(jwtBody, `,"expires_in":"-1"`)), []string{"no expires_in above 0"}},
			faultCase{"no JSON", testkit.Text(200, anyJWT), []string{"no JSON"}})
	}
	return passing
}

// lasting are faults that no attempt helps against.
var lasting = []faultCase{
	{"400", testkit.Text(400, "bad "+anyJWT), []string{"HTTP 400", "bad [redacted]"}},
	{"401", testkit.Text(401, "who?"), []string{"HTTP 401", "who?"}},
	{"403 that echoes", echo(403), []string{"HTTP 403", "you sent "}},
	{"404", testkit.Text(404, html), []string{"HTTP 404", "HTML page"}},
	{"endless", azoidctest.Endless(), []string{"larger than any token answer"}},
	{"announced too large", announce("9999999"), []string{"larger than any token answer"}},
	{"301", testkit.Redirect(301), []string{"HTTP 301", "never redirected"}},
	{"302", testkit.Redirect(302), []string{"HTTP 302", "never redirected"}},
	{"303", testkit.Redirect(303), []string{"HTTP 303", "never redirected"}},
	{"307", testkit.Redirect(307), []string{"HTTP 307", "never redirected"}},
	{"308", testkit.Redirect(308), []string{"HTTP 308", "never redirected"}},
}

func lastingOn(leg azoidctest.Leg) []faultCase {
	switch leg {
	case azoidctest.GitHubOIDC:
		return append(lasting,
			faultCase{"GitHub's 400", testkit.Text(400, `{"source":"actions-run-service","statusCode":400,"errorMessage":"Can't issue ID_TOKEN for audience 'x'"}`),
				[]string{"Can't issue ID_TOKEN", "check the audience"}},
			faultCase{"expired request token", testkit.Text(401, `{"message":"expired"}`), []string{"about 6 hours after the job's start"}},
			faultCase{"no JWT", testkit.Text(200, `{"value":"`+testkit.Canary+`"}`), []string{"not a JWT"}},
			faultCase{"expired assertion", testkit.Text(200, `{"value":"`+testbed.JWT(`{"iss":"i","sub":"s","exp":1000}`)+`"}`), []string{"expired", "issuer i, subject s"}})
	case azoidctest.AzureDevOpsOIDC:
		return append(lasting,
			faultCase{"no reference", testkit.Text(200, `{"count":151,"value":"There is no explicit reference to service connection 1 from current stage X"}`),
				[]string{"There is no explicit reference", "in every stage"}},
			faultCase{"401 with identifiers", azoidctest.Status(401, http.Header{"X-Vss-E2eid": {"e2e-1"}, "X-Msedge-Ref": {"edge-1"}}, ""),
				[]string{"SYSTEM_ACCESSTOKEN isn't accepted", "X-Vss-E2eid e2e-1", "X-Msedge-Ref edge-1"}})
	case azoidctest.EntraToken:
		cases := lasting
		for _, code := range []int{700016, 7002138, 90002, 900023, 1002012, 70011, 500011, 70025, 50027, 700027, 700025} {
			cases = append(cases, faultCase{fmt.Sprint(code), azoidctest.EntraRefusal(code), []string{fmt.Sprintf("AADSTS%d", code)}})
		}
		return cases
	}
	return lasting
}

// eachFault runs a test in a bubble for each testkit.System, leg and fault; with -short, on Entra's legs for one system only,
// and what any leg can have on one of three.
func eachFault(t *testing.T, casesOn func(azoidctest.Leg) []faultCase, run func(*testing.T, *azoidctest.Cloud, testkit.System, azoidctest.Leg, faultCase)) {
	for _, s := range testkit.Systems {
		for turn, leg := range s.Legs() {
			if testing.Short() && isEntrasAgain(s, leg) {
				continue
			}
			for number, c := range casesOn(leg) {
				if testing.Short() && onAnyLegToo(c) && (number+turn)%3 != 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%s", s.Name, leg, c.name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { run(t, testkit.NewCloud(), s, leg, c) })
				})
			}
		}
	}
}

func onAnyLegToo(c faultCase) bool {
	return slices.ContainsFunc(slices.Concat(passing, lasting), func(other faultCase) bool { return other.name == c.name })
}

// TestAPassingFaultIsSurvived on every leg, with an assertion of its own for each attempt.
func TestAPassingFaultIsSurvived(t *testing.T) {
	testbed.NotShort(t, "tries each fault on each leg")
	eachFault(t, passingOn, func(t *testing.T, cloud *azoidctest.Cloud, s testkit.System, leg azoidctest.Leg, c faultCase) {
		lines := testkit.Logged.Keep(t)
		cloud.FailNext(leg, 1, c.fault)
		start := time.Now()
		testkit.Get(t, s.Cred(t, cloud), testkit.VaultScope)
		require.Less(t, time.Since(start), time.Minute)
		testkit.RequireNewAssertions(t, cloud, s)
		testkit.RequireNoSecretLogged(t, lines(), cloud)
	})
}

// TestALastingFaultIsExplained whether attempts help against it or not, within AcquireTimeout.
func TestALastingFaultIsExplained(t *testing.T) {
	testbed.NotShort(t, "tries each fault on each leg")
	eachFault(t, func(leg azoidctest.Leg) []faultCase { return append(passingOn(leg), lastingOn(leg)...) },
		func(t *testing.T, cloud *azoidctest.Cloud, s testkit.System, leg azoidctest.Leg, c faultCase) {
			lines := testkit.Logged.Keep(t)
			cloud.Fail(leg, c.fault)
			start := time.Now()
			_, err := s.Cred(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			require.LessOrEqual(t, time.Since(start), 2*time.Minute)
			requireExplained(t, err, s, leg)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			testkit.RequireNewAssertions(t, cloud, s)
			testkit.RequireNoSecret(t, err, cloud)
			testkit.RequireNoSecretLogged(t, lines(), cloud)
		})
}

// requireExplained checks what each error has, by the leg that failed.
func requireExplained(t *testing.T, err error, s testkit.System, leg azoidctest.Leg) {
	t.Helper()
	var failed *azidentity.AuthenticationFailedError
	require.ErrorAs(t, err, &failed, "programs written for azidentity handle it")
	require.ErrorContains(t, err, "\n  do:        ", "what to do next")
	if leg == s.Leg {
		var unusable *azoidc.AssertionError
		require.ErrorAs(t, err, &unusable)
		require.Equal(t, s.Name, unusable.Source)
		require.Error(t, unusable.Unwrap())
		return
	}
	var refused *azoidc.ExchangeError
	require.ErrorAs(t, err, &refused)
	require.IsType(t, failed, refused.Err)
	require.Positive(t, refused.Attempts)
	require.ErrorContains(t, err, "asked:     ")
	require.ErrorContains(t, err, "scope "+testkit.VaultScope)
	if leg == azoidctest.EntraToken {
		require.NotNil(t, refused.Claims)
		require.ErrorContains(t, err, "presented: issuer "+refused.Claims.Issuer+", subject "+refused.Claims.Subject)
	}
}

// TestALastingFaultIsFinalAtOnce makes one exchange, without a pause; a source is asked twice only for a usable token.
func TestALastingFaultIsFinalAtOnce(t *testing.T) {
	testbed.NotShort(t, "tries each fault on each leg")
	eachFault(t, lastingOn, func(t *testing.T, cloud *azoidctest.Cloud, s testkit.System, leg azoidctest.Leg, c faultCase) {
		cloud.Fail(leg, c.fault)
		start := time.Now()
		_, err := s.Cred(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.Error(t, err)
		require.Zero(t, time.Since(start))
		require.LessOrEqual(t, cloud.Count(azoidctest.EntraToken), 1)
		require.LessOrEqual(t, cloud.Count(s.Leg), 2)
		require.Equal(t, leg == azoidctest.EntraToken, cloud.Count(azoidctest.EntraToken) == 1, "posted without a usable assertion")
	})
}

func TestCanceledAndDeadlineExceededSurvive(t *testing.T) {
	for _, s := range testkit.Systems {
		for _, leg := range s.Legs() {
			t.Run(s.Name+"/"+leg.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cloud := testkit.NewCloud()
					cloud.Fail(leg, azoidctest.Hang())
					_, err := s.Cred(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
					require.ErrorIs(t, err, context.DeadlineExceeded)
				})
			})
		}
	}
}
