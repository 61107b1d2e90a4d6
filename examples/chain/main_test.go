package main

import (
	"context"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// laptop is signed in as by hand, and counts how often it was asked.
type laptop struct{ asked int }

func TestMain(m *testing.M) { testbed.Run(m) }

func (l *laptop) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	l.asked++
	return azcore.AccessToken{Token: "by hand", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

var request = policy.TokenRequestOptions{Scopes: []string{azoidc.ScopeResourceManager}, EnableCAE: true}

func TestOnALaptop(t *testing.T) {
	testbed.OnALaptop(t)
	cloud, cli := testkit.NewCloud(), &laptop{}
	cred, err := newChain(cloud.ClientOptions(), cli)
	require.NoError(t, err)
	for range 3 {
		token, err := cred.GetToken(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, "by hand", token.Token)
	}
	require.Equal(t, 1, cli.asked)
	require.Zero(t, cloud.Count())
}

func TestInCI(t *testing.T) {
	for system, test := range map[string]struct {
		environment func(*azoidctest.Cloud) map[string]string
		leg         azoidctest.Leg
	}{
		"GitHub Actions":  {func(c *azoidctest.Cloud) map[string]string { return c.GitHubJob(nil).Env() }, azoidctest.GitHubOIDC},
		"Azure Pipelines": {func(c *azoidctest.Cloud) map[string]string { return c.PipelinesJob(nil).Env() }, azoidctest.AzureDevOpsOIDC},
	} {
		t.Run(system, func(t *testing.T) {
			testbed.OutsideCI(t)
			cloud, cli := testkit.NewCloud(), &laptop{}
			testbed.SetEnv(t, test.environment(cloud))
			cred, err := newChain(cloud.ClientOptions(), cli)
			require.NoError(t, err)
			_, err = cred.GetToken(t.Context(), request)
			require.NoError(t, err)
			require.Equal(t, 1, cloud.Count(test.leg))
			require.Zero(t, cli.asked)
		})
	}
}

// A refusal ends the chain: nobody deploys as somebody else by accident.
func TestRefused(t *testing.T) {
	testbed.OutsideCI(t)
	cloud, cli := testkit.NewCloud(), &laptop{}
	testbed.SetEnv(t, cloud.GitHubJob(&azoidctest.GitHubJobOptions{Untrusted: true}).Env())
	cred, err := newChain(cloud.ClientOptions(), cli)
	require.NoError(t, err)
	_, err = cred.GetToken(t.Context(), request)
	require.ErrorContains(t, err, "AADSTS70025")
	require.Zero(t, cli.asked)
}
