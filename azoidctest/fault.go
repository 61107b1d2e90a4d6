package azoidctest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Fault answers a request in place of next, which is the cloud's own handler, or changes how next answers. Faults are
// called concurrently. A Fault that waits should stop when the request's context ends.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// Status returns a Fault that answers with this status, header and body. header may be nil.
func Status(code int, header http.Header, body string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		maps.Copy(w.Header(), header.Clone())
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// Empty returns a Fault that answers 200 without a body.
func Empty() Fault {
	return Status(http.StatusOK, nil, "")
}

// Drop returns a Fault that closes the connection before any answer. Over sockets, net/http's client repeats a GET by
// itself if this happens on a connection that it has used before.
func Drop() Fault {
	return func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
}

// Hang returns a Fault that doesn't answer, and closes the connection when the request's context has ended.
func Hang() Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// Delay returns a Fault that waits for d and then lets the cloud answer.
func Delay(d time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if !sleep(r.Context(), d) {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	}
}

// Truncate returns a Fault that lets the cloud answer, but closes the connection after half of the body.
func Truncate() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		whole := &wholeAnswer{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(whole, r)
		w.Header().Set("Content-Length", strconv.Itoa(whole.body.Len()))
		w.WriteHeader(whole.status)
		_, _ = w.Write(whole.body.Bytes()[:whole.body.Len()/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// wholeAnswer collects an answer instead of sending it.
type wholeAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *wholeAnswer) Header() http.Header         { return h.header }
func (h *wholeAnswer) WriteHeader(status int)      { h.status = status }
func (h *wholeAnswer) Write(p []byte) (int, error) { return h.body.Write(p) }

// Endless returns a Fault that answers 200 with a JSON document that doesn't end until the client closes the connection.
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

// Throttle returns a Fault that lets the cloud answer up to limit requests in each window of time, and answers 429 to all
// further ones. A window begins with a request. Retry-After says how many seconds are left of it.
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

// EntraRefusal returns a Fault that answers as Entra does if it refuses with AADSTS and this code, for instance 700213. For
// a code that this package doesn't know, the answer has the status 400 and the error invalid_request.
func EntraRefusal(code int) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) { refuse(code).write(w, r) }
}

// OnTenant returns a Fault that hands to fault the requests to this tenant's endpoints of Entra, and lets the cloud
// answer the others. Entra counts by tenant, so this throttles one of several:
//
//	cloud.Fail(azoidctest.EntraToken, azoidctest.OnTenant(tenantID, azoidctest.Throttle(10, time.Minute)))
//
// With [Cloud.FailNext], the others count too.
func OnTenant(tenantID string, fault Fault) Fault {
	return fault.on(func(r *http.Request) bool {
		return slices.ContainsFunc(strings.Split(r.URL.Path, "/"), func(segment string) bool { return strings.EqualFold(segment, tenantID) })
	})
}

// OnScope returns a Fault that hands to fault the token requests that ask for scope, alone or among other scopes, and lets
// the cloud answer the others. With [Cloud.FailNext], the others count too.
func OnScope(scope string, fault Fault) Fault {
	return fault.on(func(r *http.Request) bool { return slices.Contains(splitScope(r.PostFormValue("scope")), scope) })
}

// on returns the Fault for the requests that are meant only.
func (f Fault) on(meant func(*http.Request) bool) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if meant(r) {
			f(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// legState is what stands between a leg's requests and their answers.
type legState struct {
	latency time.Duration
	next    []Fault // one for each of the next requests
	always  Fault   // for all after those
}

// SetLatency delays the answer to each request on the legs by d, as a round trip would. A d of 0 ends the delay. If no legs
// are given, it sets the latency of [GitHubOIDC], [AzureDevOpsOIDC], [EntraInstanceDiscovery], [EntraOpenIDConfiguration]
// and [EntraToken]. Entra's own reading of issuers' documents isn't delayed.
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

// Fail lets fault answer every request on the leg, until [Cloud.Mend]. If the leg is [IssuerDocuments], Entra also forgets
// the CI issuers' keys that it has read before.
func (c *Cloud) Fail(leg Leg, fault Fault) {
	c.impair(leg, func(state *legState) { state.always = fault })
}

// FailNext lets fault answer the leg's next n requests. Faults of earlier calls of FailNext come first. The fault
// that [Cloud.Fail] has set comes after all of them. If the leg is [IssuerDocuments], Entra forgets keys as with
// [Cloud.Fail].
func (c *Cloud) FailNext(leg Leg, n int, fault Fault) {
	c.impair(leg, func(state *legState) { state.next = append(state.next, slices.Repeat([]Fault{fault}, n)...) })
}

func (c *Cloud) impair(leg Leg, change func(*legState)) {
	if leg == IssuerDocuments {
		c.ciKeys.forget()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.legs[leg])
}

// Mend removes the faults of the legs. If no legs are given, it removes all faults. It doesn't change latency.
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

// impede returns what the leg has in store for the request that has just arrived.
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

// clientLegs returns the legs that lie between a job and its access token.
func clientLegs() []Leg {
	return []Leg{GitHubOIDC, AzureDevOpsOIDC, EntraInstanceDiscovery, EntraOpenIDConfiguration, EntraToken}
}

func allLegs() []Leg {
	legs := make([]Leg, legCount)
	for i := range legs {
		legs[i] = Leg(i)
	}
	return legs
}
