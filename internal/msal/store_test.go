package msal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/msal"
	"github.com/azoidc/azoidc/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Run(m) }

func TestOneWriterAtATime(t *testing.T) {
	var inside, most atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			unlock, err := msal.LockStores(t.Context())
			if !assert.NoError(t, err) {
				return
			}
			most.Store(max(most.Load(), inside.Add(1)))
			time.Sleep(time.Microsecond)
			inside.Add(-1)
			unlock()
		})
	}
	all.Wait()
	require.EqualValues(t, 1, most.Load())
}

func TestWhoWaitsForAWriterGivesUp(t *testing.T) {
	unlock, err := msal.LockStores(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	for range 2 {
		nothing, err := msal.LockStores(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		nothing()
	}
	unlock()
	unlock, err = msal.LockStores(t.Context())
	require.NoError(t, err)
	unlock()
}

func TestATokenThatWasHandedOutIsKnown(t *testing.T) {
	var lent msal.Lent
	request := policy.TokenRequestOptions{Scopes: []string{"s"}}
	for i, test := range []struct {
		request policy.TokenRequestOptions
		token   string
		before  bool
	}{
		{request, "a", false}, {request, "a", true}, {request, "b", false}, {request, "b", true}, {request, "a", false},
		{policy.TokenRequestOptions{Scopes: []string{"s"}, EnableCAE: true}, "a", false},
		{policy.TokenRequestOptions{Scopes: []string{"s"}, TenantID: "t"}, "a", false},
		{policy.TokenRequestOptions{Scopes: []string{"s", "t"}}, "a", false},
		{policy.TokenRequestOptions{Scopes: []string{"s t"}}, "a", false},
		{request, "a", true},
	} {
		require.Equal(t, test.before, lent.Note(test.request, azcore.AccessToken{Token: test.token}), i)
	}
	for i := range 3000 {
		lent.Note(policy.TokenRequestOptions{Scopes: []string{fmt.Sprint(i)}}, azcore.AccessToken{Token: "a"})
		require.True(t, lent.Note(policy.TokenRequestOptions{Scopes: []string{fmt.Sprint(i)}}, azcore.AccessToken{Token: "a"}))
		require.LessOrEqual(t, lent.Count(), 1000)
	}
}

func TestDue(t *testing.T) {
	end := time.Now().Add(time.Hour)
	require.Equal(t, end.Add(-15*time.Minute), msal.Due(azcore.AccessToken{ExpiresOn: end}).RefreshOn)
	named := end.Add(-time.Minute)
	require.Equal(t, named, msal.Due(azcore.AccessToken{ExpiresOn: end, RefreshOn: named}).RefreshOn)
}

func TestNoClaimsDontReachEntra(t *testing.T) {
	for claims, want := range map[string][]string{msal.NoClaims: nil, `{"a":1}`: {`{"a":1}`}, "": {""}} {
		req, err := runtime.NewRequest(t.Context(), http.MethodPost, "https://x.example/token")
		require.NoError(t, err)
		form := url.Values{"claims": {claims}, "scope": {"a b"}, "client_assertion": {"x.y+/=&z"}}
		require.NoError(t, req.SetBody(body{strings.NewReader(form.Encode())}, "application/x-www-form-urlencoded"))
		require.NoError(t, msal.WithoutNoClaims(req))
		sent, err := io.ReadAll(req.Raw().Body)
		require.NoError(t, err)
		require.EqualValues(t, len(sent), req.Raw().ContentLength)
		got, err := url.ParseQuery(string(sent))
		require.NoError(t, err)
		require.Equal(t, want, got["claims"])
		require.Equal(t, form["client_assertion"], got["client_assertion"])
		require.Equal(t, form["scope"], got["scope"])
		require.Equal(t, "application/x-www-form-urlencoded", req.Raw().Header.Get("Content-Type"))
	}
	req, err := runtime.NewRequest(t.Context(), http.MethodGet, "https://x.example")
	require.NoError(t, err)
	require.NoError(t, msal.WithoutNoClaims(req))
}

// TestARequestThatCantBeRead isn't sent as something else.
func TestARequestThatCantBeRead(t *testing.T) {
	mine := errors.New("mine")
	req, err := runtime.NewRequest(t.Context(), http.MethodPost, "https://x.example/token")
	require.NoError(t, err)
	require.NoError(t, req.SetBody(&broken{body{strings.NewReader("claims=%7B%7D")}, nil}, "application/x-www-form-urlencoded"))
	req.Body().(*broken).err = mine
	require.ErrorIs(t, msal.WithoutNoClaims(req), mine)
	require.NoError(t, req.SetBody(body{strings.NewReader("claims=%zz")}, "application/x-www-form-urlencoded"))
	require.Error(t, msal.WithoutNoClaims(req))
}

// broken is a body that can't be read once it has an error.
type broken struct {
	body
	err error
}

func (b *broken) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	return b.body.Read(p)
}

type body struct{ *strings.Reader }

func (body) Close() error { return nil }

// atAuthority makes azidentity's credential at an authority, with whatever transport there is: none may be used.
func atAuthority(host string) msal.Redeem {
	return func(first policy.Policy) (azcore.TokenCredential, error) {
		return azidentity.NewClientAssertionCredential("tenant", "client", func(context.Context) (string, error) { return "a.b.c", nil },
			&azidentity.ClientAssertionCredentialOptions{DisableInstanceDiscovery: true, ClientOptions: azcore.ClientOptions{
				Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: host}, PerCallPolicies: []policy.Policy{first},
				Transport: testbed.TransportFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New("sent") })}})
	}
}

func TestReplayMakesATokenOfAnAnswer(t *testing.T) {
	request := policy.TokenRequestOptions{Scopes: []string{"s"}, EnableCAE: true}
	for _, region := range []string{"", "westeurope"} {
		for _, host := range []string{"https://login.microsoftonline.com/", "https://login.private.example", "https://login.microsoftonline.us"} {
			t.Setenv("AZURE_REGIONAL_AUTHORITY_NAME", region)
			token, err := msal.Replay(t.Context(), atAuthority(host), request, []byte(`{"token_type":"Bearer","access_token":"mine","expires_in":3600}`))
			require.NoError(t, err)
			require.Equal(t, "mine", token.Token)
			require.InDelta(t, 3600, time.Until(token.ExpiresOn).Seconds(), 10)
		}
	}
	_, err := msal.Replay(t.Context(), atAuthority("https://login.private.example"), request, []byte(`{}`))
	require.Error(t, err)
	_, err = msal.Replay(t.Context(), atAuthority("https://login.private.example"), request, nil)
	require.ErrorContains(t, err, "no request is made")
	mine := errors.New("mine")
	_, err = msal.Replay(t.Context(), func(policy.Policy) (azcore.TokenCredential, error) { return nil, mine }, request, nil)
	require.ErrorIs(t, err, mine)
}

// A holder is a credential whose store holds a token, which it returns unless it is asked with claims.
type holder struct {
	held   string
	broken error
	asked  []policy.TokenRequestOptions
}

func (h *holder) GetToken(_ context.Context, request policy.TokenRequestOptions) (azcore.AccessToken, error) {
	h.asked = append(h.asked, request)
	switch {
	case request.Claims != "":
		return azcore.AccessToken{}, h.broken
	case h.held == "":
		return azcore.AccessToken{}, errors.New("none")
	}
	return azcore.AccessToken{Token: h.held}, nil
}

func TestForgetReplacesWhatIsStored(t *testing.T) {
	mine := errors.New("mine")
	for name, test := range map[string]struct {
		holder holder
		asked  int
		want   error
	}{
		"a token":           {holder{held: "token"}, 2, nil},
		"none":              {holder{}, 1, nil},
		"forgotten already": {holder{held: msal.Tombstone}, 1, nil},
		"a broken store":    {holder{held: "token", broken: mine}, 2, mine},
	} {
		t.Run(name, func(t *testing.T) {
			h := &test.holder
			request := policy.TokenRequestOptions{Scopes: []string{"s"}, TenantID: "t", EnableCAE: true, Claims: "theirs"}
			err := msal.Forget(t.Context(), func(policy.Policy) (azcore.TokenCredential, error) { return h, nil }, request)
			require.ErrorIs(t, err, test.want)
			require.Len(t, h.asked, test.asked)
			require.Empty(t, h.asked[0].Claims)
			for _, asked := range h.asked {
				require.Equal(t, request.Scopes, asked.Scopes)
				require.Equal(t, "t", asked.TenantID)
				require.True(t, asked.EnableCAE)
			}
			if test.asked == 2 {
				require.Equal(t, msal.NoClaims, h.asked[1].Claims)
			}
			unlock, err := msal.LockStores(t.Context())
			require.NoError(t, err, "the lock is free")
			unlock()
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	unlock, err := msal.LockStores(t.Context())
	require.NoError(t, err)
	defer unlock()
	require.Error(t, msal.Forget(ctx, nil, policy.TokenRequestOptions{}))
}

// TestTheMarkOfAForgottenTokenIsNoToken for long: MSAL doesn't take it from a store, and asks for another one at once.
func TestTheMarkOfAForgottenTokenIsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mark azcore.AccessToken
		redeem := func(first policy.Policy) (azcore.TokenCredential, error) {
			real, err := atAuthority("https://login.private.example")(first)
			return credFunc(func(ctx context.Context, request policy.TokenRequestOptions) (azcore.AccessToken, error) {
				if request.Claims == "" {
					return azcore.AccessToken{Token: "stored"}, nil
				}
				token, err := real.GetToken(ctx, request)
				mark = token
				return token, err
			}), err
		}
		require.NoError(t, msal.Forget(t.Context(), redeem, policy.TokenRequestOptions{Scopes: []string{"s"}}))
		require.Equal(t, msal.Tombstone, mark.Token)
		require.Greater(t, time.Until(mark.ExpiresOn), 5*time.Minute, "MSAL stores nothing that has less")
		require.LessOrEqual(t, time.Until(mark.ExpiresOn), 5*time.Minute+time.Second, "nor takes it from there")
		require.False(t, mark.RefreshOn.After(time.Now()), "it is due")
	})
}

type credFunc func(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error)

func (f credFunc) GetToken(ctx context.Context, request policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return f(ctx, request)
}
