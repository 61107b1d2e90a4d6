package azoidctest

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A Request is the record of one request and its answer. It holds everything, tokens included, so that tests can look into
// it.
type Request struct {
	Leg    Leg
	Time   time.Time // of arrival
	Method string
	URL    string // absolute
	Header http.Header
	Form   url.Values // the query's values and, except on Services, those of a form in the body

	Scope       string  // requested, on EntraToken
	Assertion   *Claims // issued (GitHubOIDC, AzureDevOpsOIDC) or presented (EntraToken); nil if there was none
	AccessToken *Claims // issued (EntraToken) or presented (Services); nil if there was none

	Answered time.Time // when the handler had finished; zero before that
	Status   int       // of the answer; 0 if there was none
	Code     string    // of Entra's refusal, for instance "AADSTS700213"; empty if Entra didn't refuse
}

// Claims are the claims of a token in a [Request]. They are decoded, not verified.
type Claims struct {
	ID, Issuer, Subject            string
	Audience                       []string
	IssuedAt, NotBefore, ExpiresAt time.Time      // zero if absent
	Raw                            string         // the token itself
	All                            map[string]any // by the claims' names, as JSON is decoded
}

// decodeClaims returns nil if token is no JWT.
func decodeClaims(token string) *Claims {
	all := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, all); err != nil {
		return nil
	}
	claims := &Claims{Raw: token, All: all}
	claims.ID, _ = all["jti"].(string)
	claims.Issuer, _ = all.GetIssuer()
	claims.Subject, _ = all.GetSubject()
	claims.Audience, _ = all.GetAudience()
	claims.IssuedAt = timeOf(all.GetIssuedAt())
	claims.NotBefore = timeOf(all.GetNotBefore())
	claims.ExpiresAt = timeOf(all.GetExpirationTime())
	return claims
}

func timeOf(date *jwt.NumericDate, err error) time.Time {
	if err != nil || date == nil {
		return time.Time{}
	}
	return date.Time
}

// Requests returns copies of the records of the requests that have arrived on any of the legs since the last
// [Cloud.Reset], in the order in which they arrived. If no legs are given, it returns the requests on all legs. It
// includes requests that aren't answered yet, whose Status is 0, and, on [IssuerDocuments], those by which Entra and
// the services read issuers' documents.
func (c *Cloud) Requests(legs ...Leg) []Request {
	return c.journal.requests(legs)
}

// Count returns the number of requests that [Cloud.Requests] would return.
func (c *Cloud) Count(legs ...Leg) int {
	return c.journal.count(legs)
}

// Reset forgets the recorded requests. It doesn't change settings, faults, jobs or tokens.
func (c *Cloud) Reset() {
	c.journal.reset()
}

// journal is the record of a cloud. Nothing is dropped from it but by [Cloud.Reset].
type journal struct {
	mu      sync.Mutex
	entries []*entry
}

// entry is one request's place in the journal.
type entry struct {
	journal *journal
	request Request
}

func (j *journal) add(request Request) *entry {
	e := &entry{journal: j, request: request}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	return e
}

func (j *journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = nil
}

func (j *journal) count(legs []Leg) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, e := range j.entries {
		if e.onAny(legs) {
			n++
		}
	}
	return n
}

func (j *journal) requests(legs []Leg) []Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	var requests []Request
	for _, e := range j.entries {
		if e.onAny(legs) {
			requests = append(requests, e.request.clone())
		}
	}
	return requests
}

func (r Request) clone() Request {
	r.Header = r.Header.Clone()
	r.Form = url.Values(http.Header(r.Form).Clone())
	r.Assertion = r.Assertion.clone()
	r.AccessToken = r.AccessToken.clone()
	return r
}

func (c *Claims) clone() *Claims {
	if c == nil {
		return nil
	}
	copied := *c
	copied.Audience = slices.Clone(c.Audience)
	copied.All = maps.Clone(c.All)
	return &copied
}

func (e *entry) onAny(legs []Leg) bool {
	return len(legs) == 0 || slices.Contains(legs, e.request.Leg)
}

// update changes the record. If a Fault runs outside a Cloud, e is nil and there is nothing to change.
func (e *entry) update(change func(*Request)) {
	if e == nil {
		return
	}
	e.journal.mu.Lock()
	defer e.journal.mu.Unlock()
	change(&e.request)
}

type entryKey struct{}

func entryOf(ctx context.Context) *entry {
	e, _ := ctx.Value(entryKey{}).(*entry)
	return e
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

// statusRecorder notes the answer's status in the journal.
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

// Unwrap is for [http.ResponseController].
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }
