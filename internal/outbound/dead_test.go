package outbound_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/outbound"
	"github.com/azoidc/azoidc/internal/testbed"
)

// newHTTP2 starts a server that speaks HTTP/2, behind a tunnel.
func newHTTP2(t *testing.T) (*testbed.Tunnel, *httptest.Server) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return testbed.NewTunnel(t, server.URL), server
}

func rootsOf(server *httptest.Server) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return roots
}

// ask returns the protocol that the answer came by.
func ask(transport policy.Transporter, url string, patience time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return askWithin(ctx, transport, url)
}

func askWithin(ctx context.Context, transport policy.Transporter, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := transport.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// overdue is a context whose deadline passes when the channel is closed.
type overdue struct {
	context.Context
	passed chan struct{}
}

func (o overdue) Done() <-chan struct{} { return o.passed }

func (o overdue) Err() error {
	select {
	case <-o.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// loseMany makes so many requests at the same time, and has all of them time out once they are under way.
func loseMany(t *testing.T, requests int, transport policy.Transporter, url string) {
	t.Helper()
	deadline := overdue{t.Context(), make(chan struct{})}
	var sent, all sync.WaitGroup
	sent.Add(requests)
	for range requests {
		ctx := httptrace.WithClientTrace(deadline, &httptrace.ClientTrace{WroteHeaders: sync.OnceFunc(sent.Done)})
		all.Go(func() {
			_, err := askWithin(ctx, transport, url)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
	}
	sent.Wait()
	close(deadline.passed)
	all.Wait()
}

// TestHealthChecksFindADeadConnection long before the request's own deadline.
func TestHealthChecksFindADeadConnection(t *testing.T) {
	testbed.NotShort(t, "waits until a connection is found dead")
	t.Parallel()
	tunnel, server := newHTTP2(t)
	transport := outbound.Default(http.HTTP2Config{SendPingTimeout: 50 * time.Millisecond, PingTimeout: 50 * time.Millisecond}, rootsOf(server))
	proto, err := ask(transport, tunnel.URL(), 10*time.Second)
	require.NoError(t, err)
	require.Equal(t, "HTTP/2.0", proto)
	tunnel.Lose()

	began := time.Now()
	for _, err = ask(transport, tunnel.URL(), 20*time.Second); err != nil; _, err = ask(transport, tunnel.URL(), 20*time.Second) {
		require.Less(t, time.Since(began), 10*time.Second)
	}

	require.Equal(t, 2, tunnel.Connections())
}

// TestTheDefaultChecksItsConnections as azcore does: after 15 seconds a dead one is known.
func TestTheDefaultChecksItsConnections(t *testing.T) {
	transport := outbound.DefaultTransport()
	require.Equal(t, 10*time.Second, transport.HTTP2.SendPingTimeout)
	require.Equal(t, 5*time.Second, transport.HTTP2.PingTimeout)
	require.Equal(t, tls.RenegotiateFreelyAsClient, transport.TLSClientConfig.Renegotiation)
}

// TestARetryAfterATimeoutUsesAnotherConnection where there are no health checks, or none yet: HTTP/2 leaves a connection
// open on which a request timed out. Of many requests at once, too.
func TestARetryAfterATimeoutUsesAnotherConnection(t *testing.T) {
	t.Parallel()
	for name, transport := range map[string]func(*httptest.Server) policy.Transporter{
		"default":         func(s *httptest.Server) policy.Transporter { return outbound.Default(http.HTTP2Config{}, rootsOf(s)) },
		"the caller's":    func(s *httptest.Server) policy.Transporter { return outbound.Transport(s.Client()) },
		"of another type": func(s *httptest.Server) policy.Transporter { return outbound.Transport(wrapped{s.Client()}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tunnel, server := newHTTP2(t)
			transport := transport(server)
			proto, err := ask(transport, tunnel.URL(), 10*time.Second)
			require.NoError(t, err)
			require.Equal(t, "HTTP/2.0", proto)
			tunnel.Lose()
			loseMany(t, 16, transport, tunnel.URL())

			// A transporter that can only close idle connections may need a moment to know that one is idle.
			if name == "of another type" {
				time.Sleep(20 * time.Millisecond)
			}
			require.Eventually(t, func() bool {
				_, err := ask(transport, tunnel.URL(), 3*time.Second)
				return err == nil
			}, 30*time.Second, 10*time.Millisecond)

			require.Equal(t, 2, tunnel.Connections())
		})
	}
}

// TestABusyConnectionIsLeftToo: that somebody else waits on it doesn't mean that it lives.
func TestABusyConnectionIsLeftToo(t *testing.T) {
	for name, client := range map[string]func(*testing.T, *http.Client) *http.Client{
		"of a client with a transport": func(_ *testing.T, client *http.Client) *http.Client { return client },
		"of one with net/http's": func(t *testing.T, client *http.Client) *http.Client {
			before := http.DefaultTransport
			t.Cleanup(func() { http.DefaultTransport = before })
			http.DefaultTransport = client.Transport
			return &http.Client{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			begun, release := make(chan struct{}), make(chan struct{})
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/slow" {
					close(begun)
					<-release
				}
			}))
			server.EnableHTTP2 = true
			server.StartTLS()
			t.Cleanup(server.Close)
			tunnel := testbed.NewTunnel(t, server.URL)
			transport := outbound.Transport(client(t, server.Client()))
			var slow sync.WaitGroup
			slow.Go(func() {
				_, err := ask(transport, tunnel.URL()+"/slow", time.Minute)
				assert.NoError(t, err)
			})
			<-begun
			late := overdue{t.Context(), make(chan struct{})}
			close(late.passed)
			_, err := askWithin(late, transport, tunnel.URL())
			require.ErrorIs(t, err, context.DeadlineExceeded)
			for range 2 {
				_, err = ask(transport, tunnel.URL(), 10*time.Second)
				require.NoError(t, err)
			}
			require.Equal(t, 2, tunnel.Connections())
			close(release)
			slow.Wait()
		})
	}
}

// TestTheCallersConnectionsAreUsed until one of them may be dead; then those that are idle are closed.
func TestTheCallersConnectionsAreUsed(t *testing.T) {
	var made, closed atomic.Int32
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			made.Add(1)
		case http.StateClosed:
			closed.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := &http.Client{Transport: &http.Transport{}}
	for _, transport := range []policy.Transporter{client, outbound.Transport(client)} {
		_, err := ask(transport, server.URL, 10*time.Second)
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, made.Load())

	late := overdue{t.Context(), make(chan struct{})}
	close(late.passed)
	transport := outbound.Transport(client)
	_, err := askWithin(late, transport, server.URL)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Eventually(t, func() bool { return closed.Load() == 1 }, 10*time.Second, time.Millisecond)
	_, err = ask(transport, server.URL, 10*time.Second)
	require.NoError(t, err)
}

// TestConnectionsAreClosedOnce, by the first of all who had no answer on them: what the caller has opened since is left alone.
func TestConnectionsAreClosedOnce(t *testing.T) {
	var made atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := &http.Client{Transport: &http.Transport{}}
	transport := outbound.Transport(client)
	var late [2]overdue
	var sent sync.WaitGroup
	failed := make(chan error)
	for i := range late {
		late[i] = overdue{t.Context(), make(chan struct{})}
		sent.Add(1)
		ctx := httptrace.WithClientTrace(late[i], &httptrace.ClientTrace{WroteHeaders: sync.OnceFunc(sent.Done)})
		go func() {
			_, err := askWithin(ctx, transport, server.URL+"/slow")
			failed <- err
		}()
	}
	sent.Wait()
	for i := range late {
		close(late[i].passed)
		require.ErrorIs(t, <-failed, context.DeadlineExceeded)
		_, err := ask(client, server.URL, 10*time.Second)
		require.NoError(t, err)
	}
	require.EqualValues(t, 3, made.Load())
}

// TestAnAnswerKeepsItsConnection, and so does a request that nobody waits for any more.
func TestAnAnswerKeepsItsConnection(t *testing.T) {
	tunnel, server := newHTTP2(t)
	transport := outbound.Default(http.HTTP2Config{}, rootsOf(server))
	for range 5 {
		_, err := ask(transport, tunnel.URL(), 10*time.Second)
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, tunnel.URL(), nil)
	require.NoError(t, err)
	_, err = transport.Do(req)
	require.ErrorIs(t, err, context.Canceled)
	_, err = ask(transport, tunnel.URL(), 10*time.Second)
	require.NoError(t, err)
	require.Equal(t, 1, tunnel.Connections())
}
