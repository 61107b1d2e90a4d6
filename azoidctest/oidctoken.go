package azoidctest

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const signInPath = "_signin"

// servePipelines finds the job with that path, see https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create.
func (c *Cloud) servePipelines(path string) http.HandlerFunc {
	c.mu.Lock()
	defer c.mu.Unlock()
	if path == signInPath {
		return serveSignIn
	}
	job, ok := c.pipelines[path]
	if !ok {
		return func(w http.ResponseWriter, _ *http.Request) {
			refusePipelines(w, http.StatusNotFound, "TaskOrchestrationJobNotFoundException", "The job was not found.")
		}
	}
	return job.serve
}

func (j *PipelinesJob) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Vss-E2eid", newGUID())
	w.Header().Set("X-Msedge-Ref", "Ref A: "+newGUID())
	query := r.URL.Query()
	switch {
	case !j.admits(bearer(r)):
		j.refuseBearer(w, r)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		refusePipelines(w, http.StatusMethodNotAllowed, "VssRequestContentTypeNotSupportedException",
			fmt.Sprintf("The requested resource does not support http method '%s'.", r.Method))
	case query.Get("api-version") == "":
		refusePipelines(w, http.StatusBadRequest, "VssVersionNotSpecifiedException",
			`No api-version was supplied for the "POST" request. The version must be supplied either as part of the Accept header or as a query parameter.`)
	case query.Get("serviceConnectionId") != j.ServiceConnectionID, j.options.Unreferenced:
		refuseReference(w, query.Get("serviceConnectionId"))
	default:
		token := j.token()
		entryOf(r.Context()).update(func(request *Request) { request.Assertion = decodeClaims(token) })
		writeJSON(w, http.StatusOK, map[string]any{"oidcToken": token})
	}
}

// refuseBearer answers 401 to those who ask for that; browsers are sent to a sign-in page.
func (j *PipelinesJob) refuseBearer(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-TFS-FedAuthRedirect") != "Suppress" {
		http.Redirect(w, r, j.cloud.endpoints.devOps+"/"+signInPath, http.StatusFound)
		return
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	refusePipelines(w, http.StatusUnauthorized, "UnauthorizedRequestException", "TF400813: The user is not authorized to access this resource.")
}

// serveSignIn is what automatic clients that followed the redirect get: 203 and HTML.
func serveSignIn(w http.ResponseWriter, _ *http.Request) {
	writeBody(w, http.StatusNonAuthoritativeInfo, "text/html; charset=utf-8", []byte("<!DOCTYPE html><html><title>Azure DevOps Services | Sign In</title></html>"))
}

// refuseReference answers as the service does when no step of the stage refers to the connection: 200, the text's length as count.
func refuseReference(w http.ResponseWriter, connectionID string) {
	text := fmt.Sprintf("There is no explicit reference to service connection %s from current stage. Please add a reference to the service connection.", connectionID)
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
