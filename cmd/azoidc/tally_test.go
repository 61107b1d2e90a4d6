package main

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// Each answer that was a token or a refusal counts once, on whichever leg.
func TestTally(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	p := inJob(cloud, cloud.GitHubJob(nil).Env())
	l := loginOf(t, p)
	var (
		mu    sync.Mutex
		noted []string
	)
	sum := newTally(func(text string) { // from both scopes' exchanges at once
		mu.Lock()
		defer mu.Unlock()
		noted = append(noted, text)
	})
	l.Client.PerCallPolicies = []policy.Policy{sum}
	l.Client.Retry = policy.RetryOptions{MaxRetries: -1}
	cred, err := l.Credential()
	require.NoError(t, err)
	require.NoError(t, cred.Preload(t.Context(), vaultScope, "https://storage.azure.com/.default"))
	require.Equal(t, counts{Acquired: 2}, sum.sum())
	cred.InvalidateAll()
	require.NoError(t, cred.Preload(t.Context(), vaultScope))
	require.Equal(t, counts{Acquired: 2, Refreshed: 1}, sum.sum())
	require.Contains(t, noted, "a new token for "+vaultScope)

	for leg, body := range map[azoidctest.Leg]string{
		azoidctest.GitHubOIDC: `{"message":"no"}`,
		azoidctest.EntraToken: `{"error":"invalid_client","error_description":"AADSTS7000222: no"}`,
	} {
		before := sum.sum().Refused
		cloud.Fail(leg, azoidctest.Status(http.StatusUnauthorized, nil, body))
		cred.InvalidateAll()
		require.Error(t, cred.Preload(t.Context(), vaultScope))
		require.Equal(t, before+1, sum.sum().Refused, leg)
		cloud.Fail(leg, nil)
	}
	before := sum.sum()
	cloud.Fail(azoidctest.EntraToken, azoidctest.Drop())
	cred.InvalidateAll()
	require.Error(t, cred.Preload(t.Context(), vaultScope))
	require.Equal(t, before, sum.sum(), "nobody answered")
	for _, text := range noted {
		requireNoSecret(t, cloud, cloud.GitHubJob(nil).Env(), text)
	}
}

func TestScopeIn(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded; charset=utf-8"
	for name, test := range map[string]struct{ contentType, body, want string }{
		"an exchange":      {form, "grant_type=x&scope=openid+offline_access+" + url.QueryEscape(vaultScope) + "+profile", vaultScope},
		"only MSAL's":      {form, "scope=openid+offline_access+profile", ""},
		"no scope":         {form, "a=b", ""},
		"no form":          {form, "scope=a;b%zz", ""},
		"a broken form":    {form, "scope=a&b=%zz", ""},
		"of another type":  {"text/plain", "scope=a", ""},
		"nothing":          {"", "", ""},
		"nothing, as form": {form, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := runtime.NewRequest(t.Context(), http.MethodPost, "https://login.example")
			require.NoError(t, err)
			if test.body != "" {
				require.NoError(t, req.SetBody(streaming.NopCloser(strings.NewReader(test.body)), test.contentType))
			} else if test.contentType != "" {
				req.Raw().Header.Set("Content-Type", test.contentType)
			}
			scope, err := scopeIn(req)
			require.NoError(t, err)
			require.Equal(t, test.want, scope)
			if test.body != "" {
				again, err := io.ReadAll(req.Body())
				require.NoError(t, err)
				require.Equal(t, test.body, string(again))
			}
		})
	}
}

func TestTallyCounts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		scope  string
		status int
		body   string
		want   counts
		note   string
	}{
		"a token":          {"s", 200, `{"access_token":"t"}`, counts{Acquired: 1}, "a new token for s"},
		"no token":         {"s", 200, `{}`, counts{Refused: 1}, "h refused: HTTP 200"},
		"no JSON":          {"s", 200, `<html>`, counts{Refused: 1}, "h refused: HTTP 200"},
		"a strange status": {"s", 202, `{"access_token":"t"}`, counts{Refused: 1}, "h refused: HTTP 202"},
		"something else":   {"", 200, `{"access_token":"t"}`, counts{}, ""},
		"something's fail": {"", 400, `{}`, counts{Refused: 1}, "h refused: HTTP 400"},
	} {
		t.Run(name, func(t *testing.T) {
			var note string
			sum := newTally(func(text string) { note = text })
			sum.count("h", test.scope, &http.Response{StatusCode: test.status}, []byte(test.body))
			require.Equal(t, test.want, sum.sum())
			require.Equal(t, test.note, note)
		})
	}
}

// A body that breaks off, on whichever way, is an error, and is no answer.
func TestTallyOfHalfABody(t *testing.T) {
	t.Parallel()
	half := func() io.ReadSeekCloser {
		return streaming.NopCloser(struct {
			io.Reader
			io.Seeker
		}{io.MultiReader(strings.NewReader(`{"access_token":`), iotest.ErrReader(io.ErrUnexpectedEOF)), strings.NewReader("so long")})
	}
	sent := 0
	answering := transport(func(*http.Request) (*http.Response, error) {
		sent++
		return &http.Response{StatusCode: http.StatusOK, Body: half()}, nil
	})
	sum := newTally(func(text string) { require.Fail(t, text) })
	pipeline := runtime.NewPipeline("", "", runtime.PipelineOptions{}, &policy.ClientOptions{Transport: answering, PerCallPolicies: []policy.Policy{sum}})
	req, err := runtime.NewRequest(t.Context(), http.MethodPost, "https://login.example")
	require.NoError(t, err)
	runtime.SkipBodyDownload(req)
	_, err = pipeline.Do(req)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, 1, sent)

	require.NoError(t, req.SetBody(half(), "application/x-www-form-urlencoded"))
	_, err = pipeline.Do(req)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, 1, sent, "what can't be read isn't sent")
	require.Equal(t, counts{}, sum.sum())
}

// What goes wrong below is told above as it is.
func TestTallyOfNoAnswer(t *testing.T) {
	t.Parallel()
	failing := transport(func(*http.Request) (*http.Response, error) { return nil, io.ErrClosedPipe })
	sum := newTally(func(text string) { require.Fail(t, text) })
	pipeline := runtime.NewPipeline("", "", runtime.PipelineOptions{}, &policy.ClientOptions{
		Transport: failing, PerCallPolicies: []policy.Policy{sum}, Retry: policy.RetryOptions{MaxRetries: -1},
	})
	req, err := runtime.NewRequest(t.Context(), http.MethodGet, "https://login.example")
	require.NoError(t, err)
	_, err = pipeline.Do(req)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.Equal(t, counts{}, sum.sum())
}

// A body that can't be sent any more once it was read isn't sent.
func TestTallyOfABodyThatIsSpent(t *testing.T) {
	t.Parallel()
	req, err := runtime.NewRequest(t.Context(), http.MethodPost, "https://login.example")
	require.NoError(t, err)
	body := &spent{Reader: strings.NewReader("scope=a")}
	require.NoError(t, req.SetBody(streaming.NopCloser(body), "application/x-www-form-urlencoded"))
	body.err = io.ErrClosedPipe
	_, err = scopeIn(req)
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

type spent struct {
	*strings.Reader
	err error
}

func (s *spent) Seek(offset int64, whence int) (int64, error) {
	if s.err != nil {
		return 0, s.err
	}
	return s.Reader.Seek(offset, whence)
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) Do(r *http.Request) (*http.Response, error) { return f(r) }
