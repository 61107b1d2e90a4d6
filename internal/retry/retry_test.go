package retry_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/retry"
)

func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"", "0", "-1", "7", "1.5", "9223372036854775807", "99999999999999999999", "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, name := range []string{"Retry-After", "Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
			d := retry.After(http.Header{name: {value}})
			require.GreaterOrEqual(t, d, d*0)
			require.LessOrEqual(t, d, 24*time.Hour)
		}
	})
}

// TestWhatEndedTheAttemptsIsNamed: the error of attempts whose time ran out is found as its reason, and as its end.
func TestWhatEndedTheAttemptsIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine := errors.New("mine")
		err := retry.New(policy.RetryOptions{}).Plan(0).Run(t.Context(), failTwice(mine, context.Canceled))
		require.ErrorIs(t, err, mine)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "mine\n  then:")
	})
}

// failTwice is an attempt that fails with first for a moment, then finally with second.
func failTwice(first, second error) func(context.Context) *retry.Failure {
	failures := []*retry.Failure{{Err: first, Verdict: retry.Transient}, {Err: second}}
	return func(context.Context) *retry.Failure {
		failed := failures[0]
		failures = failures[1:]
		return failed
	}
}
