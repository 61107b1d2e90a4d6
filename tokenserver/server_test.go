package tokenserver_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/tokenserver"
)

func TestOversizedHeader(t *testing.T) {
	testbed.NotShort(t, "net/http lets the client read the answer for half a second")
	t.Parallel()
	server := start(t, &source{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"?"+strings.Repeat("x", tokenserver.MaxHeader+8192), nil)
	require.NoError(t, err)
	response, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, response.StatusCode)
}

// Hundreds of clients that stop in the middle of their request are cut off, and others are served meanwhile.
func TestSlowClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, env := newHandler(t, &source{})
		listener := newPipes()
		server := tokenserver.Serve(handler, listener)
		began := time.Now()
		var slow sync.WaitGroup
		for range 500 {
			conn := listener.dial()
			slow.Go(func() {
				_, _ = io.WriteString(conn, "GET /MSI/token HTTP/1.1\r\nHost: 127.0.0.1\r\nX-IDENTITY-")
				_, _ = io.Copy(io.Discard, conn) // until the server closes the connection
			})
		}
		conn := listener.dial()
		r := newRequest(env, vault)
		r.RequestURI = ""
		require.NoError(t, r.Write(conn))
		response, err := http.ReadResponse(bufio.NewReader(conn), r)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Zero(t, time.Since(began))
		require.NoError(t, conn.Close())

		slow.Wait()

		require.Equal(t, tokenserver.ReadHeaderTimeout, time.Since(began))
		require.NoError(t, server.Close())
	})
}

// A client that never sends the body it announced doesn't hold its connection either.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, _ := newHandler(t, &source{})
		listener := newPipes()
		server := tokenserver.Serve(handler, listener)
		for _, begun := range []string{"100\r\n\r\nx", "1\r\n\r\n"} {
			began := time.Now()
			conn := listener.dial()
			_, err := io.WriteString(conn, "POST /MSI/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: "+begun)
			require.NoError(t, err)
			answer, _ := io.ReadAll(conn)
			require.Contains(t, string(answer), "405 Method Not Allowed")
			require.Equal(t, tokenserver.LastWords, time.Since(began))
		}
		require.NoError(t, server.Close())
	})
}

// TestAnAnswerThatNobodyTakes holds its connection no longer than one that is long in coming may take.
func TestAnAnswerThatNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, env := newHandler(t, &source{})
		listener := newPipes()
		server := tokenserver.Serve(handler, listener)
		conn := listener.dial()
		r := newRequest(env, vault)
		r.RequestURI = ""
		require.NoError(t, r.Write(conn))
		time.Sleep(tokenserver.WriteTimeout + time.Second)
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Empty(t, answer)
		require.NoError(t, server.Close())
	})
}

// TestTheLongestAnswer, which the credential needs all its time for, is still written; and a longer one is an error.
func TestTheLongestAnswer(t *testing.T) {
	for took, want := range map[time.Duration]int{tokenserver.AnswerTimeout - 1: 200, tokenserver.AnswerTimeout + time.Second: 504} {
		synctest.Test(t, func(t *testing.T) {
			handler, env := newHandler(t, &source{get: func(ctx context.Context) (azcore.AccessToken, error) {
				select {
				case <-time.After(took):
					return azcore.AccessToken{Token: theToken, ExpiresOn: time.Now().Add(time.Hour)}, nil
				case <-ctx.Done():
					return azcore.AccessToken{}, ctx.Err()
				}
			}})
			listener := newPipes()
			server := tokenserver.Serve(handler, listener)
			began := time.Now()
			require.Equal(t, want, ask(t, listener.dial(), env))
			require.Equal(t, min(took, tokenserver.AnswerTimeout), time.Since(began))
			require.NoError(t, server.Close())
		})
	}
}

// TestAnIdleConnectionIsClosed after a while.
func TestAnIdleConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, env := newHandler(t, &source{})
		listener := newPipes()
		server := tokenserver.Serve(handler, listener)
		conn := listener.dial()
		require.Equal(t, http.StatusOK, ask(t, conn, env))
		began := time.Now()
		_, err := io.Copy(io.Discard, conn)
		require.NoError(t, err)
		require.Equal(t, tokenserver.IdleTimeout, time.Since(began))
		require.NoError(t, server.Close())
	})
}

// TestCloseWaitsForAnswers, but not long: somebody may never take his.
func TestCloseWaitsForAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, env := newHandler(t, &source{})
		listener := newPipes()
		server := tokenserver.Serve(handler, listener)
		slow, never := listener.dial(), listener.dial()
		for _, conn := range []net.Conn{slow, never} {
			r := newRequest(env, vault)
			r.RequestURI = ""
			require.NoError(t, r.Write(conn))
		}
		synctest.Wait()
		answered := make(chan string)
		time.AfterFunc(tokenserver.CloseTimeout/2, func() {
			answer, _ := io.ReadAll(slow)
			answered <- string(answer)
		})
		began := time.Now()
		closed := make(chan error, 1)
		go func() { closed <- server.Close() }()
		require.Contains(t, <-answered, theToken)
		require.NoError(t, <-closed)
		require.Equal(t, tokenserver.CloseTimeout, time.Since(began))
		answer, err := io.ReadAll(never)
		require.NoError(t, err)
		require.Empty(t, answer)
	})
}

func TestServerIsOnLoopback(t *testing.T) {
	server := start(t, &source{})
	require.True(t, strings.HasPrefix(server.URL, "http://127.0.0.1:"), server.URL)
	require.Equal(t, server.URL+tokenserver.Path, server.Env()["IDENTITY_ENDPOINT"])
}

func TestServerRefusesGeneralOptions(t *testing.T) {
	server := start(t, &source{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, response.StatusCode)
}

// Close ends a request that waits for a token, and returns when all has ended.
func TestCloseWhileWaiting(t *testing.T) {
	asked, ended := make(chan struct{}), make(chan error, 1)
	server, err := tokenserver.Start(&source{get: func(ctx context.Context) (azcore.AccessToken, error) {
		close(asked)
		<-ctx.Done()
		return azcore.AccessToken{}, ctx.Err()
	}}, nil)
	require.NoError(t, err)
	r := newRequest(server.Env(), vault)
	r.RequestURI = ""
	go func() {
		response, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			err = response.Body.Close()
		}
		ended <- err
	}()
	<-asked
	require.NoError(t, server.Close())
	require.NoError(t, <-ended)
	require.NoError(t, server.Close(), "again")
	_, err = net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	require.Error(t, err)
}

func TestStartForContainers(t *testing.T) {
	// The first ones stand in for a bridge's addresses.
	t.Run("IPv4", func(t *testing.T) { testStartForContainers(t, "127.0.0.2/8") })
	t.Run("IPv6", func(t *testing.T) { testStartForContainers(t, "::1/128") })
	_, err := tokenserver.Start(&source{}, &tokenserver.Options{Containers: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}})
	require.ErrorContains(t, err, "192.0.2.1")
}

func testStartForContainers(t *testing.T, network string) {
	prefix := netip.MustParsePrefix(network)
	bridge := prefix.Addr().String()
	if probe, err := net.Listen("tcp", net.JoinHostPort(bridge, "0")); err != nil {
		t.Skip("this system has no such loopback address")
	} else {
		require.NoError(t, probe.Close())
	}
	server, err := tokenserver.Start(&source{}, &tokenserver.Options{Containers: []netip.Prefix{prefix}})
	require.NoError(t, err)
	env := server.Env()
	endpoint, err := url.Parse(env["IDENTITY_ENDPOINT"])
	require.NoError(t, err)
	require.Equal(t, bridge, endpoint.Hostname())
	for _, host := range []string{bridge, "127.0.0.1"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			"http://"+net.JoinHostPort(host, endpoint.Port())+endpoint.Path+"?api-version=2019-08-01&resource="+vault, nil)
		require.NoError(t, err)
		r.Header.Set("X-IDENTITY-HEADER", env["IDENTITY_HEADER"])
		r.Close = true
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode, host)
	}
	require.NoError(t, server.Close())
	for _, host := range []string{bridge, "127.0.0.1"} {
		_, err := net.Dial("tcp", net.JoinHostPort(host, endpoint.Port()))
		require.Error(t, err, host)
	}
}

// TestNothingServesAfterClose of all that a server started.
func TestNothingServesAfterClose(t *testing.T) {
	testbed.NotShort(t, "starts fifty servers")
	for range 50 {
		server, err := tokenserver.Start(&source{}, nil)
		require.NoError(t, err)
		require.NoError(t, server.Close())
		require.NotContains(t, goroutines(), "http.(*Server).Serve(")
	}
}

func goroutines() string {
	stacks := make([]byte, 1<<20)
	return string(stacks[:runtime.Stack(stacks, true)])
}

// half is a connection whose end for writing can be closed by itself.
type half struct {
	pipe
	closed chan struct{}
}

func (h half) CloseWrite() error {
	close(h.closed)
	return nil
}

// TestARefusalIsReadInPeace: the client hears its end before the connection goes away under what it still sends.
func TestARefusalIsReadInPeace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, _ := newHandler(t, &source{})
		listener := newPipes()
		server := tokenserver.Serve(handler, listener)
		here, there := net.Pipe()
		closed := make(chan struct{})
		listener.accepted <- half{pipe{there}, closed}
		go func() {
			_, _ = io.WriteString(here, "GET / HTTP/1.1\r\nX: "+strings.Repeat("x", tokenserver.MaxHeader+8192))
		}()
		response, err := http.ReadResponse(bufio.NewReader(here), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, response.StatusCode)
		began := time.Now()
		<-closed
		require.Zero(t, time.Since(began))
		require.NoError(t, server.Close())
	})
}

// broken is a listener with an error of its own for each method.
type broken struct {
	net.Listener
	accept, close error
	closed        bool
}

func (b *broken) Accept() (net.Conn, error) { return nil, b.accept }

func (b *broken) Close() error {
	b.closed = true
	return b.close
}

// stuck is a listener that can't be closed.
type stuck struct {
	*pipes
	err error
}

func (s stuck) Close() error { return errors.Join(s.pipes.Close(), s.err) }

func TestCloseTellsOfAListenerThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine := errors.New("mine")
		handler, _ := newHandler(t, &source{})
		server := tokenserver.Serve(handler, stuck{newPipes(), mine})
		synctest.Wait()
		require.ErrorIs(t, server.Close(), mine)
		require.NoError(t, server.Close(), "again")
	})
}

// TestListenersThatFail at one of several addresses: the error is told, and all are closed.
func TestListenersThatFail(t *testing.T) {
	accept, first, second := errors.New("accept"), errors.New("first"), errors.New("second")
	all := []*broken{{accept: accept}, {accept: accept, close: first}, {accept: accept, close: second}}
	joined := tokenserver.Join(all[0], all[1], all[2])
	_, err := joined.Accept()
	require.ErrorIs(t, err, accept)
	require.ErrorIs(t, joined.Close(), first)
	require.NoError(t, joined.Close(), "again")
	for _, one := range all {
		require.True(t, one.closed)
	}
	require.Eventually(t, func() bool {
		_, err = joined.Accept()
		return errors.Is(err, net.ErrClosed)
	}, 10*time.Second, time.Millisecond)
}

// late is a listener that a client comes to as it closes.
type late struct {
	net.Listener
	client  net.Conn
	closing chan struct{}
}

func (l late) Accept() (net.Conn, error) {
	<-l.closing
	return l.client, nil
}

func (l late) Close() error {
	close(l.closing)
	return nil
}

// TestWhoComesTooLateIsSentAway by one of several listeners.
func TestWhoComesTooLateIsSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		joined := tokenserver.Join(late{client: there, closing: make(chan struct{})})
		require.NoError(t, joined.Close())
		_, err := here.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})
}
