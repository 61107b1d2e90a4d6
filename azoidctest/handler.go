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

// ServeHTTP records the request, waits for the leg's latency, lets the leg's fault have it, if there is one, and
// answers.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	absolute := c.absolute(r)
	leg, handler := c.route(r.Context(), absolute)
	if leg != Services { // whose bodies are for their handlers
		readForm(w, r)
	}
	entry := c.journal.add(newRequest(leg, absolute, r))
	recorder := &statusRecorder{ResponseWriter: w, entry: entry}
	defer entry.update(func(request *Request) { request.Answered = time.Now() })
	r = r.WithContext(context.WithValue(r.Context(), entryKey{}, entry))

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

// readForm reads the whole body: a server notices that its client has gone only after that. What can't be parsed isn't
// there.
func readForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	_ = r.ParseForm()
	_, _ = io.Copy(io.Discard, r.Body)
}

func newRequest(leg Leg, absolute string, r *http.Request) Request {
	if r.URL.RawQuery != "" {
		absolute += "?" + r.URL.RawQuery
	}
	request := Request{Leg: leg, Time: time.Now(), Method: r.Method, URL: absolute, Header: r.Header.Clone(), Form: r.URL.Query()}
	for name, values := range r.PostForm {
		request.Form[name] = append(request.Form[name], values...)
	}
	switch leg {
	case EntraToken:
		request.Scope = r.PostForm.Get("scope")
		request.Assertion = decodeClaims(r.PostForm.Get("client_assertion"))
	case Services:
		request.AccessToken = decodeClaims(bearer(r))
	}
	return request
}

// statusRecorder notes the status in the record.
type statusRecorder struct {
	http.ResponseWriter
	entry *entry
	wrote bool
}

func (s *statusRecorder) WriteHeader(status int) {
	if !s.wrote && status >= 200 {
		s.wrote = true
		s.entry.update(func(request *Request) { request.Status = status })
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusRecorder) Write(p []byte) (int, error) {
	if !s.wrote {
		s.WriteHeader(http.StatusOK)
	}
	return s.ResponseWriter.Write(p)
}

// Unwrap serves [http.ResponseController].
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// sleep waits for d; it is false when ctx ended first.
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

// bearer is the request's bearer token (RFC 6750 section 2.1), empty when there is none.
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
