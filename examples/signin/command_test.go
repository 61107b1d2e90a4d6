package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// printToken is the command. It returns its exit status.
func printToken(address string) int {
	response, err := http.Get(address)
	if err == nil {
		_, err = io.Copy(os.Stdout, response.Body)
		err = errors.Join(err, response.Body.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestCommand(t *testing.T) {
	testbed.OutsideCI(t)
	cloud := testkit.NewCloud()
	setApplication(t, cloud)
	t.Setenv("PRINT_TOKEN_FROM", issuer(t, cloud))

	cred, err := newCommandCredential([]string{os.Args[0]}, withAssertions(cloud))
	require.NoError(t, err)
	for _, scope := range []string{azoidc.ScopeResourceManager, azoidc.ScopeKeyVault} {
		_, err = cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
		require.NoError(t, err)
	}
	exchanges := cloud.Requests(azoidctest.EntraToken)
	require.Len(t, exchanges, 2)
	require.NotEqual(t, exchanges[0].Assertion.ID, exchanges[1].Assertion.ID)
}

// issuer is the address of a program that hands out a new OIDC token to whoever asks.
func issuer(t *testing.T, cloud *azoidctest.Cloud) string {
	t.Helper()
	assertion := oidcTokens(cloud)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := assertion(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, token)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestCommandThatFails(t *testing.T) {
	testbed.OutsideCI(t)
	cloud := testkit.NewCloud()
	setApplication(t, cloud)
	t.Setenv("PRINT_TOKEN_FROM", "http://127.0.0.1:0")
	cred, err := newCommandCredential([]string{os.Args[0]}, withAssertions(cloud))
	require.NoError(t, err)
	err = cred.Preload(t.Context(), azoidc.ScopeResourceManager)
	require.ErrorContains(t, err, "exit status 1")
	require.Zero(t, cloud.Count(azoidctest.EntraToken))
}
