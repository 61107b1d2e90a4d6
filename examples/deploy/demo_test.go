package main

import (
	"bytes"
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	d := newDemo(inSeconds())
	defer d.cloud.Close()
	var out bytes.Buffer
	require.NoError(t, d.run(t.Context(), &out), out.String())

	// On a machine that stalls, a step may need one token more or fewer: what is drawn is compared with what was counted.
	require.Regexp(t, `8  Storage +remove the old files +✓ [0-9.]+ s +✓ [0-9.]+ s\n`, out.String())
	require.Regexp(t, ` 0 s   1 s   2 s .* 8 s `, out.String())
	require.Equal(t, 4, strings.Count(out.String(), "✗ AADSTS700024"), out.String()) // two cells, two lanes
	requireCount(t, 2, `OIDC tokens +●━+ +1\n +access tokens +R.* ✗ .*\n +steps +R━.*✗ AADSTS700024 +[1-7] of 8\n`, out.String())
	requireCount(t, 2, `OIDC tokens +●━+ +●.*\n +access tokens +R.* K.* R.* S.*\n +steps +R━+R━+K━+R━+S━+K━+R━+S━+✓ +8 of 8\n`, out.String())
	require.Equal(t, d.cloud.Count(azoidctest.GitHubOIDC, azoidctest.AzureDevOpsOIDC), total(`OIDC tokens .* (\d+)\n`, out.String()))
	require.Equal(t, d.cloud.Count(azoidctest.EntraToken)-2, total(`access tokens .* (\d+)\n`, out.String()))
	requireNoSecret(t, d.cloud.Cloud, out.String())
}

func requireCount(t *testing.T, want int, pattern, text string) {
	t.Helper()
	require.Len(t, regexp.MustCompile(pattern).FindAllString(text, -1), want, text)
}

// total is the sum of the numbers that the pattern's group matches.
func total(pattern, text string) (sum int) {
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(match[1])
		sum += n
	}
	return sum
}

// atOnce is a deployment that is over before any token has ended.
func atOnce() settings {
	return settings{
		assertion: time.Minute, accessToken: time.Hour,
		steps: []step{{target: resourceManager, name: "network"}, {target: keyVault, name: "certificate"}},
	}
}

// The program claims nothing that didn't happen.
func TestDemoThatFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*settings)
		fail   func(*demo)
		wants  []string
	}{
		{
			name: "today's way works",
			wants: []string{
				"GitHub Actions, today: no failure with AADSTS700024", "Azure Pipelines, today: no failure with AADSTS700024",
			},
		},
		{
			name: "today's way fails otherwise",
			fail: func(d *demo) { d.cloud.FailNext(azoidctest.EntraToken, 2, azoidctest.EntraRefusal(7000216)) },
			wants: []string{
				"GitHub Actions, today: it failed, but not with AADSTS700024", "Azure Pipelines, today: it failed, but",
			},
		},
		{
			name:   "one OIDC token is enough",
			change: func(s *settings) { s.steps = s.steps[:1] },
			wants:  []string{"GitHub Actions, azoidc: a second OIDC token: 1 was requested", "Azure Pipelines, azoidc: a second"},
		},
		{
			name: "a service refuses",
			fail: func(d *demo) {
				d.cloud.Fail(azoidctest.Services, azoidctest.Status(http.StatusForbidden, nil, `{"error":{"code":"Locked"}}`))
			},
			wants: []string{"GitHub Actions, azoidc: it failed", "Azure Pipelines, azoidc: it failed", "Locked"},
		},
		{
			name:  "a service refuses at first",
			fail:  func(d *demo) { d.cloud.Fail(azoidctest.Services, unavailableAtFirst()) },
			wants: []string{"GitHub Actions, azoidc: requests refused by the services: 1", "Azure Pipelines, azoidc: requests refused"},
		},
		{
			name:  "no OIDC token",
			fail:  func(d *demo) { d.cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(http.StatusForbidden, nil, "")) },
			wants: []string{"GitHub Actions, today: it failed, but", "GitHub Actions, azoidc: it failed: "},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := atOnce()
			if test.change != nil {
				test.change(&s)
			}
			d := newDemo(s)
			defer d.cloud.Close()
			if test.fail != nil {
				test.fail(d)
			}
			var out bytes.Buffer
			err := d.run(t.Context(), &out)
			for _, want := range test.wants {
				require.ErrorContains(t, err, want)
			}
			require.Contains(t, out.String(), "Timeline")
			require.NotContains(t, out.String(), "With azoidc, both")
			requireNoSecret(t, d.cloud.Cloud, out.String(), err.Error())
		})
	}
}

// unavailableAtFirst answers the first request for each network with 503, which azcore then sends again.
func unavailableAtFirst() azoidctest.Fault {
	var asked sync.Map
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if _, again := asked.LoadOrStore(r.URL.Path, true); again || !strings.HasSuffix(r.URL.Path, "/network") {
			next.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	require.ErrorIs(t, demonstrate(ctx, &out, inSeconds()), context.DeadlineExceeded)
	require.NotContains(t, out.String(), withAzoidc.title)
}
