package tokenserver_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/tokenserver"
)

const strangers, admitted = 100, 50

// A new stranger takes the place of the oldest one, who had its time; one who has presented the secret stays.
func TestStrangersMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, env := newHandler(t, &source{})
		listener := newPipes()
		server := tokenserver.ServeFew(handler, listener, strangers, admitted)
		began := time.Now()
		rightful := listener.dial()
		require.Equal(t, http.StatusOK, ask(t, rightful, env))
		var conns []net.Conn
		for range 3 * strangers {
			conns = append(conns, listener.dial())
		}
		require.Equal(t, http.StatusOK, ask(t, listener.dial(), env), "who comes after them")
		require.Equal(t, http.StatusOK, ask(t, rightful, env), "who came before them")
		require.LessOrEqual(t, time.Since(began), 3*tokenserver.Patience)
		synctest.Wait()
		left := 0
		for _, conn := range conns {
			if err := conn.SetReadDeadline(time.Now()); errors.Is(err, io.ErrClosedPipe) {
				left++
			}
		}
		require.InDelta(t, 2*strangers, left, 2)
		require.NoError(t, server.Close())
	})
}

// A stranger whose whole request came is about to be admitted, or refused, and keeps the place until then.
func TestWhoIsAboutToBeAdmittedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := newPipes()
		door, watch := tokenserver.NewDoor(listener, 1)
		clients := make(chan net.Conn, 2)
		dial := func() { clients <- listener.dial() }
		go dial()
		first, err := door.Accept()
		require.NoError(t, err)
		watch(first, http.StateActive)
		read := make(chan error)
		go func() { // as a server does while it answers
			_, err := first.Read(make([]byte, 1))
			read <- err
		}()
		accepted := make(chan net.Conn, 1)
		go dial()
		go func() {
			second, err := door.Accept()
			if assert.NoError(t, err) {
				accepted <- second
			}
		}()
		time.Sleep(10 * tokenserver.Patience)
		require.Empty(t, accepted)
		_, err = (<-clients).Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, <-read)
		require.NoError(t, first.Close())
		synctest.Wait()
		require.Len(t, accepted, 1)
	})
}

// Who was refused makes room at once, even one that doesn't read why.
func TestWhoWasRefusedMakesRoom(t *testing.T) {
	const until = tokenserver.Patience / 5
	synctest.Test(t, func(t *testing.T) {
		handler, env := newHandler(t, &source{})
		listener := newPipes()
		server := tokenserver.ServeFew(handler, listener, 1, admitted)
		refused := listener.dial()
		began := time.Now()
		time.AfterFunc(until, func() {
			_, err := io.WriteString(refused, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
			assert.NoError(t, err)
		})
		require.Equal(t, http.StatusOK, ask(t, listener.dial(), env))
		require.Equal(t, until, time.Since(began))
		require.NoError(t, server.Close())
	})
}

// A stranger who came has time for a request, and can go once the server waits for what it sends.
func TestStrangersHaveTheirTime(t *testing.T) {
	for silent, want := range map[time.Duration]time.Duration{
		0:                            tokenserver.Patience,
		tokenserver.Patience * 3 / 2: tokenserver.Patience * 3 / 2,
	} {
		synctest.Test(t, func(t *testing.T) {
			listener := newPipes()
			door, _ := tokenserver.NewDoor(listener, 1)
			go func() {
				_, err := listener.dial().Write([]byte("G"))
				assert.NoError(t, err)
				listener.dial()
			}()
			first, err := door.Accept()
			require.NoError(t, err)
			_, err = first.Read(make([]byte, 1))
			require.NoError(t, err)
			began := time.Now()
			go func() {
				time.Sleep(silent)
				_, err := first.Read(make([]byte, 1))
				assert.ErrorIs(t, err, io.ErrClosedPipe)
			}()
			synctest.Wait()
			_, err = door.Accept()
			require.NoError(t, err)
			require.Equal(t, want, time.Since(began))
			synctest.Wait()
		})
	}
}

// Who waits for a place when the server is closed is sent away, and nobody is accepted any more.
func TestDoorClosesWhileSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := newPipes()
		door, _ := tokenserver.NewDoor(listener, 0)
		go func() {
			client := listener.dial()
			time.Sleep(10 * tokenserver.Patience)
			assert.NoError(t, door.Close())
			_, err := client.Read(make([]byte, 1))
			assert.ErrorIs(t, err, io.EOF)
		}()
		for range 2 {
			_, err := door.Accept()
			require.ErrorIs(t, err, net.ErrClosed)
		}
	})
}

// Requests that wait for tokens have places, too. When all are taken by such, others are asked to come again.
func TestTooManyRequestsAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, release := context.WithCancel(t.Context())
		handler, env := newHandler(t, &source{get: func(context.Context) (azcore.AccessToken, error) {
			<-ctx.Done()
			return azcore.AccessToken{Token: theToken, ExpiresOn: time.Now().Add(time.Hour)}, nil
		}})
		listener := newPipes()
		server := tokenserver.ServeFew(handler, listener, strangers, admitted)
		var waiting sync.WaitGroup
		for range admitted {
			conn := listener.dial()
			waiting.Go(func() { require.Equal(t, http.StatusOK, ask(t, conn, env)) })
		}
		synctest.Wait()
		require.Equal(t, http.StatusServiceUnavailable, ask(t, listener.dial(), env))
		release()
		waiting.Wait()
		for range 2 * admitted { // those that are idle make room
			synctest.Wait()
			require.Equal(t, http.StatusOK, ask(t, listener.dial(), env))
		}
		require.NoError(t, server.Close())
	})
}

// A connection that waits for its next token isn't idle, though it was.
func TestOnlyIdleConnectionsMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, release := context.WithCancel(t.Context())
		var wait atomic.Bool
		handler, env := newHandler(t, &source{get: func(context.Context) (azcore.AccessToken, error) {
			if wait.Load() {
				<-ctx.Done()
			}
			return azcore.AccessToken{Token: theToken, ExpiresOn: time.Now().Add(time.Hour)}, nil
		}})
		listener := newPipes()
		server := tokenserver.ServeFew(handler, listener, strangers, 3)
		conns := []net.Conn{listener.dial(), listener.dial(), listener.dial()}
		for _, conn := range conns {
			for range 3 {
				require.Equal(t, http.StatusOK, ask(t, conn, env))
				synctest.Wait()
			}
		}
		wait.Store(true)
		var waiting sync.WaitGroup
		again := func(conn net.Conn) { waiting.Go(func() { assert.Equal(t, http.StatusOK, ask(t, conn, env)) }) }
		again(conns[0])
		again(conns[1])
		synctest.Wait()
		again(listener.dial()) // in the place of the last one
		synctest.Wait()
		require.ErrorIs(t, conns[2].SetDeadline(time.Time{}), io.ErrClosedPipe)
		require.Equal(t, http.StatusServiceUnavailable, ask(t, listener.dial(), env), "nobody is idle")
		release()
		waiting.Wait()
		require.NoError(t, server.Close())
	})
}

// ask makes a request that leaves the connection open, and returns the answer's status. Who is to come again is told when.
func ask(t *testing.T, conn net.Conn, env map[string]string) int {
	t.Helper()
	r := newRequest(env, vault)
	r.RequestURI = ""
	require.NoError(t, r.Write(conn))
	response, err := http.ReadResponse(bufio.NewReader(conn), r)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	if response.StatusCode == http.StatusServiceUnavailable {
		require.Equal(t, "1", response.Header.Get("Retry-After"))
	}
	return response.StatusCode
}

var crowd = flag.Int("crowd", 3000, "how many connections somebody without the secret makes; more than there are places for such")

// Somebody without the secret makes thousands of connections and makes each anew again and again. Somebody with it makes a
// thousand requests meanwhile, all on one connection or each on its own, and none fails.
func TestRightfulClientAmongThousandsOfConnections(t *testing.T) {
	testbed.NotShort(t, "makes thousands of connections")
	t.Parallel()
	server := start(t, &source{})
	testbed.Storm(t, strings.TrimPrefix(server.URL, "http://"), *crowd)
	for atOnce, kept := range map[int]bool{1: true, 10: false} {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: !kept}}
		var clients sync.WaitGroup
		for range atOnce {
			clients.Go(func() {
				for range 500 / atOnce {
					assertServed(t, client, server.Env())
				}
			})
		}
		clients.Wait()
		client.CloseIdleConnections()
	}
}

func assertServed(t *testing.T, client *http.Client, env map[string]string) {
	t.Helper()
	r := newRequest(env, vault)
	r.RequestURI = ""
	response, err := client.Do(r)
	if !assert.NoError(t, err) {
		return
	}
	answer, err := io.ReadAll(response.Body)
	assert.NoError(t, err)
	assert.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Contains(t, string(answer), theToken)
}
