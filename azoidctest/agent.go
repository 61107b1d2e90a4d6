package azoidctest

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const signInPath = "_signin"

// agent runs a job: it has the job's request URI and access token, and the service connections that the job refers to.
type agent struct {
	cloud      *Cloud
	uri, token string

	mu          sync.Mutex
	expires     time.Time // of token
	connections map[string]*PipelinesJob
}

func (c *Cloud) newAgent(o *PipelinesJobOptions) *agent {
	path := fmt.Sprintf("%s/%s/_apis/distributedtask/hubs/build/plans/%s/jobs/%s/oidctoken",
		o.Organization, guidOf(o.Project), newGUID(), newGUID())
	a := &agent{
		cloud:       c,
		uri:         c.endpoints.devOps + "/" + path,
		token:       rand.Text(),
		expires:     time.Now().Add(o.RequestTokenLifetime),
		connections: map[string]*PipelinesJob{},
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.agents[path] = a
	return a
}

func (a *agent) add(j *PipelinesJob) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.connections[j.ServiceConnectionID] = j
}

// connection is nil when no step of the stage refers to the service connection.
func (a *agent) connection(id string) *PipelinesJob {
	a.mu.Lock()
	defer a.mu.Unlock()
	if j, ok := a.connections[id]; ok && !j.options.Unreferenced {
		return j
	}
	return nil
}

func (a *agent) admits(token string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return token == a.token && time.Now().Before(a.expires)
}

// servePipelines finds the job with that path, see
// https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create.
func (c *Cloud) servePipelines(path string) http.HandlerFunc {
	c.mu.Lock()
	defer c.mu.Unlock()
	if path == signInPath {
		return serveSignIn
	}
	if a, ok := c.agents[path]; ok {
		return a.serve
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		refusePipelines(w, http.StatusNotFound, "TaskOrchestrationJobNotFoundException", "The job was not found.")
	}
}

func (a *agent) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Vss-E2eid", newGUID())
	w.Header().Set("X-Msedge-Ref", "Ref A: "+newGUID())
	query := r.URL.Query()
	switch {
	case !a.admits(bearer(r)):
		a.refuseBearer(w, r)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		refusePipelines(w, http.StatusMethodNotAllowed, "VssRequestMethodNotSupportedException",
			fmt.Sprintf("The requested resource does not support http method '%s'.", r.Method))
	case query.Get("api-version") == "":
		refusePipelines(w, http.StatusBadRequest, "VssVersionNotSpecifiedException",
			`No api-version was supplied for the "POST" request.`)
	default:
		a.answer(w, r, query.Get("serviceConnectionId"))
	}
}

func (a *agent) answer(w http.ResponseWriter, r *http.Request, connectionID string) {
	connection := a.connection(connectionID)
	if connection == nil {
		refuseReference(w, connectionID)
		return
	}
	token := connection.token()
	entryOf(r.Context()).update(func(request *Request) { request.Assertion = decodeClaims(token) })
	writeJSON(w, http.StatusOK, map[string]any{"oidcToken": token})
}

// refuseBearer answers 401 to those who ask for that; browsers are sent to a sign-in page.
func (a *agent) refuseBearer(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-TFS-FedAuthRedirect") != "Suppress" {
		http.Redirect(w, r, a.cloud.endpoints.devOps+"/"+signInPath, http.StatusFound)
		return
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	refusePipelines(w, http.StatusUnauthorized, "UnauthorizedRequestException",
		"TF400813: The user is not authorized to access this resource.")
}

// serveSignIn is what automatic clients that followed the redirect get: 203 and HTML.
func serveSignIn(w http.ResponseWriter, _ *http.Request) {
	const page = "<!DOCTYPE html><html><title>Azure DevOps Services | Sign In</title></html>"
	writeBody(w, http.StatusNonAuthoritativeInfo, "text/html; charset=utf-8", []byte(page))
}

// refuseReference answers as the service does when no step of the stage refers to the connection: 200, the text's
// length as count.
func refuseReference(w http.ResponseWriter, connectionID string) {
	text := fmt.Sprintf("There is no explicit reference to service connection %s from current stage.", connectionID)
	writeJSON(w, http.StatusOK, map[string]any{"count": len(text), "value": text})
}

func refusePipelines(w http.ResponseWriter, status int, kind, message string) {
	writeJSON(w, status, map[string]any{
		"$id":            "1",
		"innerException": nil,
		"message":        message,
		"typeName":       "Microsoft.VisualStudio.Services." + kind + ", Microsoft.VisualStudio.Services.WebApi",
		"typeKey":        kind,
		"errorCode":      0,
		"eventId":        3000,
	})
}

// token is a new token, or the shared one.
func (j *PipelinesJob) token() string {
	if !j.options.Shared {
		token, _ := j.issue(time.Now())
		return token
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Now()
	switch {
	case j.shared == "":
		j.shared, j.ends = j.issue(now.Add(-j.options.TokenAge))
	case !now.Before(j.ends):
		j.shared, j.ends = j.issue(now)
	}
	return j.shared
}

// issue makes a token as of then.
func (j *PipelinesJob) issue(then time.Time) (token string, ends time.Time) {
	lifetime, backdated := newerAssertionLifetime, time.Duration(0)
	if j.options.Kind == OlderConnection {
		lifetime, backdated = olderAssertionLifetime, olderAssertionBackdated
	}
	lifetime = cmp.Or(j.cloud.current().assertionLifetime, lifetime)
	ends = then.Truncate(time.Second).Add(lifetime.Truncate(time.Second))
	return j.key.sign(jwt.MapClaims{
		"jti": newGUID(),
		"iss": j.Issuer,
		"sub": j.Subject,
		"aud": j.Audience,
		"iat": then.Unix(),
		"nbf": then.Add(-backdated).Unix(),
		"exp": ends.Unix(),
	}), ends
}
