package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestTimeline(t *testing.T) {
	const s = time.Second
	failed := &lane{
		deployment: &deployment{job: job{system: "GitHub Actions"}, approach: today, steps: steps()[:3]},
		assertions: []mark{{'●', 0, 2 * s}},
		tokens:     []mark{{'R', s / 6, 0}},
		steps:      []mark{{'R', s / 6, s}, {'R', s, 2 * s}},
		done:       2,
		refusals:   []refusal{{2*s + s/2, azoidctest.EntraToken, outsideItsTime}},
	}
	done := &lane{
		deployment: &deployment{job: job{system: "GitHub Actions"}, approach: withAzoidc, steps: steps()[:3]},
		assertions: []mark{{'●', 0, 2 * s}, {'●', 2*s + s/2, 4 * s}},
		tokens:     []mark{{'R', s / 6, 0}, {'K', 2*s + s/2, 0}},
		steps:      []mark{{'R', s / 6, s}, {'R', s, 2*s + s/2}, {'K', 2*s + s/2, 3 * s}},
		done:       3,
	}
	var out bytes.Buffer
	drawTimeline(&out, []*lane{failed, done})
	require.Equal(t, `
Timeline, from the requests that the local cloud recorded

                  0 s   1 s   2 s   3 s   4 s
                  ├─────┼─────┼─────┼─────┤

Today: one OIDC token, taken at the start
  GitHub Actions
    OIDC tokens   ●━━━━━━━━━━━                   1
    access tokens  R             ✗               1
    steps          R━━━━R━━━━━━  ✗ AADSTS700024  2 of 3

With azoidc: a new OIDC token for every exchange
  GitHub Actions
    OIDC tokens   ●━━━━━━━━━━━   ●━━━━━━━━       2
    access tokens  R             K               2
    steps          R━━━━R━━━━━━━━K━━✓            3 of 3

  OIDC tokens: ● issued, ━ valid      R Resource Manager   K Key Vault   S Storage      ✗ refused
`, out.String())
}
