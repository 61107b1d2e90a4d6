package azoidctest_test

import (
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// FuzzAssertion presents what no issuer signed: it is always refused, in Entra's form.
func FuzzAssertion(f *testing.F) {
	c := azoidctest.New(nil)
	job := c.GitHubJob(nil)
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"octocat"}`))
	for _, claims := range []string{
		`{"iss":"` + job.Issuer + `","sub":"` + job.Subject + `","aud":"` + job.Audience + `"}`,
		`{"iss":1,"exp":"octocat","aud":{}}`, `[]`, `null`, `{"iss":"https://evil.example/","exp":1e300}`,
	} {
		f.Add(header + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".AAAA")
	}
	f.Add("..")
	f.Fuzz(func(t *testing.T, assertion string) {
		defer c.Reset()
		a := exchange(t, c, assertion, vault+"/.default")
		require.GreaterOrEqual(t, a.status, http.StatusBadRequest)
		require.Regexp(t, `^AADSTS\d+: `, a.json["error_description"])
		for _, read := range c.Requests(azoidctest.IssuerDocuments) {
			require.Contains(t, read.URL, job.Issuer, "only trusted issuers are read from")
		}
	})
}
