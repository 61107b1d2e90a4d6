package azoidctest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Status answers with that status, header (may be nil) and body.
func Status(code int, header http.Header, body string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		maps.Copy(w.Header(), header.Clone())
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// Empty answers 200 without a body.
func Empty() Fault {
	return Status(http.StatusOK, nil, "")
}

// Drop closes the connection before any answer. Over sockets, net/http's client by itself sends a GET again when that
// happens to a connection it had used before.
func Drop() Fault {
	return func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
}

// Hang answers nothing and closes the connection when the request's context has ended.
func Hang() Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// Delay answers rightly, after d.
func Delay(d time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if !sleep(r.Context(), d) {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	}
}

// Truncate answers rightly, but closes the connection after half of the body.
func Truncate() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		whole := &heldAnswer{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(whole, r)
		w.Header().Set("Content-Length", strconv.Itoa(whole.body.Len()))
		w.WriteHeader(whole.status)
		_, _ = w.Write(whole.body.Bytes()[:whole.body.Len()/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// heldAnswer keeps an answer back.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header         { return h.header }
func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(p []byte) (int, error) { return h.body.Write(p) }

// Endless answers 200 with a JSON document that never ends, until the client closes the connection.
func Endless() Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, err := io.WriteString(w, `{"value":"`)
		for chunk := bytes.Repeat([]byte("A"), 32<<10); err == nil && r.Context().Err() == nil; {
			_, err = w.Write(chunk)
		}
		panic(http.ErrAbortHandler)
	}
}

// Throttle answers rightly up to limit requests in each window of time, which begins with a request; then with 429, and
// the seconds to the window's end in Retry-After.
func Throttle(limit int, window time.Duration) Fault {
	var (
		mu    sync.Mutex
		begin time.Time
		count int
	)
	admit := func() (wait time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if now.Sub(begin) >= window {
			begin, count = now, 0
		}
		if count == limit {
			return begin.Add(window).Sub(now)
		}
		count++
		return 0
	}
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		wait := admit()
		if wait == 0 {
			next.ServeHTTP(w, r)
			return
		}
		seconds := int64((wait + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
		writeJSON(w, http.StatusTooManyRequests, map[string]any{
			"error":             "temporarily_unavailable",
			"error_description": fmt.Sprintf("Too many requests. Try again in %d seconds.", seconds),
		})
	}
}

// EntraRefusal answers as Entra does when it refuses with AADSTS and that code, 700213 for instance. Codes this package
// doesn't know get 400 and invalid_request.
func EntraRefusal(code int) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) { refuse(code).write(w, r) }
}

// OnScope is fault for the token requests that ask for that scope, among others or alone; the rest is answered rightly.
// With [Cloud.FailNext], the rest counts too.
func OnScope(scope string, fault Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if slices.Contains(splitScope(r.PostFormValue("scope")), scope) {
			fault(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}
