//go:debug rsa1024min=0

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

func TestMain(m *testing.M) {
	testkit.KeyBits = 512 // see go:debug above
	testbed.Run(m)
}

// result is what a run of the program leaves behind.
type result struct {
	status         int
	stdout, stderr string
}

func deploy(ctx context.Context, client azcore.ClientOptions, args ...string) result {
	return demonstrated(ctx, inSeconds(), loopback, client, args...)
}

func demonstrated(ctx context.Context, s settings, start starter, client azcore.ClientOptions, args ...string) result {
	var stdout, stderr bytes.Buffer
	status := program{&stdout, &stderr, client, s, start}.run(ctx, args)
	return result{status, stdout.String(), stderr.String()}
}

func TestNothingSet(t *testing.T) {
	testbed.NotShort(t, "runs the whole demonstration")
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "timeline.svg")
		r := demonstrated(t.Context(), inSeconds(), memory, azcore.ClientOptions{}, "-svg", file)
		require.Zero(t, r.status, r.stderr)
		require.Empty(t, r.stderr)
		require.Regexp(t, `\nToday, from GitHub Actions .+ AADSTS700024 after 2 of 8 steps.+\nToday, from Azure Pipelines .+ finished .+\n`+
			`With azoidc, both finished all steps, on .+ OIDC tokens, without an error.+\n$`, r.stdout)
		require.NotContains(t, r.stdout, "\x1b")
		drawn, err := os.ReadFile(file)
		require.NoError(t, err)
		requireXML(t, drawn)
	})
}

// On loopback, where time is real, nothing ends meanwhile: all is deployed, and so the program has nothing to show. CI runs
// the whole demonstration there.
func TestOnLoopback(t *testing.T) {
	r := demonstrated(t.Context(), atOnce(), loopback, azcore.ClientOptions{})
	require.Equal(t, failed, r.status)
	require.Contains(t, r.stderr, "GitHub Actions, today: no failure with AADSTS700024")
	require.NotContains(t, r.stderr, "it failed")
	require.Contains(t, r.stdout, "on a local cloud at https://127.0.0.1:")
	requireCount(t, 4, `2 of 2\n`, r.stdout)
}

func TestInterrupted(t *testing.T) {
	testbed.NotShort(t, "is real time")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second/4)
	defer cancel()
	r := deploy(ctx, azcore.ClientOptions{})
	require.Equal(t, interrupted, r.status)
	require.Equal(t, "deploy: interrupted\n", r.stderr)
	require.NotContains(t, r.stdout, "✗")
}

func TestArguments(t *testing.T) {
	for _, test := range []struct {
		name           string
		args           []string
		status         int
		stdout, stderr string
	}{
		{"help", []string{"-h"}, 0, "-scope SCOPE", ""},
		{"long help", []string{"--help"}, 0, defaultScope, ""},
		{"unknown flag", []string{"-x"}, 2, "", "-x"},
		{"argument", []string{"now"}, 2, "", `"now"`},
		{"an argument that isn't one line", []string{"now\n::stop-commands::x"}, 2, "", `"now\n::stop-commands::x"`},
		{"empty scope", []string{"-scope", " "}, 2, "", "a scope is not empty"},
		{"scope outside CI", []string{"-scope", defaultScope}, 2, "", "none"},
		{"scope of the demonstration", []string{"-demo", "-scope", defaultScope}, 2, "", "-scope is for the real cloud"},
		{"picture of the real cloud", []string{"-svg", "x.svg", "-scope", defaultScope}, 2, "", "-scope is for the real cloud"},
		{"picture without a name", []string{"-svg", ""}, 2, "", "a file has a name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := deploy(t.Context(), azcore.ClientOptions{}, test.args...)
			require.Equal(t, test.status, r.status)
			requireText(t, test.stdout, r.stdout)
			requireText(t, test.stderr, r.stderr)
		})
	}
}

// A file that can't be written is found out about.
func TestPictureNowhere(t *testing.T) {
	d := &demo{settings: inSeconds()}
	require.Error(t, d.draw(filepath.Join(t.TempDir(), "nowhere", "timeline.svg")))
}

// requireText wants nothing where part is empty.
func requireText(t *testing.T, part, whole string) {
	t.Helper()
	if part == "" {
		require.Empty(t, whole)
	}
	require.Contains(t, whole, part)
}

// requireNoSecret wants none of the tokens that the cloud ever saw in any of the texts.
func requireNoSecret(t *testing.T, cloud *azoidctest.Cloud, texts ...string) {
	t.Helper()
	for secret := range secrets(t, cloud) {
		for _, text := range texts {
			require.NotContains(t, text, secret)
		}
	}
}

// secrets are OIDC tokens, access tokens and what OIDC tokens are requested with.
func secrets(t *testing.T, cloud *azoidctest.Cloud) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, r := range cloud.Requests() {
		for _, claims := range []*azoidctest.Claims{r.Assertion, r.AccessToken} {
			if claims != nil {
				all[claims.Raw] = true
			}
		}
		if _, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
			all[token] = true
		}
	}
	require.NotEmpty(t, all)
	return all
}
