package azoidc_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testkit"
)

func TestPreloadJoinsErrorsByScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour, Answer: func(_ context.Context, request testkit.TokenRequest) error {
			time.Sleep(time.Second)
			if s := request.Scopes[0]; s == testkit.GraphScope || s == testkit.StorageScope {
				return fmt.Errorf("no %s today: %w", s, testkit.ErrOutage)
			}
			return nil
		}}
		cache := azoidc.NewTokenCache(cred, nil)
		start := time.Now()
		err := cache.Preload(t.Context(), testkit.VaultScope, testkit.GraphScope, testkit.StorageScope, testkit.VaultScope)
		require.Equal(t, time.Second, time.Since(start), "all at once")
		require.Equal(t, 3, cred.Count(), "a scope named twice is acquired once")
		require.ErrorIs(t, err, testkit.ErrOutage)
		require.ErrorContains(t, err, testkit.GraphScope+": no ")
		require.ErrorContains(t, err, testkit.StorageScope+": no ")
		require.NotContains(t, err.Error(), testkit.VaultScope)

		require.NoError(t, cache.Preload(t.Context(), testkit.VaultScope))
		require.NoError(t, cache.Preload(t.Context()))
		require.Equal(t, 3, cred.Count(), "a held scope costs nothing")
		require.True(t, cred.Requests()[0].EnableCAE, "as Azure SDK clients ask")
		require.Equal(t, []string{testkit.VaultScope}, cache.Tokens()[0].Scopes)
	})
}
