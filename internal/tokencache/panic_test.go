//go:debug rsa1024min=0

package tokencache_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

func TestMain(m *testing.M) {
	log.SetListener(testkit.Logged.Write)
	testkit.KeyBits = 512 // see go:debug above
	testbed.Run(m)
}

// panics is an answer of a credential that panics with the value; nil dereferences nil.
func panics(value any) func(context.Context, testkit.TokenRequest) error {
	return func(context.Context, testkit.TokenRequest) error {
		time.Sleep(time.Second)
		if value == nil {
			var nowhere *testkit.FakeCredential
			nowhere.Life = time.Second
		}
		panic(value)
	}
}

func TestAPanicIsTheErrorOfAllWhoWait(t *testing.T) {
	jwt := testbed.JWT(`{"sub":"a secret"}`)
	for name, test := range map[string]struct {
		value any
		says  string
	}{
		"a text":             {"no slot is free", "no slot is free"},
		"an error":           {fmt.Errorf("wrapped: %w", testkit.ErrOutage), "wrapped: outage"},
		"a nil pointer":      {nil, "nil pointer dereference"},
		"a secret":           {"can't read " + jwt, "can't read [redacted]"},
		"lines":              {"one\n##vso[task.complete]two\n::error::three", "two"},
		"a value that fails": {failingStringer{}, "PANIC=String method: again"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				logged := testkit.Logged.Keep(t)
				cred := &testkit.FakeCredential{Life: time.Hour, Answer: panics(test.value)}
				cache := azoidc.NewTokenCache(cred, nil)
				_, errs := callers(t, 20, cache, testkit.ForScope(testkit.VaultScope))
				for _, err := range errs {
					require.ErrorContains(t, err, "panic")
					require.ErrorContains(t, err, test.says)
					require.ErrorContains(t, err, "panics", "where")
					require.ErrorContains(t, err, "panic_test.go:")
					require.NotContains(t, err.Error(), jwt)
					require.NotContains(t, err.Error(), "goroutine")
					require.NotContains(t, err.Error(), "\n")
				}
				require.Contains(t, logged(), "panic_test.go:", "the stack")
				require.Contains(t, logged(), "goroutine ")
				require.NotContains(t, logged(), jwt)

				cred.SetAnswer(nil)
				testkit.Get(t, cache, testkit.VaultScope)
			})
		})
	}
}

type failingStringer struct{}

func (failingStringer) String() string { panic("again") }

func TestAPanicOfABackgroundRefreshCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		first := testkit.Get(t, cache, testkit.VaultScope)
		defer keepFresh(t, cache)()
		cred.SetAnswer(panics("refresh"))
		time.Sleep(50 * time.Minute)
		require.Equal(t, first, testkit.Get(t, cache, testkit.VaultScope))
		require.ErrorContains(t, cache.Tokens()[0].LastError, "refresh")
		require.Equal(t, 1, strings.Count(cache.Tokens()[0].LastError.Error(), "\n")+1, "one line")
	})
}

// TestANilCredentialOfAType is one that a constructor returned beside an error that nobody looked at.
func TestANilCredentialOfAType(t *testing.T) {
	var none *testkit.FakeCredential
	_, err := azoidc.NewTokenCache(none, nil).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	require.ErrorContains(t, err, "nil pointer dereference")
}
