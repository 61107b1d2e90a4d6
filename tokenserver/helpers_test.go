package tokenserver_test

import (
	"cmp"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/tokenserver"
)

const (
	endpoint   = "http://127.0.0.1:41741"
	clientID   = "11111111-2222-3333-4444-555555555555"
	vault      = "https://vault.azure.net"
	theToken   = "eyJ0eXAiOiJKV1QifQ.eyJjYW5hcnkiOiJ0b2tlbiJ9.c2lnbmF0dXJl"
	tokensLife = time.Hour
)

// source is a credential that remembers what it was asked for.
type source struct {
	get   func(context.Context) (azcore.AccessToken, error) // nil: token for an hour
	token string                                            // "": theToken

	mu     sync.Mutex
	asked  []policy.TokenRequestOptions
	expiry time.Time
}

func (s *source) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	s.mu.Lock()
	s.asked = append(s.asked, o)
	if s.expiry.IsZero() {
		s.expiry = time.Now().Add(tokensLife)
	}
	s.mu.Unlock()
	if s.get != nil {
		return s.get(ctx)
	}
	return azcore.AccessToken{Token: cmp.Or(s.token, theToken), ExpiresOn: s.expiry}, nil
}

func (s *source) scopes() (scopes []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.asked {
		scopes = append(scopes, o.Scopes...)
	}
	return scopes
}

func newHandler(t testing.TB, cred azcore.TokenCredential) (*tokenserver.Handler, map[string]string) {
	t.Helper()
	handler, err := tokenserver.New(cred, &tokenserver.Options{ClientID: clientID})
	require.NoError(t, err)
	return handler, handler.Env(endpoint)
}

func start(t testing.TB, cred azcore.TokenCredential) *tokenserver.Server {
	t.Helper()
	server, err := tokenserver.Start(cred, &tokenserver.Options{ClientID: clientID})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return server
}

// newRequest is what a client of 2019-08-01 sends, from this machine.
func newRequest(env map[string]string, resource string) *http.Request {
	query := url.Values{"api-version": {"2019-08-01"}, "resource": {resource}}
	r := httptest.NewRequest(http.MethodGet, env["IDENTITY_ENDPOINT"]+"?"+query.Encode(), nil)
	r.RemoteAddr = "127.0.0.1:50000"
	r.Header.Set("X-IDENTITY-HEADER", env["IDENTITY_HEADER"])
	return r
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

func serve(t testing.TB, handler http.Handler, r *http.Request) answer {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), text: w.Body.String()}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a.body), a.text)
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	return a
}

// requireRefused checks the protocol's form, and that no token is in it.
func requireRefused(t testing.TB, a answer, status int, message string) {
	t.Helper()
	require.Equal(t, status, a.status, a.text)
	require.EqualValues(t, status, a.body["statusCode"])
	require.Contains(t, a.body["message"], message)
	require.Len(t, a.body, 2)
	require.NotContains(t, a.text, theToken)
	require.Equal(t, "close", a.header.Get("Connection"))
}

// pipes is a listener in memory, for a server in a testing/synctest bubble.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.accepted <- pipe{there}
	return here
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return loopback }

var loopback = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 41741}

// pipe is a connection that seems to come from this machine.
type pipe struct{ net.Conn }

func (pipe) RemoteAddr() net.Addr { return loopback }
