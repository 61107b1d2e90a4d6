package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

func TestMain(m *testing.M) { testbed.Run(m) }

func TestSignIn(t *testing.T) {
	for system, environment := range map[string]func(*azoidctest.Cloud) map[string]string{
		"GitHub Actions":  func(c *azoidctest.Cloud) map[string]string { return c.GitHubJob(nil).Env() },
		"Azure Pipelines": func(c *azoidctest.Cloud) map[string]string { return c.PipelinesJob(nil).Env() },
	} {
		t.Run(system, func(t *testing.T) {
			testbed.OnALaptop(t)
			cloud := testkit.NewCloud()
			testbed.SetEnv(t, environment(cloud))
			var out bytes.Buffer
			require.NoError(t, signIn(t.Context(), &out, onCloud(cloud)))
			const times = ` until \d\d:\d\d:\d\d, refreshed from \d\d:\d\d:\d\d on\n`
			require.Regexp(t, "^"+azoidc.ScopeResourceManager+times+azoidc.ScopeStorage+times+azoidc.ScopeKeyVault+times+"$", out.String())
		})
	}
}

func TestNobodySignedIn(t *testing.T) {
	testbed.OnALaptop(t)
	var out bytes.Buffer
	err := signIn(t.Context(), &out, onCloud(testkit.NewCloud()))
	require.ErrorContains(t, err, "DefaultCredential: no token. Tried, in this order:")
	require.Empty(t, out.String())
}

func onCloud(cloud *azoidctest.Cloud) *azoidc.DefaultCredentialOptions {
	return &azoidc.DefaultCredentialOptions{CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()}}
}
