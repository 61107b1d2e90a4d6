package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

func TestDefault(t *testing.T) {
	for system, environment := range environments {
		t.Run(system, func(t *testing.T) {
			testbed.OnALaptop(t)
			cloud := testkit.NewCloud()
			testbed.SetEnv(t, environment(cloud))
			got := signin(cloud)
			require.Zero(t, got.status, got.stderr)
			require.Regexp(t, held, got.stdout)
			require.Empty(t, got.stderr)
		})
	}
}

func TestDefaultWhereNobodyIsSignedIn(t *testing.T) {
	testbed.OnALaptop(t)
	got := signin(testkit.NewCloud())
	require.Equal(t, failed, got.status)
	require.Contains(t, got.stderr, "DefaultCredential: no token. Tried, in this order:")
	require.Empty(t, got.stdout)
}
