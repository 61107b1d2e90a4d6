package azoidctest_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestIssuerDocumentsAreReadOnce(t *testing.T) {
	c := newCloud(nil)
	job := c.GitHubJob(nil)
	for range 3 {
		accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), vault+"/.default"))
	}
	require.Equal(t, 2, c.Count(azoidctest.IssuerDocuments))
}

// TestIssuerNamesItself the same at all authority hosts of a cloud; the endpoints are the host's that was asked.
func TestIssuerNamesItself(t *testing.T) {
	c := newCloud(nil)
	for host, issuer := range map[string]string{
		"login.microsoftonline.com":  "https://login.microsoftonline.com",
		"login.windows.net":          "https://login.microsoftonline.com",
		"eastus.login.microsoft.com": "https://login.microsoftonline.com",
		"login.usgovcloudapi.net":    "https://login.microsoftonline.us",
		"login.chinacloudapi.cn":     "https://login.partner.microsoftonline.cn",
	} {
		a := get(t, c, "https://"+host+"/"+c.TenantID()+"/v2.0/.well-known/openid-configuration", "")
		require.Equal(t, issuer+"/"+c.TenantID()+"/v2.0", a.json["issuer"])
		require.Equal(t, "https://"+host+"/"+c.TenantID()+"/oauth2/v2.0/token", a.json["token_endpoint"])
	}
}

type transporterFunc func(*http.Request) (*http.Response, error)

func (f transporterFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

func TestIssuerTransport(t *testing.T) {
	var (
		c    *azoidctest.Cloud
		read []string
	)
	c = newCloud(&azoidctest.Options{IssuerTransport: transporterFunc(func(r *http.Request) (*http.Response, error) {
		read = append(read, r.URL.String())
		return c.Do(r)
	})})
	job := c.GitHubJob(nil)
	accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), vault+"/.default"))
	require.Equal(t, []string{
		"https://token.actions.githubusercontent.com/.well-known/openid-configuration",
		"https://token.actions.githubusercontent.com/.well-known/jwks",
	}, read)
}

// A relying party takes no keys from a document with one that is none.
func TestIssuerWithAKeyThatIsNone(t *testing.T) {
	for name, key := range map[string]string{
		"another type":    `{"kty": "EC", "n": "AQAB", "e": "AQAB"}`,
		"no modulus":      `{"kty": "RSA", "e": "AQAB"}`,
		"odd modulus":     `{"kty": "RSA", "n": "!", "e": "AQAB"}`,
		"no exponent":     `{"kty": "RSA", "n": "AQAB"}`,
		"odd exponent":    `{"kty": "RSA", "n": "AQAB", "e": "!"}`,
		"small exponent":  `{"kty": "RSA", "n": "AQAB", "e": "Ag"}`,
		"large exponent":  `{"kty": "RSA", "n": "AQAB", "e": "gAAAAA"}`,
		"larger exponent": `{"kty": "RSA", "n": "AQAB", "e": "AQAAAAAAAAAA"}`,
	} {
		var c *azoidctest.Cloud
		c = newCloud(&azoidctest.Options{IssuerTransport: transporterFunc(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/jwks") {
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"keys": [` + key + `]}`))}, nil
			}
			return c.Do(r)
		})})
		job := c.GitHubJob(nil)
		a := exchange(t, c, gitHubToken(t, c, job, job.Audience), vault+"/.default")
		require.Equal(t, []any{50166.0}, a.json["error_codes"], name)
	}
}

// TestKeysAreOfTheUsualSize where nobody asks for others, and only then.
func TestKeysAreOfTheUsualSize(t *testing.T) {
	for bits, cloud := range map[int]*azoidctest.Cloud{2048: azoidctest.New(nil), 512: newCloud(nil)} {
		job := cloud.GitHubJob(nil)
		var published struct{ Keys []struct{ N string } }
		require.NoError(t, json.Unmarshal([]byte(get(t, cloud, job.Issuer+"/.well-known/jwks", "").body), &published))
		modulus, err := base64.RawURLEncoding.DecodeString(published.Keys[0].N)
		require.NoError(t, err)
		require.Len(t, modulus, bits/8)
	}
}
