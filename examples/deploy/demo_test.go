package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// inMemory is a demonstration that takes no time in a synctest bubble.
func inMemory(s settings) *demo {
	cloud, _ := memory(s.options())
	return newDemo(s, cloud)
}

// memory is a starter.
func memory(options *azoidctest.Options) (localCloud, func()) {
	cloud := azoidctest.New(smaller(options))
	cloud.SetLatency(10*time.Millisecond, azoidctest.GitHubOIDC, azoidctest.AzureDevOpsOIDC, azoidctest.EntraToken, azoidctest.Services)
	return localCloud{cloud, cloud.ClientOptions(), "in memory"}, func() {}
}

// loopback is onLoopback but for the keys.
func loopback(options *azoidctest.Options) (localCloud, func()) { return onLoopback(smaller(options)) }

// smaller has small keys: half of the time would go into making and using them.
func smaller(options *azoidctest.Options) *azoidctest.Options {
	changed := *options
	changed.KeyBits = testkit.KeyBits
	return &changed
}

func TestDemo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := inMemory(inSeconds())
		var out bytes.Buffer
		require.NoError(t, d.run(t.Context(), screen{Writer: &out}), out.String())

		require.Regexp(t, `3  Key Vault +issue the certificate +✗ AADSTS700024 +✓ 4.3 s\n`, out.String())
		require.Regexp(t, `8  Storage +remove the old files +– +✓ 8.0 s\n`, out.String())
		require.Regexp(t, `8  Storage +remove the old files +✓ 8.0 s +✓ 8.0 s\n`, out.String())
		require.Regexp(t, ` 0 s   1 s   2 s .* 8 s `, out.String())
		requireCount(t, 1, `OIDC tokens +●━+ +1\n +access tokens +R +✗ +1\n +steps +R━━━━R━+✗ AADSTS700024 +2 of 8\n`, out.String())
		requireCount(t, 1, `OIDC tokens +●━+ +●.* 5\n +access tokens +R +K +R +S +K +5\n +steps +R━+R━+K━+R━+S━+K━+R━+S━+✓ +8 of 8\n`, out.String())
		requireCount(t, 2, `OIDC tokens +●●●━+ +●●●━+ +●●●━+ +9\n +access tokens +[RKS]{3} +[RKS]{3} +[RKS]{3} +9\n +steps +R━+R━+K━+R━+S━+K━+R━+S━+✓ +8 of 8\n`, out.String())
		require.Equal(t, d.cloud.Count(azoidctest.GitHubOIDC, azoidctest.AzureDevOpsOIDC), total(`OIDC tokens .* (\d+)\n`, out.String()))
		require.Equal(t, d.cloud.Count(azoidctest.EntraToken)-1, total(`access tokens .* (\d+)\n`, out.String()))
		require.Contains(t, out.String(), `
Today, from GitHub Actions it failed with AADSTS700024 after 2 of 8 steps: its one OIDC token had ended.
Today, from Azure Pipelines it finished on 5 OIDC tokens, and waited for access tokens 5 times.
With azoidc, both finished all steps, on 9 OIDC tokens, without an error or a refusal by any service, and waited once, at their start.
`)
		requireNoSecret(t, d.cloud.Cloud, out.String())
	})
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
	testbed.NotShort(t, "runs the whole demonstration")
	for _, test := range []struct {
		name   string
		change func(*settings)
		fail   func(*demo)
		wants  []string
	}{
		{
			name:  "today's way works",
			wants: []string{"GitHub Actions, today: no failure with AADSTS700024"},
		},
		{
			name: "today's way fails otherwise",
			fail: func(d *demo) { d.cloud.FailNext(azoidctest.EntraToken, 2, azoidctest.EntraRefusal(7000216)) },
			wants: []string{
				"GitHub Actions, today: it failed, but not with AADSTS700024", "Azure Pipelines, today: it failed: ",
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
			synctest.Test(t, func(t *testing.T) {
				s := atOnce()
				if test.change != nil {
					test.change(&s)
				}
				d := inMemory(s)
				if test.fail != nil {
					test.fail(d)
				}
				var out bytes.Buffer
				err := d.run(t.Context(), screen{Writer: &out})
				for _, want := range test.wants {
					require.ErrorContains(t, err, want)
				}
				require.Contains(t, out.String(), "Timeline")
				require.NotContains(t, out.String(), "With azoidc, both")
				requireNoSecret(t, d.cloud.Cloud, out.String(), err.Error())
			})
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

// What is drawn is what is in the repository, and what a run on loopback draws.
func TestPicture(t *testing.T) {
	testbed.NotShort(t, "runs the whole demonstration")
	synctest.Test(t, func(t *testing.T) {
		d := inMemory(inSeconds())
		require.NoError(t, d.run(t.Context(), screen{Writer: io.Discard}))
		require.NoError(t, d.draw(filepath.Join(t.TempDir(), "timeline.svg")))
		drawn := picture(d.settings, slices.Concat(d.todays, d.azoidcs))
		requireXML(t, drawn)
		kept, err := os.ReadFile("timeline.svg")
		require.NoError(t, err)
		require.True(t, bytes.Equal(kept, drawn), "go run ./examples/deploy -svg examples/deploy/timeline.svg draws it anew")
	})
}

func requireXML(t *testing.T, document []byte) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(document))
	for {
		if _, err := decoder.Token(); err != nil {
			require.Equal(t, io.EOF, err)
			return
		}
	}
}

func TestDemoInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var out bytes.Buffer
		require.ErrorIs(t, inMemory(inSeconds()).run(ctx, screen{Writer: &out}), context.DeadlineExceeded)
		require.Contains(t, out.String(), "✗ AADSTS700024")
		require.NotContains(t, out.String(), "✗ failed")
		require.NotContains(t, out.String(), withAzoidc.title)
	})
}
