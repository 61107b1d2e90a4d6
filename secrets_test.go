package azoidc_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// canary is part of every secret that a fault invents.
const canary = "CANARY-CANARY-CANARY"

// TestMain listens to all that azcore and azidentity log; the listener can't be set while clients are in use.
func TestMain(m *testing.M) {
	log.SetListener(logged.write)
	os.Exit(m.Run())
}

var logged logBook

type logBook struct {
	open  atomic.Bool
	mu    sync.Mutex
	lines strings.Builder
}

func (b *logBook) write(event log.Event, message string) {
	if b.open.Load() {
		b.mu.Lock()
		defer b.mu.Unlock()
		fmt.Fprintf(&b.lines, "%s %s\n", event, message)
	}
}

// keep keeps what is logged until the test ends, and returns a function that tells it so far.
func (b *logBook) keep(t *testing.T) (sofar func() string) {
	b.lines.Reset()
	b.open.Store(true)
	t.Cleanup(func() { b.open.Store(false) })
	return func() string {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.lines.String()
	}
}

// secretsOf are all request tokens, assertions and access tokens that passed through cloud, and parts of them.
func secretsOf(cloud *azoidctest.Cloud) []string {
	secrets := []string{canary}
	for _, request := range cloud.Requests() {
		secrets = append(secrets, strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer "))
		secrets = append(secrets, request.Form.Get("client_assertion"), request.Form.Get("assertion"))
		for _, claims := range []*azoidctest.Claims{request.Assertion, request.AccessToken} {
			if claims != nil {
				secrets = append(secrets, claims.Raw)
			}
		}
	}
	for _, secret := range secrets {
		if parts := strings.Split(secret, "."); len(parts) == 3 {
			secrets = append(secrets, parts[1], parts[2])
		}
	}
	return secrets
}

// requireNoSecret checks every form in which err can be printed.
func requireNoSecret(t *testing.T, err error, cloud *azoidctest.Cloud) {
	t.Helper()
	secrets := secretsOf(cloud)
	for form, text := range formsOf(t, err) {
		for _, secret := range secrets {
			if secret != "" && strings.Contains(text, secret) {
				t.Fatalf("a secret in the %s form of the error: %s", form, text)
			}
		}
	}
}

func formsOf(t *testing.T, value any) map[string]string {
	t.Helper()
	var text, structured bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Error("failed", "value", value)
	slog.New(slog.NewJSONHandler(&structured, nil)).Error("failed", "value", value)
	document, _ := json.Marshal(value)
	forms := map[string]string{
		"%v": fmt.Sprintf("%v", value), "%+v": fmt.Sprintf("%+v", value), "%#v": fmt.Sprintf("%#v", value),
		"JSON": string(document), "slog text": text.String(), "slog JSON": structured.String(),
	}
	if err, ok := value.(error); ok {
		addErrorForms(t, forms, err)
	}
	return forms
}

// addErrorForms adds what a handler can dig out of an error.
func addErrorForms(t *testing.T, forms map[string]string, err error) {
	if unusable := (*azoidc.AssertionError)(nil); errors.As(err, &unusable) {
		forms["AssertionError %#v"] = fmt.Sprintf("%#v", *unusable)
	}
	if refused := (*azoidc.ExchangeError)(nil); errors.As(err, &refused) {
		forms["ExchangeError %#v"] = fmt.Sprintf("%#v", *refused)
		forms["ExchangeError.Err"] = refused.Err.Error()
	}
	if failed := (*azidentity.AuthenticationFailedError)(nil); errors.As(err, &failed) && failed.RawResponse != nil {
		forms["AuthenticationFailedError"] = failed.Error()
		body, readErr := io.ReadAll(failed.RawResponse.Body)
		require.NoError(t, readErr)
		forms["RawResponse"] = fmt.Sprintf("%s %+v %+v", body, failed.RawResponse.Header, failed.RawResponse.Request)
	}
}

func TestNothingSecretInAnyExportedValue(t *testing.T) {
	lines := logged.keep(t)
	cloud := azoidctest.New(nil)
	github := cloud.GitHubJob(nil)
	options := &azoidc.GitHubActionsCredentialOptions{CredentialOptions: credentialOptions(cloud), RequestURL: github.RequestURL, RequestToken: github.RequestToken}
	options.Logging.IncludeBody = true
	cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), options)
	require.NoError(t, err)
	pipelines := newPipelines(t, cloud, func(o *azoidc.AzurePipelinesCredentialOptions) { o.Logging.IncludeBody = true })
	get(t, cred, vaultScope)
	get(t, pipelines, vaultScope)
	user := cloud.UserAssertion(3600e9)
	obo, err := azoidc.NewOnBehalfOfCredential(cloud.TenantID(), cloud.ClientID(), user, azoidc.StaticAssertion(canary), nil)
	require.NoError(t, err)
	require.NotEmpty(t, lines(), "nothing was logged, so nothing was checked")

	secrets := append(secretsOf(cloud), user)
	values := map[string]any{
		"GitHubActionsCredential": cred, "AzurePipelinesCredential": pipelines, "OnBehalfOfCredential": obo,
		"GitHubActionsCredential value": *cred, "TokenCache": cred.TokenCache, "TokenStatus": cred.Tokens(),
		"options": options, "options value": *options,
		"assertion options": azoidc.GitHubActionsAssertionOptions{RequestToken: github.RequestToken},
		"AssertionFunc":     azoidc.StaticAssertion(canary),
	}
	for name, value := range values {
		for form, text := range formsOf(t, value) {
			for _, secret := range secrets {
				require.False(t, secret != "" && strings.Contains(text, secret), "%s as %s: %s", name, form, text)
			}
		}
	}
	for _, secret := range secrets {
		require.False(t, secret != "" && strings.Contains(lines(), secret), "a secret in the log: %s", lines())
	}
}

// TestMSALsOwnComplaintsLeakNothing: a success can be good and still hold a member that MSAL can't read.
func TestMSALsOwnComplaintsLeakNothing(t *testing.T) {
	for member, value := range map[string]string{
		"expires_on": `"garbage"`, "refresh_in": `"soon"`, "ext_expires_in": `[]`, "id_token": `"a.b.c"`,
		"client_info": `"!"`, "token_type": `7`, "scope": `{}`, "error_codes": `"x"`,
	} {
		t.Run(member, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lines := logged.keep(t)
				cloud := azoidctest.New(nil)
				cloud.Fail(azoidctest.EntraToken, azoidctest.Status(200, nil,
					`{"access_token":"`+canary+`","token_type":"Bearer","expires_in":3600,"`+member+`":`+value+`}`))
				token, err := newGitHub(t, cloud).GetToken(t.Context(), forScope(vaultScope))
				if err == nil {
					require.Equal(t, canary, token.Token, "MSAL doesn't mind")
					return
				}
				require.ErrorContains(t, err, "MSAL couldn't use Entra's answer")
				requireNoSecret(t, err, cloud)
				requireNoSecretLogged(t, lines(), cloud)
			})
		})
	}
}

// TestA201IsASuccess, for MSAL takes it for one: its token must not be redacted on the way.
func TestA201IsASuccess(t *testing.T) {
	cloud := azoidctest.New(nil)
	cloud.Fail(azoidctest.EntraToken, azoidctest.Status(201, nil, fmt.Sprintf(jwtBody, `,"expires_in":3600`)))
	require.Equal(t, anyJWT, get(t, newGitHub(t, cloud), vaultScope).Token)
}

// TestRefusalsAreLogged as every Azure SDK client logs them.
func TestRefusalsAreLogged(t *testing.T) {
	for _, s := range systems {
		lines := logged.keep(t)
		cloud := azoidctest.New(nil)
		cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700016))
		_, err := s.cred(t, cloud).GetToken(t.Context(), forScope(vaultScope))
		require.Error(t, err)
		require.Contains(t, lines(), "ResponseError POST https://login.microsoftonline.com/")
		require.Contains(t, lines(), "ERROR CODE: AADSTS700016")
		cloud.Fail(s.leg, azoidctest.Status(403, nil, `{"message":"not you"}`))
		_, err = s.cred(t, cloud).GetToken(t.Context(), forScope(vaultScope))
		require.Error(t, err)
		require.Contains(t, lines(), "not you")
	}
}
