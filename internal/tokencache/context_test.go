package tokencache_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	azruntime "github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestAFlightLeavesTheCallersRequestAlone: what a caller's context says about the caller's own request is neither read nor
// written by an acquisition, whatever credential is behind the cache.
func TestAFlightLeavesTheCallersRequestAlone(t *testing.T) {
	for name, newCredential := range map[string]func(*azoidctest.Cloud) azcore.TokenCredential{
		"azidentity's": func(cloud *azoidctest.Cloud) azcore.TokenCredential {
			return azoidc.NewTokenCache(testkit.NewAzidentity(t, cloud), nil)
		},
		"this package's": func(cloud *azoidctest.Cloud) azcore.TokenCredential { return testkit.NewGitHub(t, cloud) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := testkit.NewCloud()
				cred := newCredential(cloud)
				var captured *http.Response
				ctx := policy.WithCaptureResponse(t.Context(), &captured)
				ctx = policy.WithHTTPHeader(ctx, http.Header{"X-Of-The-Caller": {"1"}})
				ctx = policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1})
				cloud.FailNext(azoidctest.EntraToken, 1, testkit.Text(http.StatusServiceUnavailable, ""))

				first, err := cred.GetToken(ctx, testkit.ForScope(testkit.VaultScope))
				require.NoError(t, err, "the credential's own retries count")
				time.Sleep(time.Until(first.ExpiresOn) - 4*time.Minute) // when MSAL, too, has it no longer
				_, err = cred.GetToken(ctx, testkit.ForScope(testkit.VaultScope))
				require.NoError(t, err)
				synctest.Wait()
				second, err := cred.GetToken(ctx, testkit.ForScope(testkit.VaultScope))
				require.NoError(t, err)
				require.NotEqual(t, first.Token, second.Token, "refreshed in the background")

				require.Nil(t, captured)
				require.NotEmpty(t, cloud.Requests())
				for _, request := range cloud.Requests() {
					require.Empty(t, request.Header.Get("X-Of-The-Caller"), request.URL)
				}
			})
		})
	}
}

type (
	traceKey  struct{}
	headerKey struct{}
)

// TestAFlightLeavesTheCallersSpanAlone: azcore takes the secrets of the latest request's URL out of what a span tells of an error,
// which must stay the caller's request.
func TestAFlightLeavesTheCallersSpanAlone(t *testing.T) {
	const wanted, sign = "https://vault.example/?sig=", "secret"
	said := ""
	client, err := azcore.NewClient("module", "v1.0.0", azruntime.PipelineOptions{Tracing: azruntime.TracingOptions{Namespace: "n"}}, &policy.ClientOptions{
		Transport: testbed.TransportFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		}),
		TracingProvider: tracing.NewProvider(func(string, string) tracing.Tracer {
			return tracing.NewTracer(func(ctx context.Context, _ string, _ *tracing.SpanOptions) (context.Context, tracing.Span) {
				return ctx, tracing.NewSpan(tracing.SpanImpl{SetStatus: func(_ tracing.SpanStatus, text string) { said = text }})
			}, nil)
		}, nil),
	})
	require.NoError(t, err)
	send := func(ctx context.Context, url string) {
		request, err := azruntime.NewRequest(ctx, http.MethodGet, url)
		require.NoError(t, err)
		_, err = client.Pipeline().Do(request)
		require.NoError(t, err)
	}
	ctx, end := azruntime.StartSpan(t.Context(), "Client.Get", client.Tracer(), nil)
	send(ctx, wanted+sign)
	_, err = azoidc.NewTokenCache(&testkit.FakeCredential{Life: time.Hour, Answer: func(ctx context.Context, _ testkit.TokenRequest) error {
		send(ctx, "https://login.example")
		return nil
	}}, nil).GetToken(ctx, testkit.ForScope(testkit.VaultScope))
	require.NoError(t, err)
	end(errors.New("refused: " + wanted + sign))
	require.Contains(t, said, wanted)
	require.NotContains(t, said, sign)
}

// TestAFlightHasTheCallersOtherValues, those of azcore's own types, too.
func TestAFlightHasTheCallersOtherValues(t *testing.T) {
	baggage := http.Header{"Baggage": {"1"}}
	ctx := context.WithValue(t.Context(), traceKey{}, "the caller's span")
	ctx = context.WithValue(ctx, headerKey{}, baggage)
	ctx = policy.WithHTTPHeader(ctx, http.Header{"X-Of-The-Caller": {"1"}})
	cred := &testkit.FakeCredential{Life: time.Hour, Answer: func(ctx context.Context, _ testkit.TokenRequest) error {
		require.Equal(t, "the caller's span", ctx.Value(traceKey{}))
		require.Equal(t, baggage, ctx.Value(headerKey{}))
		_, bounded := ctx.Deadline()
		require.True(t, bounded)
		return nil
	}}
	_, err := azoidc.NewTokenCache(cred, nil).GetToken(ctx, testkit.ForScope(testkit.VaultScope))
	require.NoError(t, err)
}

// TestAnEndedContextBeginsNothing, but is served what is there.
func TestAnEndedContextBeginsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		ended, end := context.WithCancel(t.Context())
		end()
		request := testkit.ForScope(testkit.VaultScope)

		_, err := cache.GetToken(ended, request)
		require.ErrorIs(t, err, context.Canceled)
		_, err = cache.GetToken(ended, withClaims(testkit.VaultScope, challenge))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, cache.Preload(ended, testkit.VaultScope, testkit.GraphScope), context.Canceled)
		synctest.Wait()
		require.Zero(t, cred.Count())

		first := testkit.Get(t, cache, testkit.VaultScope)
		for _, until := range []time.Time{time.Now(), first.RefreshOn, first.ExpiresOn.Add(-time.Second)} {
			time.Sleep(time.Until(until))
			token, err := cache.GetToken(ended, request)
			require.NoError(t, err)
			require.Equal(t, first, token)
		}
		time.Sleep(time.Second)
		_, err = cache.GetToken(ended, request)
		require.ErrorIs(t, err, context.Canceled)
		synctest.Wait()
		require.Equal(t, 1, cred.Count())
	})
}

// TestAFlightsContextIsOneLikeAnyOther: what a credential makes of it ends with it, and takes no goroutine to watch it.
func TestAFlightsContextIsOneLikeAnyOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout = 10 * time.Second
		begun := time.Now()
		released := false
		cred := &testkit.FakeCredential{Life: time.Hour, Answer: func(ctx context.Context, _ testkit.TokenRequest) error {
			deadline, ok := ctx.Deadline()
			require.True(t, ok)
			require.Equal(t, begun.Add(timeout), deadline)
			require.NoError(t, ctx.Err())
			goroutines := runtime.NumGoroutine()
			own := ctx.(interface{ AfterFunc(func()) func() bool })
			neverOwn := own.AfterFunc(func() { t.Error("it was stopped") })
			stopOwn := own.AfterFunc(func() {})
			require.True(t, neverOwn())
			require.False(t, neverOwn())
			child, end := context.WithCancel(ctx)
			defer end()
			sooner, endSooner := context.WithTimeout(child, time.Second)
			defer endSooner()
			stop := context.AfterFunc(child, func() { released = true })
			never := context.AfterFunc(ctx, func() { t.Error("it was stopped") })
			require.True(t, never())
			require.False(t, never())
			require.Equal(t, goroutines, runtime.NumGoroutine())
			done := ctx.Done()
			require.Equal(t, done, ctx.Done())
			<-sooner.Done()
			require.NoError(t, ctx.Err())
			<-child.Done()
			<-done
			require.Equal(t, timeout, time.Since(begun))
			for _, over := range []context.Context{ctx, child} {
				require.ErrorIs(t, over.Err(), context.DeadlineExceeded)
				require.ErrorIs(t, context.Cause(over), context.DeadlineExceeded)
			}
			synctest.Wait()
			require.True(t, released)
			require.False(t, stop())
			late := make(chan struct{})
			require.False(t, own.AfterFunc(func() { close(late) })())
			<-late
			require.False(t, stopOwn(), "it was called")
			return ctx.Err()
		}}
		cache := azoidc.NewTokenCache(cred, &azoidc.TokenCacheOptions{AcquireTimeout: timeout})
		_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorIs(t, err, context.DeadlineExceeded)

		var kept context.Context
		cred.SetAnswer(func(ctx context.Context, _ testkit.TokenRequest) error {
			kept = ctx
			return nil
		})
		testkit.Get(t, cache, testkit.VaultScope)
		<-kept.Done()
		require.ErrorIs(t, kept.Err(), context.Canceled, "it ends with the flight")
	})
}

// TestACallersCauseIsNotTheFlights: why a caller left says nothing about an acquisition that goes on.
func TestACallersCauseIsNotTheFlights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour, Answer: func(ctx context.Context, request testkit.TokenRequest) error {
			err := testkit.Takes(time.Minute)(ctx, request)
			require.NoError(t, context.Cause(ctx))
			return err
		}}
		cache := azoidc.NewTokenCache(cred, nil)
		caller, leave := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { leave(testkit.ErrOutage) })
		_, err := cache.GetToken(caller, testkit.ForScope(testkit.VaultScope))
		require.ErrorIs(t, err, context.Canceled)
		time.Sleep(time.Minute)
		require.Len(t, cache.Tokens(), 1)
	})
}
