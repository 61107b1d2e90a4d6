package azoidctest_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestOptionsThatCannotBeMeant(t *testing.T) {
	for _, options := range []azoidctest.Options{{BaseURL: "http://octo.example"}, {BaseURL: "octo"}, {BaseURL: "https://octo.example?a=b"}, {BaseURL: "https://%"}, {TenantID: "octo"}, {ClientID: "octo"}} {
		require.Panics(t, func() { azoidctest.New(&options) }, options)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	c := azoidctest.New(&azoidctest.Options{KeyBits: 1024})
	job, pipelines, service := c.GitHubJob(nil), c.PipelinesJob(&azoidctest.PipelinesJobOptions{Shared: true}), c.Service(vault)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			first := exchange(t, c, gitHubToken(t, c, job, job.Audience), service.Scope)
			get(t, c, service.URL, accessToken(t, first))
			exchange(t, c, pipelinesToken(t, c, pipelines), service.Scope)
			c.SetLatency(0)
			c.FailNext(azoidctest.EntraInstanceDiscovery, 1, azoidctest.Drop())
			c.Requests()
			c.GitHubJob(nil)
			c.Service("https://graph.microsoft.com")
		})
	}
	wg.Wait()
	require.Equal(t, 8, service.Hits())
	require.Equal(t, 16, c.Count(azoidctest.EntraToken))
}
