package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// token and doctor, as processes over TLS.
func TestShippedCommands(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	for name, job := range map[string]map[string]string{
		"GitHub Actions":  cloud.GitHubJob(nil).Env(),
		"Azure Pipelines": with(cloud.PipelinesJob(nil).Env(), "TF_BUILD", "True"),
	} {
		t.Run(name, func(t *testing.T) {
			service := cloud.Service(vault)
			p := inProcess(t, cloud, job, "", "token", "-scope", service.Scope, "-o", "raw")
			status, token := p.run()
			require.Zero(t, status, p.stderr.String())
			require.True(t, strings.HasSuffix(p.stderr.String(), token), "masked: %s", p.stderr.String())
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, service.URL, nil)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
			response, err := cloud.Client().Do(r)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusOK, response.StatusCode)

			p = inProcess(t, cloud, job, "", "doctor", "-scope", service.Scope)
			status, report := p.run()
			require.Zero(t, status, report)
			require.Contains(t, report, "CI system: "+name+"\n")
			require.Contains(t, report, "Verdict: all is well")
			requireNoSecret(t, cloud.Cloud, job, report+p.stderr.String())
		})
	}
}
