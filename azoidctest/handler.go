package azoidctest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
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

// endpoints are URLs without a trailing slash, below which the parts of the cloud live.
type endpoints struct {
	gitHub       string // OIDC requests
	gitHubIssuer string
	devOps       string // OIDC requests
	devOpsIssuer string
	entra        string
	entraV1      string // the issuer of access tokens is {entraV1}/{tenant}/
	services     string // of services without a URL of their own
}

func newEndpoints(base string) endpoints {
	if base == "" {
		return endpoints{
			gitHub:       "https://run-actions-1-azure-eastus.actions.githubusercontent.com",
			gitHubIssuer: "https://token.actions.githubusercontent.com",
			devOps:       "https://dev.azure.com",
			devOpsIssuer: "https://vstoken.dev.azure.com",
			entra:        "https://login.microsoftonline.com",
			entraV1:      "https://sts.windows.net",
			services:     "https://services.azoidctest.example", // RFC 2606: no host of anybody's
		}
	}
	return endpoints{ // no tenant's name begins with an underscore
		gitHub:       base + "/_github/run",
		gitHubIssuer: base + "/_github/token",
		devOps:       base + "/_devops",
		devOpsIssuer: base + "/_vstoken",
		entra:        base,
		entraV1:      base,
		services:     base + "/_services",
	}
}

func (e endpoints) all() []string {
	return []string{e.gitHub, e.gitHubIssuer, e.devOps, e.devOpsIssuer, e.entra, e.entraV1, e.services}
}

// absolute returns the URL that the client meant, without its query. A server knows only host and path, and the host may be
// a proxy's: with a BaseURL, what is at no other host of the cloud is below that.
func (c *Cloud) absolute(r *http.Request) string {
	host := hostOf(r.Host)
	if base, err := url.Parse(c.options.BaseURL); err == nil && base.Host != "" && !c.serves(host) {
		host = base.Host
	}
	return "https://" + host + r.URL.Path
}

// route returns the endpoint for an absolute URL without a query.
func (c *Cloud) route(ctx context.Context, absolute string) (Leg, http.HandlerFunc) {
	if h := c.routeIssuer(absolute); h != nil {
		return IssuerDocuments, h
	}
	if job, ok := strings.CutPrefix(absolute, c.endpoints.gitHub+"/"); ok {
		return GitHubOIDC, c.serveGitHub(job)
	}
	if job, ok := strings.CutPrefix(absolute, c.endpoints.devOps+"/"); ok {
		return AzureDevOpsOIDC, c.servePipelines(job)
	}
	if h := c.atHost(splitHost(absolute)); h != nil {
		return Services, h
	}
	if s := c.serviceAt(absolute); s != nil {
		return Services, s.api.serveCaller
	}
	authority, path := c.splitAuthority(absolute)
	if authority == "" {
		return Elsewhere, nothing
	}
	leg, h := c.routeEntra(authority, path)
	if leg == EntraOpenIDConfiguration && isInternalRead(ctx) {
		leg = IssuerDocuments
	}
	return leg, h
}

// nothing answers at URLs of a server at which nothing is. A client in memory doesn't get so far.
func nothing(w http.ResponseWriter, r *http.Request) {
	http.Error(w, (&unservedError{r.Host + r.URL.Path}).Error(), http.StatusNotFound)
}

func (c *Cloud) routeIssuer(absolute string) http.HandlerFunc {
	c.mu.Lock()
	defer c.mu.Unlock()
	if url, ok := strings.CutSuffix(absolute, configurationPath); ok && c.issuers[url] != nil {
		return c.issuers[url].serveConfiguration
	}
	if url, ok := strings.CutSuffix(absolute, keysPath); ok && c.issuers[url] != nil {
		return c.issuers[url].serveKeys
	}
	return nil
}

// splitAuthority splits an Entra URL into the authority host's URL and the segments of the path. authority is empty if the
// URL isn't Entra's.
func (c *Cloud) splitAuthority(absolute string) (authority string, path []string) {
	if rest, ok := strings.CutPrefix(absolute, c.endpoints.entra+"/"); ok {
		return c.endpoints.entra, strings.Split(rest, "/")
	}
	host := splitHost(absolute)
	if entraCloud(host) == nil && !c.isRegional(host) {
		return "", nil
	}
	authority = "https://" + host
	return authority, strings.Split(strings.TrimPrefix(absolute, authority+"/"), "/")
}

// splitHost returns the host of an absolute URL.
func splitHost(absolute string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(absolute, "https://"), "/")
	return host
}

type internalReadKey struct{}

// withInternalRead marks the requests that Entra and the services make themselves. In memory they aren't delayed, and don't
// count as clients' requests.
func withInternalRead(ctx context.Context) context.Context {
	return context.WithValue(ctx, internalReadKey{}, true)
}

func isInternalRead(ctx context.Context) bool {
	return ctx.Value(internalReadKey{}) != nil
}
