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

// A Request is the record of one request and its answer. It is kept whole, tokens included: tests are meant to look
// into it.
type Request struct {
	Leg    Leg
	Time   time.Time // of arrival
	Method string
	URL    string // absolute
	Header http.Header
	Form   url.Values // of the query and, but for Services, of a form in the body

	Scope       string  // that was asked for, on EntraToken
	Assertion   *Claims // issued (GitHubOIDC, AzureDevOpsOIDC) or presented (EntraToken); nil when there was none
	AccessToken *Claims // issued (EntraToken) or presented (Services); nil when there was none

	Answered time.Time // when the handler was done; zero before that
	Status   int       // of the answer; 0 when there was none
	Code     string    // of Entra's refusal, "AADSTS700213" for instance; else empty
}

// Claims are those of a token in a [Request]. They were decoded, not verified.
type Claims struct {
	ID, Issuer, Subject            string
	Audience                       []string
	IssuedAt, NotBefore, ExpiresAt time.Time // zero when absent
	Raw                            string    // the token itself
	All                            map[string]any
}

// decodeClaims is nil for what is no JWT.
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

// Requests are the requests that arrived on any of the legs since the last [Cloud.Reset], in order of arrival; without
// legs, on all of them. One that isn't answered yet is among them, with Status 0. So are those that Entra and the
// services make to read issuers' documents, on [IssuerDocuments].
func (c *Cloud) Requests(legs ...Leg) []Request {
	return c.journal.requests(legs)
}

// Count is the number of requests that [Cloud.Requests] returns.
func (c *Cloud) Count(legs ...Leg) int {
	return c.journal.count(legs)
}

// Reset forgets the recorded requests. Settings, faults and what was issued stay.
func (c *Cloud) Reset() {
	c.journal.reset()
}

// journal is the record of a cloud. A long simulation should [Cloud.Reset] it: nothing is ever dropped by itself.
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

// update changes the record. Without an entry, as when a Fault runs outside a Cloud, there is nothing to change.
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
