package azoidc_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testkit"
)

func TestFileAssertionIsReadAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	source := azoidc.FileAssertion(path)
	_, err := source(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)
	for _, jwt := range []string{"first", "second"} {
		require.NoError(t, os.WriteFile(path, []byte("\n "+jwt+" \r\n"), 0o600))
		got, err := source(t.Context())
		require.NoError(t, err)
		require.Equal(t, jwt, got)
	}
	require.NoError(t, os.WriteFile(path, []byte(" \n"), 0o600))
	_, err = source(t.Context())
	var unusable *azoidc.AssertionError
	require.ErrorAs(t, err, &unusable)
	require.Equal(t, "file", unusable.Source)
	require.ErrorContains(t, err, path+" is empty")
}

func TestStaticAssertion(t *testing.T) {
	got, err := azoidc.StaticAssertion(" the.jwt.itself\n")(t.Context())
	require.NoError(t, err)
	require.Equal(t, "the.jwt.itself", got)
	_, err = azoidc.StaticAssertion("")(t.Context())
	require.ErrorContains(t, err, "static assertion: no assertion: it is empty")
}

// TestPreloadBeforeAStaticAssertionExpires is U2: one OIDC token, taken at the job's start, and tokens for hours.
func TestPreloadBeforeAStaticAssertionExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(nil)
		job := cloud.GitHubJob(nil)
		jwt, err := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
			ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken,
		})(t.Context())
		require.NoError(t, err)
		cred, err := azoidc.NewAssertionCredential(cloud.TenantID(), cloud.ClientID(), azoidc.StaticAssertion(jwt),
			&azoidc.AssertionCredentialOptions{CredentialOptions: testkit.CredentialOptions(cloud)})
		require.NoError(t, err)
		require.NoError(t, cred.Preload(t.Context(), testkit.ManagementScope, testkit.VaultScope))

		time.Sleep(55 * time.Minute)
		testkit.Get(t, cred, testkit.VaultScope)
		synctest.Wait()
		testkit.Get(t, cred, testkit.ManagementScope)
		known := cloud.Count(azoidctest.EntraToken)
		_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.GraphScope))
		require.ErrorContains(t, err, "the assertion expired 50m0s ago by this machine's clock")
		require.ErrorContains(t, err, "Preload every scope before it expires")
		require.Equal(t, known, cloud.Count(azoidctest.EntraToken), "it was posted")
		var unusable *azoidc.AssertionError
		require.ErrorAs(t, err, &unusable)
		require.Equal(t, job.Subject, unusable.Claims.Subject)
	})
}

func TestAnAssertionFuncRepeatsWhatFailedForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(nil)
		job := cloud.GitHubJob(nil)
		source := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
			ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken,
		})
		cloud.FailNext(azoidctest.GitHubOIDC, 3, azoidctest.Drop())
		_, err := source(t.Context())
		require.NoError(t, err)

		cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(500, nil, ""))
		cloud.Reset()
		cred, err := azoidc.NewAssertionCredential(cloud.TenantID(), cloud.ClientID(), source,
			&azoidc.AssertionCredentialOptions{CredentialOptions: testkit.CredentialOptions(cloud)})
		require.NoError(t, err)
		_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "HTTP 500")
		require.Equal(t, 4, cloud.Count(azoidctest.GitHubOIDC), "a source that repeats is not repeated again by the credential")
	})
}

func TestAnAssertionFuncHasADeadlineOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(nil)
		job := cloud.PipelinesJob(nil)
		options := &azoidc.AzurePipelinesAssertionOptions{ClientOptions: cloud.ClientOptions(), RequestURI: job.RequestURI}
		options.Retry.MaxRetries = -1
		cloud.Fail(azoidctest.AzureDevOpsOIDC, azoidctest.Hang())
		start := time.Now()
		_, err := azoidc.AzurePipelinesAssertion(job.ServiceConnectionID, job.SystemAccessToken, options)(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 30*time.Second, time.Since(start))
	})
}

func TestParseClaims(t *testing.T) {
	claims, err := azoidc.ParseClaims(testkit.JWT(`{"iss":"i","sub":"s","aud":"a","jti":"id","iat":100,"nbf":90.5,"exp":400,"job_workflow_ref":"w"}`))
	require.NoError(t, err)
	require.Equal(t, azoidc.Claims{
		Issuer: "i", Subject: "s", ID: "id", Audience: []string{"a"}, JobWorkflowRef: "w",
		IssuedAt: time.Unix(100, 0).UTC(), NotBefore: time.Unix(90, 0).UTC(), ExpiresAt: time.Unix(400, 0).UTC(),
	}, claims)

	claims, err = azoidc.ParseClaims(testkit.JWT(`{"aud":["a","b"]}`))
	require.NoError(t, err)
	require.Equal(t, azoidc.Claims{Audience: []string{"a", "b"}}, claims)

	for jwt, want := range map[string]string{
		"":                              "it is empty",
		"secret":                        "6 bytes in 1 dot-separated parts",
		"a.b.c.d":                       "in 4 dot-separated parts",
		"!.e30.x":                       "header isn't base64url",
		"bnVsbA.e30.x":                  "header isn't a JSON object",
		"e30.!.x":                       "payload isn't base64url",
		"e30.bnVsbA.x":                  "payload isn't a JSON object",
		testkit.JWT(`{"exp":"secret"}`): "payload isn't a JSON object with claims of the registered types",
		testkit.JWT(`{"exp":1e300}`):    "payload isn't a JSON object with claims of the registered types",
	} {
		_, err := azoidc.ParseClaims(jwt)
		require.ErrorContains(t, err, "not a JWT: ")
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
}

func FuzzParseClaims(f *testing.F) {
	for _, jwt := range []string{"", "..", "a.b.c", testkit.JWT(`{}`), testkit.JWT(`{"exp":-1e99,"aud":[1]}`), testkit.JWT(`{"iat":9223372036854775807}`)} {
		f.Add(jwt)
	}
	f.Fuzz(func(t *testing.T, jwt string) {
		claims, err := azoidc.ParseClaims(jwt)
		if err == nil {
			_, err = claims.ExpiresAt.MarshalJSON()
			require.NoError(t, err, "a time that JSON has no form for")
			return
		}
		if payload := longest(strings.Split(jwt, ".")); len(payload) > 12 {
			require.NotContains(t, err.Error(), payload)
		}
	})
}

func longest(parts []string) (longest string) {
	for _, part := range parts {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}
