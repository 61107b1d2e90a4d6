package azoidctest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
)

// inMemory runs test in a bubble, which fails when a goroutine of the transport stays behind.
func inMemory(t *testing.T, test func(t *testing.T, c *azoidctest.Cloud, r *http.Request)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(nil)
		job := c.GitHubJob(nil)
		test(t, c, newRequest(t, http.MethodGet, job.RequestURL, job.RequestToken))
	})
}

func withTimeout(t *testing.T, r *http.Request, d time.Duration) *http.Request {
	ctx, cancel := context.WithTimeout(r.Context(), d)
	t.Cleanup(cancel)
	return r.WithContext(ctx)
}

func TestDo(t *testing.T) {
	inMemory(t, func(t *testing.T, c *azoidctest.Cloud, r *http.Request) {
		start := time.Now()
		response, err := c.Do(r)
		require.NoError(t, err)
		require.Same(t, r, response.Request)
		require.Equal(t, "200 OK", response.Status)
		require.Equal(t, start.UTC().Format(http.TimeFormat), response.Header.Get("Date"))
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Len(t, body, int(response.ContentLength))
		require.NoError(t, response.Body.Close())
		require.Zero(t, time.Since(start))
	})
}

func TestDoUnreadBodyLeavesNothingBehind(t *testing.T) {
	inMemory(t, func(t *testing.T, c *azoidctest.Cloud, r *http.Request) {
		_, err := c.Do(r) // the bubble ends only when the handler has ended
		require.NoError(t, err)
		synctest.Wait()
		require.False(t, c.Requests()[0].Answered.IsZero())
	})
}

func TestLatency(t *testing.T) {
	inMemory(t, func(t *testing.T, c *azoidctest.Cloud, r *http.Request) {
		start := time.Now()
		c.SetLatency(100 * time.Millisecond)
		require.Equal(t, http.StatusOK, send(t, c, r).status)
		require.Equal(t, 100*time.Millisecond, time.Since(start))

		a := exchange(t, c, gitHubToken(t, c, c.GitHubJob(nil), gitHubAudience), vault+"/.default") // Entra's reading takes no time
		require.Equal(t, http.StatusOK, a.status)
		require.Equal(t, 300*time.Millisecond, time.Since(start))

		_, err := c.Do(withTimeout(t, r, 50*time.Millisecond))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 350*time.Millisecond, time.Since(start))
		c.FailNext(azoidctest.GitHubOIDC, 1, func(http.ResponseWriter, *http.Request, http.Handler) {
			t.Error("who has gone is answered")
		})
		_, err = c.Do(withTimeout(t, r, 50*time.Millisecond))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		require.Equal(t, 400*time.Millisecond, time.Since(start))

		c.SetLatency(0, azoidctest.GitHubOIDC)
		require.Equal(t, http.StatusOK, send(t, c, r).status)
		require.Equal(t, 400*time.Millisecond, time.Since(start))
	})
}

func TestHang(t *testing.T) {
	inMemory(t, func(t *testing.T, c *azoidctest.Cloud, r *http.Request) {
		start := time.Now()
		c.FailNext(azoidctest.GitHubOIDC, 2, azoidctest.Hang())
		_, err := c.Do(withTimeout(t, r, time.Hour))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Hour, time.Since(start))

		ctx, cancel := context.WithCancel(r.Context())
		time.AfterFunc(time.Minute, cancel)
		_, err = c.Do(r.WithContext(ctx))
		require.ErrorIs(t, err, context.Canceled)

		_, err = c.Do(r.WithContext(ctx))
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 2, c.Count(), "a request whose context has ended isn't sent")
		require.Equal(t, http.StatusOK, send(t, c, r).status)
	})
}

func TestDrop(t *testing.T) {
	inMemory(t, func(t *testing.T, c *azoidctest.Cloud, r *http.Request) {
		c.FailNext(azoidctest.GitHubOIDC, 1, azoidctest.Drop())
		_, err := c.Do(r)
		var netErr *net.OpError
		require.ErrorAs(t, err, &netErr)
		require.Equal(t, "read", netErr.Op)
		require.Zero(t, c.Requests()[0].Status)
		require.Equal(t, http.StatusOK, send(t, c, r).status)
	})
}

func TestTruncate(t *testing.T) {
	inMemory(t, func(t *testing.T, c *azoidctest.Cloud, r *http.Request) {
		whole := send(t, c, r)
		c.FailNext(azoidctest.GitHubOIDC, 1, azoidctest.Truncate())
		response, err := c.Do(r)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		body, err := io.ReadAll(response.Body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, int64(len(whole.body)), response.ContentLength)
		require.Len(t, body, len(whole.body)/2)
	})
}

func TestTooLittleAndTooMuch(t *testing.T) {
	inMemory(t, func(t *testing.T, c *azoidctest.Cloud, r *http.Request) {
		var tooMuch, more error
		c.Fail(azoidctest.GitHubOIDC, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			w.Header().Set("Content-Length", "3")
			if r.URL.Query().Has("little") {
				_, _ = io.WriteString(w, "ab")
				return
			}
			_, tooMuch = io.WriteString(w, "abcd")
			_, more = io.WriteString(w, "e")
		})
		require.Equal(t, "abc", send(t, c, r).body)
		require.ErrorIs(t, tooMuch, http.ErrContentLength)
		require.ErrorIs(t, more, http.ErrContentLength)

		r.URL.RawQuery += "&little=1"
		response, err := c.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, "ab", string(body))
	})
}

func TestEndless(t *testing.T) {
	testbed.NotShort(t, "reads megabytes")
	for name, leave := range map[string]func(t *testing.T, body io.ReadCloser, cancel context.CancelFunc){
		"the client closes": func(t *testing.T, body io.ReadCloser, _ context.CancelFunc) { require.NoError(t, body.Close()) },
		"the client's context ends": func(t *testing.T, body io.ReadCloser, cancel context.CancelFunc) {
			cancel()
			synctest.Wait()
			_, err := body.Read(make([]byte, 1))
			require.ErrorIs(t, err, context.Canceled)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, func(t *testing.T, c *azoidctest.Cloud, r *http.Request) {
				c.FailNext(azoidctest.GitHubOIDC, 1, azoidctest.Endless())
				ctx, cancel := context.WithCancel(r.Context())
				defer cancel()
				response, err := c.Do(r.WithContext(ctx))
				require.NoError(t, err)
				n, err := io.CopyN(io.Discard, response.Body, 8<<20)
				require.NoError(t, err)
				require.Equal(t, int64(8<<20), n)
				require.Equal(t, int64(-1), response.ContentLength)
				leave(t, response.Body, cancel)
				synctest.Wait()
				require.False(t, c.Requests()[0].Answered.IsZero(), "the handler is still writing")
			})
		})
	}
}

func TestBodyIsReadWhileItIsWritten(t *testing.T) {
	inMemory(t, func(t *testing.T, c *azoidctest.Cloud, r *http.Request) {
		c.Fail(azoidctest.GitHubOIDC, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			_, _ = io.WriteString(w, "a")
			time.Sleep(time.Second)
			_, _ = io.WriteString(w, "b")
		})
		start := time.Now()
		response, err := c.Do(r)
		require.NoError(t, err)
		require.Zero(t, time.Since(start))
		one := make([]byte, 8)
		n, err := response.Body.Read(one)
		require.NoError(t, err)
		require.Equal(t, "a", string(one[:n]))
		require.Zero(t, time.Since(start))
		rest, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, "b", string(rest))
		require.Equal(t, time.Second, time.Since(start))
	})
}

func TestHandlerSeesAServersRequest(t *testing.T) {
	inMemory(t, func(t *testing.T, c *azoidctest.Cloud, r *http.Request) {
		var seen *http.Request
		c.Fail(azoidctest.GitHubOIDC, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			seen = r
			next.ServeHTTP(w, r)
		})
		r.Header["x-octo"] = []string{"cat"}
		require.Equal(t, http.StatusOK, send(t, c, r).status)
		require.Equal(t, "cat", seen.Header.Get("X-Octo"))
		require.Equal(t, r.URL.Host, seen.Host)
		require.Equal(t, r.URL.RequestURI(), seen.RequestURI)
		require.Empty(t, seen.URL.Host)
		require.NotNil(t, seen.Body)
		require.NotNil(t, seen.TLS)
		require.ErrorIs(t, seen.Context().Err(), context.Canceled, "the handler's context ends with it")
	})
}

func TestUnknownNamesAndPaths(t *testing.T) {
	inMemory(t, func(t *testing.T, c *azoidctest.Cloud, r *http.Request) {
		_, err := c.Do(newRequest(t, http.MethodGet, "https://octo.example/", ""))
		require.EqualError(t, err, "GET https://octo.example/: azoidctest serves nothing at octo.example; see Cloud.Handle")
		var final interface{ NonRetriable() }
		require.ErrorAs(t, err, &final)
		_, err = c.Do(newRequest(t, http.MethodGet, strings.Replace(r.URL.String(), "https:", "http:", 1), ""))
		require.Error(t, err)
		require.Zero(t, c.Count())

		require.Equal(t, http.StatusNotFound, get(t, c, "https://login.microsoftonline.com/octo", "").status)
		require.Equal(t, azoidctest.Elsewhere, c.Requests()[0].Leg)
	})
}

func TestRequestBodyIsClosed(t *testing.T) {
	c := newCloud(nil)
	body := &closer{Reader: strings.NewReader("grant_type=password")}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, tokenURL(c, c.TenantID()), body)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, send(t, c, r).status)
	require.True(t, body.closed)

	r.Body = io.NopCloser(failing{})
	_, err = c.Do(r)
	require.ErrorIs(t, err, errFailing)
}

type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error {
	c.closed = true
	return nil
}

var errFailing = errors.New("failing")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errFailing }

func TestRoundTripper(t *testing.T) {
	c := newCloud(nil)
	job := c.PipelinesJob(nil)
	client := &http.Client{Transport: c}
	response, err := client.Do(newRequest(t, http.MethodPost, job.RequestURI, "octocat")) // follows the redirect, as browsers do
	require.NoError(t, err)
	require.Equal(t, http.StatusNonAuthoritativeInfo, response.StatusCode)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusFound, send(t, c, newRequest(t, http.MethodPost, job.RequestURI, "octocat")).status)
}
