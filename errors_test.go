package azoidc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestWhatEachCodeAdvises holds what a user needs to act on, from the cloud's own refusals.
func TestWhatEachCodeAdvises(t *testing.T) {
	subject := "repo:octo-org/octo-repo:ref:refs/heads/main"
	for code, want := range map[int][]string{
		700024:  {"requests a new assertion each time"},
		70021:   {"az ad app federated-credential create --id", `"subject":"` + subject + `"`, `"issuer":"https://token.actions.githubusercontent.com"`, `"audiences":["api://AzureADTokenExchange"]`},
		700211:  {"az ad app federated-credential create", "takes minutes"},
		700212:  {"az ad app federated-credential create"},
		700213:  {"az ad app federated-credential create"},
		70025:   {"az ad app federated-credential create"},
		7002138: {`exactly as presented, "` + subject + `"`, "federated-credential list"},
		700238:  {"allow issuer https://token.actions.githubusercontent.com"},
		7002381: {"tenant's administrators"},
		700223:  {"tenant's administrators"},
		70052:   {"an application of this tenant"},
		900612:  {"https://token.actions.githubusercontent.com/.well-known/openid-configuration", "GitHub Enterprise Server"},
		50166:   {"has to reach"},
		501661:  {"has to reach"},
		50027:   {"the JWT alone"},
		700027:  {"publishes the key"},
		7000216: {"report this"},
		700025:  {"Allow public client flows"},
		700016:  {"check the client ID 4c8e1b7d-2f36-49a5-8d0c-6b9f1e3a5d72", "not its object ID"},
		90002:   {"check the tenant ID", "another cloud", "AZURE_AUTHORITY_HOST"},
		900023:  {"check the tenant ID"},
		500011:  {"check the scope \"" + testkit.VaultScope + "\""},
		70011:   {"/.default behind it"},
		1002012: {"/.default behind it"},
		50013:   {"the user assertion passed to NewOnBehalfOfCredential", "the client's assertion was accepted"},
		500133:  {"unexpired access token"},
		50196:   {"keep one credential"},
		90006:   {"try again later"}, 90012: {"try again later"}, 90024: {"try again later"}, 90033: {"try again later"}, 90055: {"try again later"},
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refused := testkit.RefusedWith(t, azoidctest.New(nil), azoidctest.EntraRefusal(code))
				require.Equal(t, fmt.Sprintf("AADSTS%d", code), refused.Code)
				require.NotEmpty(t, refused.TraceID)
				require.NotEmpty(t, refused.CorrelationID)
				require.Positive(t, refused.StatusCode)
				require.Equal(t, subject, refused.Claims.Subject)
				message := refused.Error()
				require.Contains(t, message, fmt.Sprintf("Entra refused the exchange with AADSTS%d (HTTP %d): ", code, refused.StatusCode))
				require.Contains(t, message, "trace ID "+refused.TraceID+", correlation ID "+refused.CorrelationID)
				require.Contains(t, message, "\n  do:        ")
				for _, part := range want {
					require.Contains(t, message, part)
				}
			})
		})
	}
}

func TestAnUnknownCodeIsFinalAndCanBeLookedUp(t *testing.T) {
	cloud := azoidctest.New(nil)
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
				refused := testkit.RefusedWith(t, azoidctest.New(nil), withDate(offset, azoidctest.EntraRefusal(700024)))
				require.ErrorContains(t, refused, "set this machine's clock: it is 11m0s "+want+" the server's")
			})
		})
	}
	t.Run("the assertion was old when it arrived", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cloud := azoidctest.New(nil)
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
				cloud := azoidctest.New(nil)
				ended := testkit.JWT(fmt.Sprintf(`{"exp":%d}`, time.Now().Add(offset-time.Hour).Unix()))
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
				cloud := azoidctest.New(nil)
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
		cloud := azoidctest.New(nil)
		cred := testkit.NewGitHub(t, cloud)
		testkit.Get(t, cred, testkit.VaultScope)
		time.Sleep(6*time.Hour + 11*time.Minute)
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.GraphScope))
		var unusable *azoidc.AssertionError
		require.ErrorAs(t, err, &unusable)
		require.Equal(t, 401, unusable.StatusCode)
		require.ErrorContains(t, err, "it ends about 6 hours after the job's start, so split a longer job")
	})
}

func TestErrorsAsJSON(t *testing.T) {
	cloud := azoidctest.New(nil)
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
	refused := testkit.RefusedWith(t, azoidctest.New(nil), azoidctest.EntraRefusal(700016))
	var failed *azidentity.AuthenticationFailedError
	require.ErrorAs(t, refused, &failed)
	require.Equal(t, refused.Err, failed)
	require.Equal(t, refused.StatusCode, failed.RawResponse.StatusCode)
	require.Contains(t, failed.Error(), "AADSTS700016")
}

// TestServicesCannotForgeLinesInAJobsLog: GitHub and Azure DevOps take lines of a certain form for commands.
func TestServicesCannotForgeLinesInAJobsLog(t *testing.T) {
	refused := testkit.RefusedWith(t, azoidctest.New(nil), azoidctest.Status(400, nil,
		`{"error_description":"AADSTS700016: no\r\n::set-env name=A::b\n##vso[task.setvariable variable=a]b\u001b[2J","trace_id":"a\nb"}`))
	for _, forged := range []string{"\n::", "\n##vso", "\x1b", "a\nb"} {
		require.NotContains(t, refused.Error(), forged)
	}
}
