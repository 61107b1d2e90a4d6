package azoidctest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const maxForm = 1 << 20 // bytes of a request's body

// ServeHTTP records the request and waits for its leg's latency. Then the leg's [Fault] answers, or the cloud if the leg has
// none.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	absolute := c.absolute(r)
	leg, handler := c.route(r.Context(), absolute)
	if leg != Services { // whose bodies are for their handlers
		readForm(w, r)
	}
	noted := c.journal.add(newRequest(leg, absolute, r))
	recorder := &statusRecorder{ResponseWriter: w, entry: noted}
	defer noted.update(func(request *Request) { request.Answered = time.Now() })
	r = r.WithContext(context.WithValue(r.Context(), entryKey{}, noted))

	latency, fault := c.impede(leg)
	if !isInternalRead(r.Context()) && !sleep(r.Context(), latency) {
		panic(http.ErrAbortHandler) // the client has gone
	}
	if fault != nil {
		fault(recorder, r, handler)
		return
	}
	handler(recorder, r)
}

// readForm reads the whole body, because only then a server notices that its client has gone. A body that can't be parsed
// counts as empty.
func readForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	_ = r.ParseForm()
	_, _ = io.Copy(io.Discard, r.Body)
}

// sleep waits for d. It returns false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// bearer returns the request's bearer token (RFC 6750 section 2.1), or "" if there is none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic("azoidctest: " + err.Error()) // all values are this package's own
	}
	writeBody(w, status, "application/json; charset=utf-8", body)
}

func writeBody(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
