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

// A Fault answers a request instead of next, the cloud's own handler, or in its own way with it. Faults run concurrently. One that
// waits should heed the request's context.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// legState is what stands between a leg's requests and their answers.
type legState struct {
	latency time.Duration
	next    []Fault // one for each of the next requests
	always  Fault   // for all after those
}

// SetLatency makes each request on the legs wait that long before it's answered, as a round trip would; 0 ends it. Without legs it is set for
// [GitHubOIDC], [AzureDevOpsOIDC], [EntraInstanceDiscovery], [EntraOpenIDConfiguration] and [EntraToken]. Entra's own reading of issuers' documents
// isn't delayed.
func (c *Cloud) SetLatency(d time.Duration, legs ...Leg) {
	if len(legs) == 0 {
		legs = clientLegs()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, leg := range legs {
		c.legs[leg].latency = d
	}
}

// Fail gives every request on the leg to fault, until [Cloud.Mend]. With [IssuerDocuments], the keys of CI issuers
// that Entra has read before are forgotten.
func (c *Cloud) Fail(leg Leg, fault Fault) {
	c.impair(leg, func(state *legState) { state.always = fault })
}

// FailNext gives the leg's next n requests to fault, after those of earlier calls and before what [Cloud.Fail] has set.
func (c *Cloud) FailNext(leg Leg, n int, fault Fault) {
	c.impair(leg, func(state *legState) { state.next = append(state.next, slices.Repeat([]Fault{fault}, n)...) })
}

func (c *Cloud) impair(leg Leg, change func(*legState)) {
	if leg == IssuerDocuments {
		c.federated.forget()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.legs[leg])
}

// Mend removes the legs' faults; without legs, all faults. Latency stays.
func (c *Cloud) Mend(legs ...Leg) {
	if len(legs) == 0 {
		legs = allLegs()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, leg := range legs {
		c.legs[leg].next, c.legs[leg].always = nil, nil
	}
}

// impede is what the leg has for the request that just arrived.
func (c *Cloud) impede(leg Leg) (latency time.Duration, fault Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := &c.legs[leg]
	if len(state.next) == 0 {
		return state.latency, state.always
	}
	fault, state.next = state.next[0], state.next[1:]
	return state.latency, fault
}

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

// Drop closes the connection before any answer.
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

// Throttle answers rightly up to limit requests in each window of time, which begins with a request; then with 429, and the seconds to the window's
// end in Retry-After.
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

// EntraRefusal answers as Entra does when it refuses with AADSTS and that code, 700213 for instance. Codes this package doesn't know get 400 and invalid_request.
func EntraRefusal(code int) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) { refuse(code).write(w, r) }
}

// OnScope is fault for the token requests that ask for that scope, among others or alone; the rest is answered rightly. With [Cloud.FailNext], the rest counts too.
func OnScope(scope string, fault Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if slices.Contains(splitScope(r.PostFormValue("scope")), scope) {
			fault(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}
