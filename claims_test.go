package azoidc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testbed"
)

func TestParseClaims(t *testing.T) {
	claims, err := azoidc.ParseClaims(testbed.JWT(`{"iss":"i","sub":"s","aud":"a","jti":"id","iat":100,"nbf":90.5,"exp":400,"job_workflow_ref":"w","repository_id":"456","repository_owner_id":123}`))
	require.NoError(t, err)
	require.Equal(t, azoidc.Claims{
		Issuer: "i", Subject: "s", ID: "id", Audience: []string{"a"}, JobWorkflowRef: "w", RepositoryID: "456", RepositoryOwnerID: "123",
		IssuedAt: time.Unix(100, 0).UTC(), NotBefore: time.Unix(90, 0).UTC(), ExpiresAt: time.Unix(400, 0).UTC(),
	}, claims)

	claims, err = azoidc.ParseClaims(testbed.JWT(`{"aud":["a","b"]}`))
	require.NoError(t, err)
	require.Equal(t, azoidc.Claims{Audience: []string{"a", "b"}}, claims)

	claims, err = azoidc.ParseClaims(testbed.JWT(`{"repository_id":{"a":1},"repository_owner_id":"a b"}`))
	require.NoError(t, err)
	require.Equal(t, azoidc.Claims{}, claims, "what is no identifier")

	for _, second := range []int64{-62135596800, 253402300799} {
		claims, err = azoidc.ParseClaims(testbed.JWT(fmt.Sprintf(`{"exp":%d}`, second)))
		require.NoError(t, err, "the first year, and the last")
		require.Equal(t, second, claims.ExpiresAt.Unix())
	}

	for jwt, want := range map[string]string{
		"":                                  "it is empty",
		"secret":                            "6 bytes in 1 dot-separated parts",
		"a.b.c.d":                           "in 4 dot-separated parts",
		"!.e30.x":                           "header isn't base64url",
		"bnVsbA.e30.x":                      "header isn't a JSON object",
		"e30.!.x":                           "payload isn't base64url",
		"e30.bnVsbA.x":                      "payload isn't a JSON object",
		"e3\n0.e30.x":                       "header isn't base64url",
		"e30.e30\r\n.x":                     "payload isn't base64url",
		"e30.e30.x\n::add-mask::secret":     "signature isn't base64url",
		testbed.JWT(`{"exp":"secret"}`):     "payload isn't a JSON object with claims of the registered types",
		testbed.JWT(`{"exp":253402300800}`): "payload isn't a JSON object with claims of the registered types",
		testbed.JWT(`{"exp":-62135596801}`): "payload isn't a JSON object with claims of the registered types",
		testbed.JWT(`{"exp":1e300}`):        "payload isn't a JSON object with claims of the registered types",
	} {
		_, err := azoidc.ParseClaims(jwt)
		require.ErrorContains(t, err, "not a JWT: ")
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
}

// TestClaimsInALog are told, and are no command to whoever reads it.
func TestClaimsInALog(t *testing.T) {
	claims := azoidc.Claims{Issuer: "##vso[task.complete]", Subject: "repo:o/r", Audience: []string{"api://a", "##[group]"}}
	for _, value := range []any{claims, &claims, []azoidc.Claims{claims}} {
		printed := fmt.Sprintf("%+v", value)
		require.Contains(t, printed, "Subject:repo:o/r")
		require.Contains(t, printed, "api://a")
		require.NotContains(t, printed, "##vso[")
		require.NotContains(t, printed, "##[")
	}
}

func FuzzParseClaims(f *testing.F) {
	for _, jwt := range []string{"", "..", "a.b.c", testbed.JWT(`{}`), testbed.JWT(`{"exp":-1e99,"aud":[1]}`), testbed.JWT(`{"iat":9223372036854775807}`)} {
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
