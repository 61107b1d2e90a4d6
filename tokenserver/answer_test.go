package tokenserver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/tokenserver"
)

// What clients do with a status: 400 is final, 429 and 5xx are tried again.
func TestStatusOfCredentialsErrors(t *testing.T) {
	answered := func(status int, retryAfter string) error {
		return &azidentity.AuthenticationFailedError{RawResponse: &http.Response{
			StatusCode: status, Header: http.Header{"Retry-After": {retryAfter}},
		}}
	}
	for name, test := range map[string]struct {
		err        error
		status     int
		retryAfter string
	}{
		"refused":                   {answered(400, ""), 400, ""},
		"unauthorized":              {answered(401, ""), 400, ""},
		"throttled":                 {answered(429, "17"), 429, "17"},
		"throttled without a time":  {answered(429, ""), 429, "5"},
		"outage":                    {answered(503, "3"), 503, "3"},
		"throttled for no time":     {answered(429, "0"), 429, "5"},
		"throttled for a second":    {answered(429, "1"), 429, "1"},
		"throttled for most of day": {answered(429, "65535"), 429, "65535"},
		"throttled for longer":      {answered(429, "65536"), 429, "5"},
		"server error, the first":   {answered(500, ""), 503, "5"},
		"client error, the last":    {answered(499, ""), 400, ""},
		"redirected":                {answered(300, ""), 400, ""},
		"success, the last":         {answered(299, ""), 503, "5"},
		"timeout":                   {answered(408, ""), 503, "5"},
		"outage with a bad time":    {answered(500, "soon"), 503, "5"},
		"answer without a token":    {answered(200, ""), 503, "5"},
		"no answer":                 {&azidentity.AuthenticationFailedError{}, 503, "5"},
		"credential is unavailable": {azidentity.NewCredentialUnavailableError("not in CI"), 400, ""},
		"too late":                  {fmt.Errorf("waiting: %w", context.DeadlineExceeded), 504, ""},
		"gone":                      {context.Canceled, 503, "5"},
		"anything":                  {errors.New("anything"), 500, ""},
	} {
		t.Run(name, func(t *testing.T) {
			handler, env := newHandler(t, &source{get: func(context.Context) (azcore.AccessToken, error) {
				return azcore.AccessToken{}, test.err
			}})
			a := serve(t, handler, newRequest(env, vault))
			requireRefused(t, a, test.status, test.err.Error())
			require.Equal(t, test.retryAfter, a.header.Get("Retry-After"))
		})
	}
}

// The local cloud's trouble, as the clients and the log see it.
func TestStatusOfCloudsTrouble(t *testing.T) {
	for name, test := range map[string]struct {
		trouble    func(*azoidctest.Cloud, *azoidctest.GitHubJob)
		status     int
		message    string
		retryAfter string
	}{
		"no federated credential": {func(cloud *azoidctest.Cloud, _ *azoidctest.GitHubJob) { cloud.Application().Distrust() }, 400, "federated", ""},
		"throttled": {func(cloud *azoidctest.Cloud, _ *azoidctest.GitHubJob) {
			cloud.Fail(azoidctest.EntraToken, azoidctest.Status(429, http.Header{"Retry-After": {"600"}}, "{}"))
		}, 429, "429", "600"},
		"outage": {func(cloud *azoidctest.Cloud, _ *azoidctest.GitHubJob) {
			cloud.Fail(azoidctest.EntraToken, azoidctest.Status(503, nil, ""))
		}, 503, "503", "5"},
		"no connection": {func(cloud *azoidctest.Cloud, _ *azoidctest.GitHubJob) {
			cloud.Fail(azoidctest.EntraToken, azoidctest.Drop())
		}, 503, "no answer from Entra", "5"},
		"request token ended": {func(_ *azoidctest.Cloud, job *azoidctest.GitHubJob) { job.ExpireRequestToken() }, 400, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", ""},
		"GitHub's outage": {func(cloud *azoidctest.Cloud, _ *azoidctest.GitHubJob) {
			cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(500, nil, ""))
		}, 503, "GitHub Actions", "5"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := azoidctest.New(&azoidctest.Options{KeyBits: 1024})
				job := cloud.GitHubJob(nil)
				cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), &azoidc.GitHubActionsCredentialOptions{
					CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()},
					RequestURL:        job.RequestURL,
					RequestToken:      job.RequestToken,
				})
				require.NoError(t, err)
				test.trouble(cloud, job)
				var logged bytes.Buffer
				handler, err := tokenserver.New(cred, &tokenserver.Options{ErrorLog: log.New(&logged, "azoidc: ", 0)})
				require.NoError(t, err)
				env := handler.Env(endpoint)

				a := serve(t, handler, newRequest(env, vault))

				requireRefused(t, a, test.status, test.message)
				require.Equal(t, test.retryAfter, a.header.Get("Retry-After"))
				require.Contains(t, logged.String(), `azoidc: no token for "`+vault+`": `)
				require.Contains(t, logged.String(), test.message)
				for _, secret := range secrets(cloud, job, env) {
					require.NotContains(t, a.text+logged.String(), secret)
				}
			})
		})
	}
}

func secrets(cloud *azoidctest.Cloud, job *azoidctest.GitHubJob, env map[string]string) []string {
	secrets := []string{job.RequestToken, env["IDENTITY_HEADER"]}
	for _, request := range cloud.Requests() {
		if request.Assertion != nil {
			secrets = append(secrets, request.Assertion.Raw)
		}
	}
	return secrets
}
