package azoidctest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/azoidc/azoidc/azoidctest"
)

// BenchmarkExchange posts one assertion again and again: a verification and a signature.
func BenchmarkExchange(b *testing.B) {
	for name, bits := range map[string]int{"1024 bits": 1024, "2048 bits": 2048} {
		b.Run(name, func(b *testing.B) {
			c := azoidctest.New(&azoidctest.Options{KeyBits: bits})
			job := c.GitHubJob(nil)
			request, _ := http.NewRequest(http.MethodGet, job.RequestURL+"&audience="+url.QueryEscape(job.Audience), nil)
			request.Header.Set("Authorization", "Bearer "+job.RequestToken)
			if _, err := c.Do(request); err != nil {
				b.Fatal(err)
			}
			form := tokenForm(c, c.Requests(azoidctest.GitHubOIDC)[0].Assertion.Raw, vault+"/.default").Encode()
			for b.Loop() {
				request, _ := http.NewRequest(http.MethodPost, tokenURL(c, c.TenantID()), strings.NewReader(form))
				request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				response, err := c.Do(request)
				if err != nil || response.StatusCode != http.StatusOK {
					b.Fatal(err, response)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				c.Reset()
			}
		})
	}
}
