package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/ci"
)

func TestTimeline(t *testing.T) {
	const s = time.Second
	failed := &lane{
		deployment: &deployment{job: job{system: ci.GitHubActions}, approach: today, steps: steps()[:3]},
		assertions: []mark{{sign: '●', to: 2 * s}},
		tokens:     []mark{{sign: 'R', from: s / 6, to: 0}},
		steps:      []mark{{sign: 'R', from: s / 6, to: s}, {sign: 'R', from: s, to: 2 * s}},
		done:       2,
		refusals:   []refusal{{at: 2*s + s/2, leg: azoidctest.EntraToken, text: outsideItsTime}},
	}
	done := &lane{
		deployment: &deployment{job: job{system: ci.GitHubActions}, approach: withAzoidc, steps: steps()[:3]},
		assertions: []mark{{sign: '●', to: 2 * s}, {sign: '●', from: 2*s + s/2, to: 4 * s}},
		tokens:     []mark{{sign: 'R', from: s / 6, to: 0}, {sign: 'K', from: 2*s + s/2, to: 0}},
		steps:      []mark{{sign: 'R', from: s / 6, to: s}, {sign: 'R', from: s, to: 2*s + s/2}, {sign: 'K', from: 2*s + s/2, to: 3 * s}},
		done:       3,
	}
	var out bytes.Buffer
	drawTimeline(screen{Writer: &out}, []*lane{failed, done})
	require.Equal(t, `
Timeline, from the requests that the local cloud recorded

                  0 s   1 s   2 s   3 s   4 s
                  ├─────┼─────┼─────┼─────┤

Today: one OIDC token, taken at the start; from Azure Pipelines, azidentity's own credential
  GitHub Actions
    OIDC tokens   ●━━━━━━━━━━━                   1
    access tokens  R             ✗               1
    steps          R━━━━R━━━━━━  ✗ AADSTS700024  2 of 3

With azoidc: a new OIDC token for every exchange, and every exchange in time
  GitHub Actions
    OIDC tokens   ●━━━━━━━━━━━   ●━━━━━━━━       2
    access tokens  R             K               2
    steps          R━━━━R━━━━━━━━K━━✓            3 of 3

  OIDC tokens: ● issued, ━ valid      R Resource Manager   K Key Vault   S Storage      ✗ refused
`, out.String())
}
