//go:build !plan9

package azoidctest_test

import (
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestDropIsAConnectionReset(t *testing.T) {
	inMemory(t, func(t *testing.T, c *azoidctest.Cloud, r *http.Request) {
		c.FailNext(azoidctest.GitHubOIDC, 1, azoidctest.Drop())
		_, err := c.Do(r)
		require.ErrorIs(t, err, syscall.ECONNRESET)
	})
}
