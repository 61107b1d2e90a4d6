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

func (l *laptop) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	l.asked++
	return azcore.AccessToken{Token: "by hand", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

var request = policy.TokenRequestOptions{Scopes: []string{azoidc.ScopeResourceManager}, EnableCAE: true}

func TestChainOnALaptop(t *testing.T) {
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

func TestChainInCI(t *testing.T) {
	for system, leg := range map[string]azoidctest.Leg{"GitHub Actions": azoidctest.GitHubOIDC, "Azure Pipelines": azoidctest.AzureDevOpsOIDC} {
		t.Run(system, func(t *testing.T) {
			testbed.OutsideCI(t)
			cloud, cli := testkit.NewCloud(), &laptop{}
			testbed.SetEnv(t, environments[system](cloud))
			cred, err := newChain(cloud.ClientOptions(), cli)
			require.NoError(t, err)
			_, err = cred.GetToken(t.Context(), request)
			require.NoError(t, err)
			require.Equal(t, 1, cloud.Count(leg))
			require.Zero(t, cli.asked)
		})
	}
}

// A refusal ends the chain: nobody deploys as somebody else by accident.
func TestChainRefused(t *testing.T) {
	testbed.OutsideCI(t)
	cloud, cli := testkit.NewCloud(), &laptop{}
	testbed.SetEnv(t, cloud.GitHubJob(&azoidctest.GitHubJobOptions{Untrusted: true}).Env())
	cred, err := newChain(cloud.ClientOptions(), cli)
	require.NoError(t, err)
	_, err = cred.GetToken(t.Context(), request)
	require.ErrorContains(t, err, "AADSTS70025")
	require.Zero(t, cli.asked)
}
