package azoidc_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/golden"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestARefusalSaysWhatItIsAndWhatToDo from the cloud's own answer to what to do, whatever the code. The words of each are
// in testdata/aadsts.golden.
func TestARefusalSaysWhatItIsAndWhatToDo(t *testing.T) {
	for code, want := range map[int]string{
		70021: "az ad app federated-credential create --id 4c8e1b7d-2f36-49a5-8d0c-6b9f1e3a5d72 ", 700211: "az identity federated-credential create --name ",
		7002131: "takes minutes to work", 7002138: "delete the credential", 700214: "api://AzureADTokenExchange", 700238: "allow issuer https://token.actions",
		700024: "Entra's disagree", 50166: "has to reach", 700016: "not its object ID", 90002: "that of login.microsoftonline.com (AZURE_AUTHORITY_HOST)",
		53003: "Conditional Access", 7000112: "accountEnabled=true", 7000222: "AZURE_CLIENT_SECRET", 7000229: "az ad sp create",
		500011: "the resource is https://vault.azure.net", 50105: "app roles", 65001: "admin consent", 50196: "keep one credential", 90006: "try again later",
		1100000: "throttling",
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refused := testkit.RefusedWith(t, testkit.NewCloud(), azoidctest.EntraRefusal(code))
				require.Equal(t, fmt.Sprintf("AADSTS%d", code), refused.Code)
				require.NotEmpty(t, refused.TraceID)
				require.NotEmpty(t, refused.CorrelationID)
				require.Positive(t, refused.StatusCode)
				require.NotEmpty(t, refused.Claims.Subject)
				message := refused.Error()
				require.Contains(t, message, fmt.Sprintf("Entra refused the exchange with AADSTS%d (HTTP %d): ", code, refused.StatusCode))
				require.Contains(t, message, "trace ID "+refused.TraceID+", correlation ID "+refused.CorrelationID)
				require.Contains(t, message, "\n  do:        ")
				require.Contains(t, message, want)
			})
		})
	}
}

func TestAnUnknownCodeIsFinalAndCanBeLookedUp(t *testing.T) {
	cloud := testkit.NewCloud()
	refused := testkit.RefusedWith(t, cloud, azoidctest.Status(400, nil, `{"error":"invalid_request","error_description":"AADSTS999999: Something new.","error_codes":[999999]}`))
	require.Equal(t, "AADSTS999999", refused.Code)
	require.ErrorContains(t, refused, "Something new.")
	require.ErrorContains(t, refused, "https://login.microsoftonline.com/error?code=999999")
	require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
}

// withDate answers as next does, but by a clock of its own.
func withDate(offset time.Duration, refusal azoidctest.Fault) azoidctest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("Date", time.Now().Add(offset).UTC().Format(http.TimeFormat))
		refusal(w, r, next)
	}
}

func TestAStaleAssertionIsExplainedByTheClockOrItsAge(t *testing.T) {
	for offset, want := range map[time.Duration]string{11 * time.Minute: "behind", -11 * time.Minute: "ahead of"} {
		t.Run("the clock is "+want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refused := testkit.RefusedWith(t, testkit.NewCloud(), withDate(offset, azoidctest.EntraRefusal(700024)))
				require.ErrorContains(t, refused, "set this machine's clock: it is 11m0s "+want+" the server's")
			})
		})
	}
	t.Run("the assertion was old when it arrived", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cloud := testkit.NewCloud()
			job := cloud.PipelinesJob(&azoidctest.PipelinesJobOptions{Kind: azoidctest.NewerConnection, Shared: true, TokenAge: 24 * time.Hour})
			cred, err := azoidc.NewAzurePipelinesCredential(cloud.TenantID(), cloud.ClientID(), job.ServiceConnectionID, job.SystemAccessToken,
				&azoidc.AzurePipelinesCredentialOptions{CredentialOptions: testkit.CredentialOptions(cloud), RequestURI: job.RequestURI})
			require.NoError(t, err)
			cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700024))
			_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			require.ErrorContains(t, err, "already 24h0m0s old when it arrived")
			require.ErrorContains(t, err, "Azure DevOps keeps such tokens up to a day")
		})
	})
	for offset, whose := range map[time.Duration]string{0: "this machine's", -time.Hour: "the service's", 30000 * time.Hour: "the service's"} {
		t.Run("an expired one, by "+whose+" clock", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := testkit.NewCloud()
				ended := testbed.JWT(fmt.Sprintf(`{"exp":%d}`, time.Now().Add(offset-time.Hour).Unix()))
				cloud.Fail(azoidctest.GitHubOIDC, withDate(offset, testkit.Text(200, `{"value":"`+ended+`"}`)))
				_, err := testkit.NewGitHub(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
				require.ErrorContains(t, err, "the assertion expired 1h0m0s ago by "+whose+" clock, which says "+
					time.Now().Add(offset).UTC().Format(time.RFC3339))
				require.Zero(t, cloud.Count(azoidctest.EntraToken))
			})
		})
	}
}

// TestLetterCaseAndOtherMismatches are found by the cloud itself, not by a fault.
func TestLetterCaseAndOtherMismatches(t *testing.T) {
	for name, test := range map[string]struct {
		trusted azoidctest.FederatedCredential
		code    string
	}{
		"letter case": {azoidctest.FederatedCredential{Subject: "repo:Octo-Org/octo-repo:ref:refs/heads/main"}, "AADSTS7002138"},
		"subject":     {azoidctest.FederatedCredential{Subject: "repo:octo-org/octo-repo:environment:production"}, "AADSTS700213"},
		"audience":    {azoidctest.FederatedCredential{Audience: "api://other"}, "AADSTS700212"},
		"issuer":      {azoidctest.FederatedCredential{Issuer: "https://token.actions.githubusercontent.com/enterprise"}, "AADSTS700211"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := testkit.NewCloud()
				job := cloud.GitHubJob(&azoidctest.GitHubJobOptions{Untrusted: true})
				trusted := azoidctest.FederatedCredential{Issuer: job.Issuer, Subject: job.Subject, Audience: job.Audience}
				for field, value := range map[*string]string{
					&trusted.Issuer: test.trusted.Issuer, &trusted.Subject: test.trusted.Subject, &trusted.Audience: test.trusted.Audience,
				} {
					if value != "" {
						*field = value
					}
				}
				cloud.Application().Trust(trusted)
				cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), &azoidc.GitHubActionsCredentialOptions{
					CredentialOptions: testkit.CredentialOptions(cloud), RequestURL: job.RequestURL, RequestToken: job.RequestToken})
				require.NoError(t, err)
				_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
				require.ErrorContains(t, err, test.code)
				require.ErrorContains(t, err, "issuer "+job.Issuer+", subject "+job.Subject+", audience "+job.Audience)
				require.ErrorContains(t, err, "job_workflow_ref octo-org/octo-repo/")
			})
		})
	}
}

// TestARequestTokenThatEndedLateInAJob is a job of more than six hours.
func TestARequestTokenThatEndedLateInAJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cred := testkit.NewGitHub(t, cloud)
		testkit.Get(t, cred, testkit.VaultScope)
		time.Sleep(6*time.Hour + 11*time.Minute)
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.GraphScope))
		var unusable *azoidc.AssertionError
		require.ErrorAs(t, err, &unusable)
		require.Equal(t, 401, unusable.StatusCode)
		var failed *azidentity.AuthenticationFailedError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, 401, failed.RawResponse.StatusCode)
		require.ErrorContains(t, err, "it ends about 6 hours after the job's start, so split a longer job")
	})
}

func TestErrorsAsJSON(t *testing.T) {
	cloud := testkit.NewCloud()
	document, err := json.Marshal(testkit.RefusedWith(t, cloud, azoidctest.EntraRefusal(700016)))
	require.NoError(t, err)
	var refused struct {
		Message, Code, TraceID string
		StatusCode, Attempts   int
		Claims                 azoidc.Claims
	}
	require.NoError(t, json.Unmarshal(document, &refused))
	require.Equal(t, "AADSTS700016", refused.Code)
	require.Equal(t, 1, refused.Attempts)
	require.NotEmpty(t, refused.Claims.Subject)
	require.Contains(t, refused.Message, "\n  do:")

	document, err = json.Marshal(&azoidc.AssertionError{Source: "s", StatusCode: 401, Err: errors.New("e")})
	require.NoError(t, err)
	require.JSONEq(t, `{"message":"s: no assertion: e","source":"s","statusCode":401}`, string(document))
}

// TestHandlersWrittenForAzidentity get the answer as azidentity's own errors give it.
func TestHandlersWrittenForAzidentity(t *testing.T) {
	refused := testkit.RefusedWith(t, testkit.NewCloud(), azoidctest.EntraRefusal(700016))
	var failed *azidentity.AuthenticationFailedError
	require.ErrorAs(t, refused, &failed)
	require.Equal(t, refused.Err, failed)
	require.Equal(t, refused.StatusCode, failed.RawResponse.StatusCode)
	require.Contains(t, failed.Error(), "AADSTS700016")
}

// TestServicesCannotForgeLinesInAJobsLog: GitHub and Azure DevOps take lines of a certain form for commands.
func TestServicesCannotForgeLinesInAJobsLog(t *testing.T) {
	refused := testkit.RefusedWith(t, testkit.NewCloud(), azoidctest.Status(400, nil,
		`{"error_description":"AADSTS700016: no\r\n::set-env name=A::b\n##vso[task.setvariable variable=a]b\u001b[2J","trace_id":"a\nb"}`))
	for _, forged := range []string{"\n::", "\n##vso", "\x1b", "a\nb"} {
		require.NotContains(t, refused.Error(), forged)
	}
}

// TestTextsOfAUsersOwnErrorsStayInTheirLines, as those of services do.
func TestTextsOfAUsersOwnErrorsStayInTheirLines(t *testing.T) {
	const two = "a\nb"
	for _, err := range []error{
		&azoidc.AssertionError{Source: two, Claims: &azoidc.Claims{Subject: two}},
		&azoidc.ExchangeError{Code: two, TraceID: two, CorrelationID: two, Claims: &azoidc.Claims{Subject: two, Audience: []string{two}}},
	} {
		require.Contains(t, err.Error(), "a b")
		require.NotContains(t, err.Error(), "\nb")
		require.NotContains(t, err.Error(), "\n             b")
	}
}

// TestAnAnswerWithoutACode is explained by its status.
func TestAnAnswerWithoutACode(t *testing.T) {
	for status, want := range map[int]string{
		0: "no answer from Entra", 200: "try again later", 299: "check the authority host", 300: "never redirected", 399: "never redirected",
		400: "check the authority host", 407: "proxy", 429: "keep one credential", 499: "check the authority host", 500: "try again later",
	} {
		err := &azoidc.ExchangeError{StatusCode: status}
		require.ErrorContains(t, err, want, status)
		require.NotContains(t, err.Error(), "left alone", "for how long isn't known")
	}
}

// TestGoldenMessages are the errors that users meet, each as a credential returns it.
func TestGoldenMessages(t *testing.T) {
	testbed.OutsideCI(t)
	const macro = "$(System.AccessToken)"
	github := func(fault azoidctest.Fault, leg azoidctest.Leg) func(*testing.T, *azoidctest.Cloud) error {
		return func(t *testing.T, cloud *azoidctest.Cloud) error {
			cloud.Fail(leg, fault)
			_, err := testkit.NewGitHub(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			return err
		}
	}
	pipelines := func(fault azoidctest.Fault) func(*testing.T, *azoidctest.Cloud) error {
		return func(t *testing.T, cloud *azoidctest.Cloud) error {
			cloud.Fail(azoidctest.AzureDevOpsOIDC, fault)
			_, err := testkit.NewPipelines(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			return err
		}
	}
	// made is of a credential that has nothing but the environment.
	made := func(make func() (azcore.TokenCredential, error)) func(*testing.T, *azoidctest.Cloud) error {
		return func(t *testing.T, _ *azoidctest.Cloud) error {
			cred, err := make()
			if err == nil {
				_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			}
			return err
		}
	}
	asGitHub := made(func() (azcore.TokenCredential, error) { return azoidc.NewGitHubActionsCredential("", "", nil) })
	asPipelines := made(func() (azcore.TokenCredential, error) { return azoidc.NewAzurePipelinesCredential("", "", "", "", nil) })
	asDefault := made(func() (azcore.TokenCredential, error) { return azoidc.NewDefaultCredential(nil) })
	private := func(fault azoidctest.Fault) func(*testing.T, *azoidctest.Cloud) error {
		return func(t *testing.T, cloud *azoidctest.Cloud) error {
			cloud.Fail(azoidctest.EntraInstanceDiscovery, fault)
			cred := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) {
				o.Cloud.ActiveDirectoryAuthorityHost = "https://login.private.example/"
			})
			_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			return err
		}
	}
	entra, oidc := azoidctest.EntraToken, azoidctest.GitHubOIDC
	inPipelines := map[string]string{"SYSTEM_OIDCREQUESTURI": "https://x.example", "SYSTEM_ACCESSTOKEN": "t", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "s",
		"AZURESUBSCRIPTION_TENANT_ID": "t", "AZURESUBSCRIPTION_CLIENT_ID": testkit.AClientID}
	but := func(env map[string]string, name, value string) map[string]string {
		env = maps.Clone(env)
		env[name] = value
		return env
	}
	var text strings.Builder
	for _, test := range []struct {
		name string
		env  map[string]string
		err  func(*testing.T, *azoidctest.Cloud) error
	}{
		{"GitHub Actions, nothing is set", nil, asGitHub},
		{"GitHub Actions, no permission", map[string]string{"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": testkit.AClientID}, asGitHub},
		{"GitHub Actions, no application", map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x.example", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"}, asGitHub},
		{"GitHub Actions, AZURE_CLIENT_ID is a name", map[string]string{"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "my-application"}, asGitHub},
		{"GitHub Actions, AZURE_CLIENT_ID is an expression", map[string]string{"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "${{ secrets.ID }}"}, asGitHub},
		{"GitHub Actions, AZURE_TENANT_ID is malformed", map[string]string{"AZURE_TENANT_ID": "contoso/x", "AZURE_CLIENT_ID": testkit.AClientID}, asGitHub},
		{"GitHub Actions, AZURE_AUTHORITY_HOST is an expression", map[string]string{"AZURE_AUTHORITY_HOST": "${{ vars.HOST }}"}, asGitHub},
		{"Azure Pipelines, nothing is set", nil, asPipelines},
		{"Azure Pipelines, SYSTEM_OIDCREQUESTURI is missing", but(inPipelines, "SYSTEM_OIDCREQUESTURI", ""), asPipelines},
		{"Azure Pipelines, SYSTEM_ACCESSTOKEN is missing", but(inPipelines, "SYSTEM_ACCESSTOKEN", ""), asPipelines},
		{"Azure Pipelines, several are missing", but(but(but(inPipelines, "SYSTEM_ACCESSTOKEN", ""), "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", ""), "AZURESUBSCRIPTION_CLIENT_ID", ""), asPipelines},
		{"Azure Pipelines, SYSTEM_ACCESSTOKEN is a macro", but(inPipelines, "SYSTEM_ACCESSTOKEN", macro), asPipelines},
		{"Azure Pipelines, the service connection is a macro", but(inPipelines, "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "$(connectionId)"), asPipelines},
		{"Azure Pipelines, the client ID is a macro", but(inPipelines, "AZURESUBSCRIPTION_CLIENT_ID", "$(clientId)"), asPipelines},
		{"DefaultCredential, a job of GitHub Actions without permission", map[string]string{"GITHUB_ACTIONS": "true", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": testkit.AClientID}, asDefault},
		{"DefaultCredential, a job of Azure Pipelines without SYSTEM_ACCESSTOKEN", but(but(inPipelines, "SYSTEM_ACCESSTOKEN", ""), "TF_BUILD", "True"), asDefault},
		{"DefaultCredential, AZURE_TOKEN_CREDENTIALS is unknown", map[string]string{"AZURE_TOKEN_CREDENTIALS": "nonsense"}, asDefault},

		{"GitHub refuses the request token", nil, github(azoidctest.Status(401, nil, ""), oidc)},
		{"GitHub refuses the audience", nil, github(azoidctest.Status(400, nil, `{"errorMessage":"Can't issue ID_TOKEN for audience 'x'"}`), oidc)},
		{"GitHub's address is wrong", nil, github(azoidctest.Status(404, nil, ""), oidc)},
		{"GitHub's address redirects", nil, github(testkit.Redirect(302), oidc)},
		{"GitHub's address answers with too much", nil, github(testkit.Text(200, strings.Repeat(" ", 2<<20)), oidc)},
		{"GitHub throttles", nil, github(azoidctest.Status(429, nil, ""), oidc)},
		{"GitHub's outage", nil, github(azoidctest.Status(503, nil, ""), oidc)},
		{"GitHub hands out no token", nil, github(testkit.Text(200, `{"count":0}`), oidc)},
		{"GitHub hands out no JWT", nil, github(testkit.Text(200, `{"value":"no"}`), oidc)},
		{"GitHub hands out an old token", nil, github(testkit.Text(200, `{"value":"`+testbed.JWT(`{"exp":946684000}`)+`"}`), oidc)},
		{"Azure DevOps refuses the access token", nil, pipelines(azoidctest.Status(401, nil, ""))},
		{"Azure DevOps forbids the connection", nil, pipelines(azoidctest.Status(403, nil, "no"))},
		{"Azure DevOps shows a sign-in page", nil, pipelines(azoidctest.Status(203, nil, "<html>"))},
		{"Azure DevOps can't read the request", nil, pipelines(azoidctest.Status(400, nil, ""))},
		{"Azure DevOps wants a step to name the connection", nil, pipelines(testkit.Text(200, `{"count":1,"value":"There is no explicit reference to service connection x from current stage y"}`))},
		{"Azure DevOps doesn't know the connection", nil, pipelines(azoidctest.Status(404, nil, `{"message":"not found here"}`))},
		{"Azure DevOps' outage", nil, pipelines(azoidctest.Status(500, nil, ""))},

		{"Entra isn't found", nil, github(testkit.Failing("DNS"), entra)},
		{"Entra's certificate isn't trusted", nil, github(testkit.Failing("TLS"), entra)},
		{"Entra's connection breaks", nil, github(testkit.Failing("EOF"), entra)},
		{"Entra doesn't answer", nil, github(azoidctest.Hang(), entra)},
		{"a private authority whose host can't be looked up", nil, private(testkit.Failing("DNS"))},
		{"a private authority whose host Entra doesn't know", nil, private(azoidctest.EntraRefusal(50049))},
		{"a proxy answers in Entra's place", nil, github(testkit.Text(403, "<html>"), entra)},
		{"a proxy wants a password", nil, github(testkit.Text(407, "<html>"), entra)},
		{"Entra redirects", nil, github(testkit.Redirect(302), entra)},
		{"Entra throttles", nil, github(azoidctest.Status(429, http.Header{"Retry-After": {"1"}}, ""), entra)},
		{"Entra throttles for longer than there is time", nil, github(azoidctest.Status(429, http.Header{"Retry-After": {"3600"}}, ""), entra)},
		{"Entra's outage", nil, github(azoidctest.Status(503, nil, ""), entra)},
		{"Entra's answer is empty", nil, github(testkit.Text(200, ""), entra)},
		{"Entra's answer is cut", nil, github(testkit.Text(200, `{"token_type":"Bearer","access_token":"x`), entra)},
		{"Entra's answer has no token", nil, github(testkit.Text(200, `{"token_type":"Bearer","expires_in":3600}`), entra)},
		{"Entra's token ends at once", nil, github(testkit.Text(200, `{"token_type":"Bearer","access_token":"x","expires_in":0}`), entra)},
		{"a code that nobody knows", nil, github(azoidctest.Status(400, nil, `{"error":"invalid_request","error_description":"AADSTS999999: Something new.","error_codes":[999999]}`), entra)},
		{"a refusal without a code", nil, github(azoidctest.Status(400, nil, `{"message":"no"}`), entra)},

		{"a file that isn't there", nil, asserted(azoidc.FileAssertion("testdata/not there"))},
		{"a static assertion that is empty", nil, asserted(azoidc.StaticAssertion(" "))},
		{"a static assertion that is no JWT", nil, asserted(azoidc.StaticAssertion("no"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			testbed.SetEnv(t, test.env)
			synctest.Test(t, func(t *testing.T) {
				cloud := testkit.NewCloud()
				err := test.err(t, cloud)
				require.Error(t, err)
				fmt.Fprintf(&text, "%s:\n%s\n\n", test.name, normalised(cloud, err))
			})
		})
	}
	golden.Require(t, "messages.golden", text.String())
}

func asserted(source azoidc.AssertionFunc) func(*testing.T, *azoidctest.Cloud) error {
	return func(t *testing.T, cloud *azoidctest.Cloud) error {
		cred, err := azoidc.NewAssertionCredential(cloud.TenantID(), cloud.ClientID(), source,
			&azoidc.AssertionCredentialOptions{CredentialOptions: testkit.CredentialOptions(cloud)})
		require.NoError(t, err)
		_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		return err
	}
}

var (
	randomID   = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	randomTime = regexp.MustCompile(`(issued|expires) 2000-01-01T00:0\d:\d\dZ`) // after retries
)

// normalised is err's text without what is another at each run.
func normalised(cloud *azoidctest.Cloud, err error) string {
	text := strings.NewReplacer(cloud.TenantID(), "TENANT-ID", cloud.ClientID(), "CLIENT-ID", testkit.AClientID, "CLIENT-ID",
		notThere(), "no such file or directory").Replace(err.Error())
	return randomTime.ReplaceAllString(randomID.ReplaceAllString(text, "GUID"), "$1 TIME")
}

// notThere is what this system says of a file that isn't there.
func notThere() string {
	_, err := os.Stat("not there")
	return errors.Unwrap(err).Error()
}

// readers read what azcore's clients read of an error, all at once.
func readers(t *testing.T, n int, err func() error) (texts []string) {
	t.Helper()
	texts = make([]string, n)
	var all, taken, read sync.WaitGroup
	taken.Add(n)
	read.Add(n)
	for i := range n {
		all.Go(func() {
			var failed *azidentity.AuthenticationFailedError
			found := assert.ErrorAs(t, err(), &failed)
			answered := found && failed.RawResponse != nil // not where the time ran out before
			taken.Done()
			taken.Wait()
			if answered {
				body, err := io.ReadAll(failed.RawResponse.Body)
				assert.NoError(t, err)
				texts[i] = string(body)
				failed.RawResponse.Header.Set("X-Mine", fmt.Sprint(i))
			}
			read.Done()
			read.Wait() // azidentity's text rewinds the body, for all who share it
			if answered {
				assert.Equal(t, fmt.Sprint(i), failed.RawResponse.Header.Get("X-Mine"))
			}
			if found {
				texts[i] += failed.Error()
			}
		})
	}
	all.Wait()
	return texts
}

// TestEachCallerReadsAResponseOfItsOwn: azcore's Payload changes what it reads. The race detector tells.
func TestEachCallerReadsAResponseOfItsOwn(t *testing.T) {
	testbed.NotShort(t, "waits for slow answers")
	for name, make := range map[string]func(*testing.T, *azoidctest.Cloud) azcore.TokenCredential{
		"Entra's": func(t *testing.T, cloud *azoidctest.Cloud) azcore.TokenCredential {
			cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700016))
			return testkit.NewGitHub(t, cloud)
		},
		"GitHub's": func(t *testing.T, cloud *azoidctest.Cloud) azcore.TokenCredential {
			cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(401, nil, "no"))
			return testkit.NewGitHub(t, cloud)
		},
		"of an interrupted acquisition": func(t *testing.T, cloud *azoidctest.Cloud) azcore.TokenCredential {
			cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(90033))
			return testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) {
				o.Retry.RetryDelay, o.Retry.MaxRetries = 10*time.Millisecond, 1000
				o.TokenCache.AcquireTimeout = 100 * time.Millisecond
			})
		},
		"of another library's credential": func(t *testing.T, cloud *azoidctest.Cloud) azcore.TokenCredential {
			cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700016))
			return azoidc.NewTokenCache(testkit.NewAzidentity(t, cloud), nil)
		},
		"of the chain": func(t *testing.T, cloud *azoidctest.Cloud) azcore.TokenCredential {
			testbed.OnALaptop(t)
			testkit.InKubernetes(t, cloud)
			cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700016))
			return testkit.NewDefault(t, cloud)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := testkit.NewCloud()
			cred := make(t, cloud)
			cloud.SetLatency(20 * time.Millisecond)
			texts := readers(t, 20, func() error {
				_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
				return err
			})
			for _, text := range texts {
				require.Equal(t, texts[0], text, "each reads the whole")
			}
			require.Greater(t, len(texts[0]), 40)
		})
	}
}

// TestOneErrorCanBeReadByMany who got it from one caller.
func TestOneErrorCanBeReadByMany(t *testing.T) {
	cloud := testkit.NewCloud()
	cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(401, nil, "no"))
	_, err := testkit.NewGitHub(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	readers(t, 20, func() error { return err })
}

// TestZeroErrors are natural in users' tests: nothing that can be done with one panics.
func TestZeroErrors(t *testing.T) {
	for name, err := range map[string]error{
		"AssertionError":              &azoidc.AssertionError{},
		"AssertionError, with source": &azoidc.AssertionError{Source: "mine"},
		"AssertionError, with claims": &azoidc.AssertionError{Claims: &azoidc.Claims{}},
		"AssertionError, whole":       &azoidc.AssertionError{Source: "mine", StatusCode: 401, Claims: &azoidc.Claims{}, Err: errors.New("no")},
		"ExchangeError":               &azoidc.ExchangeError{},
		"ExchangeError, with code":    &azoidc.ExchangeError{Code: "AADSTS700213"},
		"ExchangeError, with status":  &azoidc.ExchangeError{StatusCode: 400},
		"ExchangeError, whole":        &azoidc.ExchangeError{Code: "AADSTS1", StatusCode: 400, Claims: &azoidc.Claims{}, Attempts: 1, Err: errors.New("no")},
	} {
		t.Run(name, func(t *testing.T) {
			text := err.Error()
			require.NotEmpty(t, strings.Trim(text, ": "))
			require.False(t, strings.HasPrefix(text, ":"), text)
			require.NotContains(t, text, "tenant ,")
			require.NotContains(t, text, "<nil>")
			_ = errors.Unwrap(err)
			require.NotErrorIs(t, err, context.Canceled)
			var failed *azidentity.AuthenticationFailedError
			if errors.As(err, &failed) {
				require.NotEqual(t, ": ", failed.Error())
			}
			testkit.FormsOf(t, err)
		})
	}
}

// TestTheCauseAlwaysSaysSomething: ExchangeError.Err is azidentity's error, whether or not azidentity was asked.
func TestTheCauseAlwaysSaysSomething(t *testing.T) {
	for name, fault := range map[string]azoidctest.Fault{
		"refused": azoidctest.EntraRefusal(700016), "dropped": azoidctest.Drop(), "empty": azoidctest.Empty(), "429": azoidctest.Status(429, http.Header{"Retry-After": {"600"}}, ""),
		"unreadable": azoidctest.Status(200, nil, `{"token_type":"Bearer","access_token":"x","expires_in":3600,"refresh_in":"soon"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AZURE_REGIONAL_AUTHORITY_NAME", "")
			synctest.Test(t, func(t *testing.T) {
				cloud := testkit.NewCloud()
				cred := testkit.NewGitHub(t, cloud)
				cloud.Fail(azoidctest.EntraToken, fault)
				for range 2 { // the second isn't tried after a 429
					_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
					var refused *azoidc.ExchangeError
					require.ErrorAs(t, err, &refused)
					var failed *azidentity.AuthenticationFailedError
					require.ErrorAs(t, refused.Err, &failed)
					require.Regexp(t, `(?s)^ClientAssertionCredential(:| authentication failed).*\w`, refused.Err.Error())
					require.Greater(t, len(refused.Err.Error()), len("ClientAssertionCredential: ")+5)
				}
			})
		})
	}
}

// TestACodeIsFoundInAnyDocument, also one that isn't as documented, or was cut.
func TestACodeIsFoundInAnyDocument(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"e","error_description":"AADSTS700016: No.","error_codes":[700016]}`: "AADSTS700016",
		`{"error":"e","error_codes":[700016,1]}`:                                       "AADSTS700016",
		`{"error":"e","error_description":"No code.","error_codes":[700016]}`:          "AADSTS700016",
		`{"error":"e","error_description":"AADSTS700016: No.","error_codes":"x"}`:      "AADSTS700016",
		`{"error":"e","error_description":7,"error_codes":[700016],"trace_id":"T-1"}`:  "AADSTS700016",
		`{"error":"e","error_description":"AADSTS700016: No."`:                         "AADSTS700016",
		`{"error":{"message":"AADSTS700016: No."}}`:                                    "AADSTS700016",
		`AADSTS700016: No.`: "AADSTS700016",
		`{"error":"e","error_description":"AADSTS12: too short"}`: "",
		`{"error":"e"}`: "",
		``:              "",
	} {
		t.Run(body, func(t *testing.T) {
			refused := testkit.RefusedWith(t, testkit.NewCloud(), azoidctest.Status(400, nil, body))
			require.Equal(t, want, refused.Code)
			if want != "" {
				require.ErrorContains(t, refused, "the application isn't in this tenant")
			}
			if strings.Contains(body, "T-1") {
				require.Equal(t, "T-1", refused.TraceID, "what is as documented")
			}
		})
	}
}

// TestARefusalLeavesTheOpenIDConfiguration as it is: MSAL had found it good.
func TestARefusalLeavesTheOpenIDConfiguration(t *testing.T) {
	cloud := testkit.NewCloud()
	cred := testkit.NewGitHub(t, cloud)
	cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700016))
	for range 3 {
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.Error(t, err)
	}
	require.Equal(t, 1, cloud.Count(azoidctest.EntraOpenIDConfiguration))
}

// TestHowLongEntraAskedToBeLeftAlone is told, if it did.
func TestHowLongEntraAskedToBeLeftAlone(t *testing.T) {
	for header, want := range map[string]string{
		"121": "Entra answered HTTP 503 and asked to be left alone for 2m1s\n", "0": "Entra answered HTTP 503\n", "": "Entra answered HTTP 503\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			require.ErrorContains(t, testkit.RefusedWith(t, testkit.NewCloud(), testkit.RetryAfterIn(header)), want)
		})
	}
}

// TestNothingIsSaidOfAnAssertionThatWasNotPresented, whether or not it had come.
func TestNothingIsSaidOfAnAssertionThatWasNotPresented(t *testing.T) {
	cloud := testkit.NewCloud()
	cloud.Fail(azoidctest.EntraOpenIDConfiguration, azoidctest.Status(http.StatusNotFound, nil, "{}"))
	_, err := testkit.NewGitHub(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	var refused *azoidc.ExchangeError
	require.ErrorAs(t, err, &refused)
	require.Nil(t, refused.Claims)
	require.NotContains(t, err.Error(), "presented:")
}

// TestTemporarilyUnavailableIsTriedAgain, with any status and code. https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
func TestTemporarilyUnavailableIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cloud.FailNext(azoidctest.EntraToken, 2, azoidctest.Status(400, nil, `{"error":"temporarily_unavailable","error_description":"AADSTS999999: busy"}`))
		testkit.Get(t, testkit.NewGitHub(t, cloud), testkit.VaultScope)
		require.Equal(t, 3, cloud.Count(azoidctest.EntraToken))
	})
}

// TestTheNetworkErrorBehindIsFound by errors.As, through all that it's wrapped in.
func TestTheNetworkErrorBehindIsFound(t *testing.T) {
	for _, leg := range testkit.Systems[0].Legs() {
		synctest.Test(t, func(t *testing.T) {
			cloud := testkit.NewCloud()
			cloud.Fail(leg, testkit.Failing("DNS"))
			_, err := testkit.NewGitHub(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			var dns *net.DNSError
			require.ErrorAs(t, fmt.Errorf("mine: %w", err), &dns, leg)
			require.Equal(t, "login.example", dns.Name)
			var timeout *net.AddrError
			require.False(t, errors.As(err, &timeout), "not what isn't there")
		})
	}
}

// TestAnAssertionThatIsNotPresentedYetIsNoLessSecret: whatever fails before, it may be quoted. This one isn't known by its looks.
func TestAnAssertionThatIsNotPresentedYetIsNoLessSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		assertion := base64.RawURLEncoding.EncodeToString([]byte(`{ "alg": "none" }`)) + ".e30.c2lnbmF0dXJl"
		options := testkit.CredentialOptions(testkit.NewCloud())
		options.Retry.MaxRetries = -1
		options.Transport = testbed.TransportFunc(func(*http.Request) (*http.Response, error) {
			synctest.Wait() // for the assertion
			return nil, errors.New("not after " + assertion)
		})
		cred, err := azoidc.NewAssertionCredential("tenant", testkit.AClientID, func(context.Context) (string, error) { return assertion, nil },
			&azoidc.AssertionCredentialOptions{CredentialOptions: options})
		require.NoError(t, err)
		_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "not after [redacted]")
		require.NotContains(t, err.Error(), assertion)
	})
}

// TestMSALsReasonIsTold where MSAL refuses what Entra answered.
func TestMSALsReasonIsTold(t *testing.T) {
	cloud := testkit.NewCloud()
	cloud.Fail(azoidctest.EntraToken, azoidctest.Status(200, nil, `{"token_type":"Bearer","access_token":"x","expires_in":3600,"scope":"another"}`))
	_, err := testkit.NewGitHub(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	require.ErrorContains(t, err, "MSAL couldn't use Entra's answer: ClientAssertionCredential: token response failed because declined scopes are present")
	cloud.Mend()
	cloud.Fail(azoidctest.EntraToken, azoidctest.Status(200, nil, `{"token_type":"Bearer","access_token":"`+testkit.Canary+`","expires_in":3600,"refresh_in":"soon"}`))
	_, err = testkit.NewGitHub(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	require.ErrorContains(t, err, "MSAL couldn't use Entra's answer\n")
	testkit.RequireNoSecret(t, err, cloud)
}
