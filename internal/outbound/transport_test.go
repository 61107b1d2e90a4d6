package outbound_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/outbound"
	"github.com/azoidc/azoidc/internal/testbed"
)

// wrapped is a transporter of the caller's own, which isn't an *http.Client.
type wrapped struct{ *http.Client }

// newPair starts a server that redirects every request to another, which counts what reaches it.
func newPair(t *testing.T, code int) (redirecting *httptest.Server, reached *int) {
	t.Helper()
	reached = new(int)
	target := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { *reached++ }))
	t.Cleanup(target.Close)
	redirecting = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target.URL, code)
	}))
	t.Cleanup(redirecting.Close)
	return redirecting, reached
}

func newRequest(t *testing.T, method, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("client_assertion=secret"))
	require.NoError(t, err)
	return req
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			redirecting, reached := newPair(t, code)
			client := redirecting.Client()
			resp, err := outbound.Transport(client).Do(newRequest(t, method, redirecting.URL))
			require.NoError(t, err)
			resp.Body.Close()
			require.Equal(t, code, resp.StatusCode)
			require.Zero(t, *reached, "the redirect was followed")
			require.Nil(t, client.CheckRedirect, "the caller's client was changed")
		}
	}
}

func TestATransporterThatFollowedARedirectIsRefused(t *testing.T) {
	redirecting, _ := newPair(t, http.StatusTemporaryRedirect)
	_, err := outbound.Transport(wrapped{redirecting.Client()}).Do(newRequest(t, http.MethodGet, redirecting.URL))
	require.ErrorIs(t, err, outbound.ErrRedirected)
}

func TestPlainHTTPIsForLoopbackOnly(t *testing.T) {
	sent := 0
	transport := outbound.Transport(answers(func(*http.Request) *http.Response { sent++; return newResponse("") }))
	for url, allowed := range map[string]bool{
		"http://127.0.0.1:80/": true, "http://[::1]/": true, "http://localhost:1/": true, "https://example.com/": true,
		"http://example.com/": false, "http://127.0.0.1.example.com/": false, "http://localhost.example.com/": false,
		"http://10.0.0.1/": false, "http://169.254.169.254/": false, "ftp://127.0.0.1/": false, "//127.0.0.1/": false,
	} {
		before := sent
		_, err := transport.Do(newRequest(t, http.MethodGet, url))
		require.Equal(t, allowed, err == nil, url)
		require.Equal(t, allowed, sent > before, url)
		require.True(t, allowed || errors.Is(err, outbound.ErrInsecure), url)
	}
}

type answers func(*http.Request) *http.Response

func (f answers) Do(r *http.Request) (*http.Response, error) { return f(r), nil }

func newResponse(body string) *http.Response {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}
}

func TestAnswersAreBounded(t *testing.T) {
	for size, fits := range map[int]bool{0: true, 1: true, outbound.MaxAnswer - 1: true, outbound.MaxAnswer: true, outbound.MaxAnswer + 1: false, 3 * outbound.MaxAnswer: false} {
		for _, announced := range []bool{true, false} {
			resp := newResponse(strings.Repeat("x", size))
			if announced {
				resp.ContentLength = int64(size)
			}
			answer, err := outbound.Transport(answers(func(*http.Request) *http.Response { return resp })).Do(newRequest(t, http.MethodGet, "https://x.example"))
			var body []byte
			if err == nil {
				body, err = io.ReadAll(answer.Body)
			}
			require.Equal(t, fits, err == nil, "%d bytes: %v", size, err)
			require.True(t, fits || errors.Is(err, outbound.ErrTooLarge))
			require.LessOrEqual(t, len(body), outbound.MaxAnswer)
			require.True(t, fits || announced || len(body) == outbound.MaxAnswer, "what fits was read")
		}
	}
}

// TestAnAnswerIsReadInOnePiece by who has room for just as much as it has.
func TestAnAnswerIsReadInOnePiece(t *testing.T) {
	answer, err := outbound.Transport(answers(func(*http.Request) *http.Response {
		return newResponse(strings.Repeat("x", outbound.MaxAnswer))
	})).Do(newRequest(t, http.MethodGet, "https://x.example"))
	require.NoError(t, err)
	n, err := answer.Body.Read(make([]byte, outbound.MaxAnswer))
	require.NoError(t, err)
	require.Equal(t, outbound.MaxAnswer, n)
	_, err = answer.Body.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

// TestTheDefaultTransport reaches a real server, and trusts no certificate that it doesn't know.
func TestTheDefaultTransport(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	var transport policy.Transporter = outbound.Transport(nil)
	_, err := transport.Do(newRequest(t, http.MethodGet, server.URL))
	require.ErrorContains(t, err, "certificate")

	loopback := httptest.NewServer(http.RedirectHandler("https://example.com/", http.StatusFound))
	t.Cleanup(loopback.Close)
	resp, err := transport.Do(newRequest(t, http.MethodGet, loopback.URL))
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusFound, resp.StatusCode)
}

// TestATransporterThatReturnsNothing gives an error, and one without a body or a request an answer.
func TestATransporterThatReturnsNothing(t *testing.T) {
	nothing := outbound.Transport(answers(func(*http.Request) *http.Response { return nil }))
	_, err := nothing.Do(newRequest(t, http.MethodGet, "https://x.example"))
	require.ErrorContains(t, err, "neither an answer nor an error")

	bare := outbound.Transport(answers(func(*http.Request) *http.Response { return &http.Response{StatusCode: 204} }))
	resp, err := bare.Do(newRequest(t, http.MethodGet, "https://x.example"))
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Empty(t, body)
}

// TestANilClientIsTheDefault, where a caller's variable of that type was never set.
func TestANilClientIsTheDefault(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	resp, err := outbound.Transport((*http.Client)(nil)).Do(newRequest(t, http.MethodGet, server.URL))
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func TestIsDefault(t *testing.T) {
	require.True(t, outbound.IsDefault(outbound.Transport(nil)))
	require.True(t, outbound.IsDefault(outbound.Transport((*http.Client)(nil))))
	require.True(t, outbound.IsDefault(outbound.Transport(outbound.Transport(nil))))
	require.False(t, outbound.IsDefault(outbound.Transport(&http.Client{})))
	require.False(t, outbound.IsDefault(&http.Client{}))
	require.False(t, outbound.IsDefault(nil))
}

// closing is a transporter of the caller's own that can close its idle connections.
type closing struct {
	answers
	closed *int
}

func (c closing) CloseIdleConnections() { *c.closed++ }

// failing is a body that breaks off.
func failing(err error) *http.Response {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(iotest.ErrReader(err)), ContentLength: -1}
}

// TestATimeoutWithinAnAnswer is one, too: the connection may be dead, so idle ones are closed, now and before the next request.
func TestATimeoutWithinAnAnswer(t *testing.T) {
	for err, want := range map[error]int{context.DeadlineExceeded: 2, errors.New("reset"): 0} {
		closed := 0
		transport := outbound.Transport(closing{func(*http.Request) *http.Response { return failing(err) }, &closed})
		for range 2 {
			resp, failed := transport.Do(newRequest(t, http.MethodGet, "https://x.example"))
			require.NoError(t, failed)
			if closed == 0 || want == 0 {
				_, failed = io.ReadAll(resp.Body)
				require.ErrorIs(t, failed, err)
			}
		}
		require.Equal(t, want, closed)
	}
	resp, err := outbound.Transport(answers(func(*http.Request) *http.Response { return failing(context.DeadlineExceeded) })).Do(newRequest(t, http.MethodGet, "https://x.example"))
	require.NoError(t, err)
	_, err = io.ReadAll(resp.Body)
	require.ErrorIs(t, err, context.DeadlineExceeded, "of a transporter that can close nothing")
}

// TestWhatAnAnswerSaysPassesTheGate, in whichever of its parts.
func TestWhatAnAnswerSaysPassesTheGate(t *testing.T) {
	const secret = "the-secret-that-was-sent"
	transport := outbound.Transport(answers(func(*http.Request) *http.Response {
		resp := failing(errors.New("##vso[a.b]" + secret))
		resp.Status = "400 ##[error]" + secret
		resp.Header = http.Header{"X-A": {"##vso[a.b]" + secret}}
		return resp
	}))
	for _, posted := range []string{"assertion=" + secret, "client_assertion=" + secret, ""} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://x.example", strings.NewReader(posted))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if posted == "" {
			req.Header.Set("Authorization", "Bearer "+secret)
		}
		resp, err := transport.Do(req)
		require.NoError(t, err)
		require.Equal(t, "400 # #[error][redacted]", resp.Status)
		require.Equal(t, "# #vso[a.b][redacted]", resp.Header.Get("X-A"))
		_, err = io.ReadAll(resp.Body)
		require.EqualError(t, err, "# #vso[a.b][redacted]")
	}
}

// held is a body that knows whether it was closed.
type held struct {
	io.Reader
	closed bool
}

func (h *held) Close() error {
	h.closed = true
	return nil
}

// TestWhatIsRefusedIsClosed, so that its connection isn't held; and what is served is, once its reader closes it.
func TestWhatIsRefusedIsClosed(t *testing.T) {
	from := &http.Request{URL: &url.URL{Scheme: "https", Host: "x.example"}}
	for name, test := range map[string]struct {
		resp http.Response
		want error
	}{
		"headers":               {http.Response{Header: headerOf(outbound.MaxHeader + 1)}, outbound.ErrTooLarge},
		"headers that just fit": {http.Response{Header: headerOf(outbound.MaxHeader)}, nil},
		"body":                  {http.Response{ContentLength: outbound.MaxAnswer + 1}, outbound.ErrTooLarge},
		"a body that just fits": {http.Response{ContentLength: outbound.MaxAnswer}, nil},
		"redirect":              {http.Response{Request: &http.Request{URL: from.URL, Response: &http.Response{Request: from}}}, outbound.ErrRedirected},
		"none":                  {http.Response{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			body := &held{Reader: strings.NewReader("")}
			test.resp.Body = body
			resp, err := outbound.Transport(answers(func(*http.Request) *http.Response { return &test.resp })).Do(newRequest(t, http.MethodGet, "https://x.example"))
			require.ErrorIs(t, err, test.want)
			if err == nil {
				require.False(t, body.closed)
				require.NoError(t, resp.Body.Close())
			}
			require.True(t, body.closed)
		})
	}
}

// headerOf is a header of so many bytes.
func headerOf(size int) http.Header {
	return http.Header{"X": {strings.Repeat("x", size-len("X: \r\n"))}}
}

func TestApartKeepsTheCallersValues(t *testing.T) {
	type mine struct{}
	ctx := outbound.Apart(context.WithValue(t.Context(), mine{}, "value"))
	require.Equal(t, "value", ctx.Value(mine{}))
}

// TestTheDefaultIsAsPatientAsNetHTTPs own, by which its users know how long a connection may take.
func TestTheDefaultIsAsPatientAsNetHTTPs(t *testing.T) {
	own, other := outbound.DefaultTransport(), http.DefaultTransport.(*http.Transport)
	require.Equal(t, other.TLSHandshakeTimeout, own.TLSHandshakeTimeout)
	require.Equal(t, other.ExpectContinueTimeout, own.ExpectContinueTimeout)
	require.Equal(t, other.IdleConnTimeout, own.IdleConnTimeout)
	require.Equal(t, other.MaxIdleConns, own.MaxIdleConns)
	require.Equal(t, other.ForceAttemptHTTP2, own.ForceAttemptHTTP2)
	require.Equal(t, 10, own.MaxIdleConnsPerHost, "as azcore: all scopes are refreshed at the same time")
	require.NotNil(t, own.Proxy)
	require.EqualValues(t, tls.VersionTLS12, own.TLSClientConfig.MinVersion)
	require.Equal(t, &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}, outbound.DefaultDialer())
}

// TestAPostedFormIsSentWhole, though it was read for the secrets in it: azcore's requests have one body for all readers.
func TestAPostedFormIsSentWhole(t *testing.T) {
	for _, posted := range []string{"client_assertion=secret", "%zz"} {
		var sent string
		transport := outbound.Transport(answers(func(r *http.Request) *http.Response {
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			sent = string(body)
			return newResponse("")
		}))
		req, err := runtime.NewRequest(t.Context(), http.MethodPost, "https://x.example")
		require.NoError(t, err)
		require.NoError(t, req.SetBody(streaming.NopCloser(strings.NewReader(posted)), "application/x-www-form-urlencoded; charset=utf-8"))
		_, err = transport.Do(req.Raw())
		require.NoError(t, err)
		require.Equal(t, posted, sent)
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestAClientWithATransportOfTheCallersOwn follows no redirect either, and its errors don't name the whole address.
func TestAClientWithATransportOfTheCallersOwn(t *testing.T) {
	client := &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/broken" {
			return nil, errors.New("reset")
		}
		return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {"https://other.example/broken"}}, Body: http.NoBody, Request: r}, nil
	})}
	resp, err := outbound.Transport(client).Do(newRequest(t, http.MethodGet, "https://x.example/?secret=a"))
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, resp.StatusCode)
	_, err = outbound.Transport(client).Do(newRequest(t, http.MethodGet, "https://x.example/broken?secret=a"))
	require.EqualError(t, err, "reset")
	client.Transport = tripper(func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded })
	_, err = outbound.Transport(client).Do(newRequest(t, http.MethodGet, "https://x.example"))
	require.ErrorIs(t, err, context.DeadlineExceeded, "nor are there other connections after a timeout")
}

// TestABodyThatCantBeReadTwice is sent all the same: only its secrets aren't known.
func TestABodyThatCantBeReadTwice(t *testing.T) {
	req := newRequest(t, http.MethodPost, "https://x.example")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, err := outbound.Transport(testbed.TransportFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New("reset") })).Do(req)
	require.EqualError(t, err, "reset")
	var copies []*held
	req.GetBody = func() (io.ReadCloser, error) {
		copies = append(copies, &held{Reader: strings.NewReader("a=b")})
		return copies[len(copies)-1], nil
	}
	_, err = outbound.Transport(answers(func(*http.Request) *http.Response { return newResponse("") })).Do(req)
	require.NoError(t, err)
	require.NotEmpty(t, copies)
	for _, one := range copies {
		require.True(t, one.closed)
	}
	first := true
	for _, get := range []func() (io.ReadCloser, error){
		nil,
		func() (io.ReadCloser, error) { return nil, errors.New("gone") },
		func() (io.ReadCloser, error) { return io.NopCloser(iotest.ErrReader(errors.New("torn"))), nil },
		func() (io.ReadCloser, error) {
			if first = !first; first {
				return nil, errors.New("gone by now")
			}
			return http.NoBody, nil
		},
	} {
		req.GetBody = get
		_, err := outbound.Transport(answers(func(*http.Request) *http.Response { return newResponse("") })).Do(req)
		require.NoError(t, err)
	}
}

// witness is a context that knows what it was asked for.
type witness struct {
	context.Context
	asked *[]any
}

func (w witness) Value(key any) any {
	*w.asked = append(*w.asked, key)
	return w.Context.Value(key)
}

// TestApartHidesWhatTracingKeeps in a context for the span around it, as azcore itself asks for it.
func TestApartHidesWhatTracingKeeps(t *testing.T) {
	tracers := tracing.NewProvider(func(string, string) tracing.Tracer {
		return tracing.NewTracer(func(ctx context.Context, _ string, _ *tracing.SpanOptions) (context.Context, tracing.Span) {
			return ctx, tracing.NewSpan(tracing.SpanImpl{})
		}, nil)
	}, nil)
	client := &policy.ClientOptions{TracingProvider: tracers, Transport: answers(func(*http.Request) *http.Response { return newResponse("") })}
	pipeline := runtime.NewPipeline("m", "v", runtime.PipelineOptions{Tracing: runtime.TracingOptions{Namespace: "n"}}, client)
	var asked []any
	req, err := runtime.NewRequest(witness{t.Context(), &asked}, http.MethodGet, "https://x.example")
	require.NoError(t, err)
	_, err = pipeline.Do(req)
	require.NoError(t, err)
	states := slices.DeleteFunc(asked, func(key any) bool { return !outbound.IsTracingState(key) })
	require.NotEmpty(t, states)
	for _, key := range states {
		ctx := context.WithValue(t.Context(), key, "state")
		require.Equal(t, "state", ctx.Value(key))
		require.Nil(t, outbound.Apart(ctx).Value(key))
	}
}
