package azoidctest

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	signInPath = "_signin"

	olderAssertionLifetime    = 5 * time.Minute
	olderAssertionBackdated   = 10 * time.Minute
	newerAssertionLifetime    = 24*time.Hour + 5*time.Minute
	systemAccessTokenLifetime = 48 * time.Hour
)

// ConnectionKind says which kind of OIDC token a service connection gets, see
// https://learn.microsoft.com/azure/devops/pipelines/release/troubleshoot-workload-identity.
type ConnectionKind int

const (
	// OlderConnection gets tokens from the issuer https://vstoken.dev.azure.com/{organization ID}, with the audience
	// api://AzureADTokenExchange. They live for 5 minutes.
	OlderConnection ConnectionKind = iota
	// NewerConnection gets tokens from Entra itself, with the audience fb60f99c-7a34-4190-8149-302f77469936. They live for
	// 24 h 5 min. The federated credential must have the audience api://AzureADTokenExchange all the same: Entra knows that
	// both mean one application. It refuses a credential with the GUID with AADSTS700214.
	NewerConnection
)

// PipelinesJobOptions describe a job of Azure Pipelines and the service connection for which it requests tokens.
type PipelinesJobOptions struct {
	Kind              ConnectionKind
	Organization      string // a name that can stand in a URL; octo-org if empty
	Project           string // octo-project if empty
	ServiceConnection string // the connection's name; octo-connection if empty

	// ServiceConnectionID is the connection's ID, usually a GUID. If it is empty, the ID is a random GUID.
	ServiceConnectionID string

	// Shared makes the service hand out one token until that ends, as it does for the newer kind. TokenAge is how old the
	// first token is when it is first requested; later tokens are new when they are first requested.
	Shared   bool
	TokenAge time.Duration

	// Unreferenced means that no step of the stage refers to the connection. The service then answers 200 with a text
	// instead of a token.
	Unreferenced bool

	// RequestTokenLifetime is the time after which SystemAccessToken is refused. 0 means 48 hours.
	RequestTokenLifetime time.Duration

	// SameJob is an existing job that refers to this service connection too. Both then have the RequestURI and the
	// SystemAccessToken of the existing job. If SameJob is nil, a job is started.
	SameJob *PipelinesJob

	Application    *Application  // the connection's application; the default application if nil
	Untrusted      bool          // if true, no federated credential is added to the application
	EffectiveAfter time.Duration // as in FederatedCredential
}

// PipelinesJob is a running job of Azure Pipelines with one service connection. Its fields don't change. Its methods are
// safe for concurrent use.
type PipelinesJob struct {
	RequestURI, SystemAccessToken string // what the agent exports
	ServiceConnectionID           string
	Issuer, Subject, Audience     string // of the connection's federated credential

	cloud   *Cloud
	options PipelinesJobOptions
	key     *signingKey
	agent   *agent

	mu     sync.Mutex
	shared string
	ends   time.Time // of shared
}

// PipelinesJob starts a job. Unless options.Untrusted is set, it adds a federated credential for the job's service
// connection to the application. options may be nil and is not modified.
func (c *Cloud) PipelinesJob(options *PipelinesJobOptions) *PipelinesJob {
	o := PipelinesJobOptions{}
	if options != nil {
		o = *options
	}
	o.Organization = cmp.Or(o.Organization, "octo-org")
	o.Project = cmp.Or(o.Project, "octo-project")
	o.ServiceConnection = cmp.Or(o.ServiceConnection, "octo-connection")
	o.RequestTokenLifetime = cmp.Or(o.RequestTokenLifetime, systemAccessTokenLifetime)
	o.Application = cmp.Or(o.Application, c.Application())
	j := &PipelinesJob{ServiceConnectionID: cmp.Or(o.ServiceConnectionID, newGUID()), cloud: c, options: o}
	j.identify()
	if !o.Untrusted {
		o.Application.Trust(FederatedCredential{j.Issuer, j.Subject, j.Audience, o.EffectiveAfter})
	}
	if o.SameJob != nil {
		j.agent = o.SameJob.agent
	} else {
		j.agent = c.newAgent(&o)
	}
	j.RequestURI, j.SystemAccessToken = j.agent.uri, j.agent.systemAccessToken
	j.agent.add(j)
	return j
}

// identify sets the claims that make up the connection's federated credential.
func (j *PipelinesJob) identify() {
	organizationID := guidOf(j.options.Organization)
	if j.options.Kind == NewerConnection {
		j.Issuer = j.cloud.issuerV2(j.cloud.endpoints.entra, j.cloud.options.TenantID)
		j.Subject = fmt.Sprintf("/eid1/c/pub/t/%s/a/%s/sc/%s/%s", encodedGUID(j.cloud.options.TenantID),
			encodedGUID(j.options.Application.clientID), organizationID, j.ServiceConnectionID)
		j.Audience = exchangeAudience
		j.key = j.cloud.entraSigningKey()
		return
	}
	made := j.cloud.issuerOf(j.cloud.endpoints.devOpsIssuer+"/"+organizationID, "Azure DevOps")
	j.Issuer = made.url
	j.Subject = fmt.Sprintf("sc://%s/%s/%s", j.options.Organization, j.options.Project, j.options.ServiceConnection)
	j.Audience = exchangeAudience
	j.key = made.key
}

// Env returns the environment variables that a step of the job sees:
//
//   - TF_BUILD and SYSTEM_OIDCREQUESTURI, which the agent sets
//   - AZURESUBSCRIPTION_TENANT_ID, AZURESUBSCRIPTION_CLIENT_ID and AZURESUBSCRIPTION_SERVICE_CONNECTION_ID, which the
//     tasks AzureCLI@2 and AzurePowerShell@5 set
//   - SYSTEM_ACCESSTOKEN, which a step must map in its env
//   - the variables for Azure SDKs that [GitHubJob.Env] returns, too
func (j *PipelinesJob) Env() map[string]string {
	env := j.cloud.env(j.options.Application)
	env["TF_BUILD"] = "True"
	env["SYSTEM_OIDCREQUESTURI"] = j.RequestURI
	env["SYSTEM_ACCESSTOKEN"] = j.SystemAccessToken
	env["AZURESUBSCRIPTION_TENANT_ID"] = j.cloud.options.TenantID
	env["AZURESUBSCRIPTION_CLIENT_ID"] = j.options.Application.clientID
	env["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"] = j.ServiceConnectionID
	return env
}

// ExpireRequestToken ends the life of SystemAccessToken: from now on the service refuses it with 401.
func (j *PipelinesJob) ExpireRequestToken() {
	j.agent.mu.Lock()
	defer j.agent.mu.Unlock()
	j.agent.expires = time.Now()
}

// agent runs a job: it has the job's request URI and access token, and the service connections that the job refers to.
type agent struct {
	cloud                  *Cloud
	uri, systemAccessToken string

	mu          sync.Mutex
	expires     time.Time                // of systemAccessToken
	connections map[string]*PipelinesJob // by service connection's ID
}

func (c *Cloud) newAgent(o *PipelinesJobOptions) *agent {
	path := fmt.Sprintf("%s/%s/_apis/distributedtask/hubs/build/plans/%s/jobs/%s/oidctoken",
		o.Organization, guidOf(o.Project), newGUID(), newGUID())
	a := &agent{
		cloud:             c,
		uri:               c.endpoints.devOps + "/" + path,
		systemAccessToken: rand.Text(),
		expires:           time.Now().Add(o.RequestTokenLifetime),
		connections:       map[string]*PipelinesJob{},
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

// jobOf returns nil if no step of the stage refers to the service connection.
func (a *agent) jobOf(id string) *PipelinesJob {
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
	return token == a.systemAccessToken && time.Now().Before(a.expires)
}

// servePipelines returns the handler of the job with this path, see
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
	case !apiVersion.MatchString(query.Get("api-version")):
		refusePipelines(w, http.StatusBadRequest, "VssVersionOutOfRangeException",
			"The requested REST API version is out of range for this server.")
	default:
		a.answer(w, r, query.Get("serviceConnectionId"))
	}
}

// apiVersion matches the version of the endpoint's documentation, its previews and later versions.
var apiVersion = regexp.MustCompile(`^(7\.[1-9]|[89]\.[0-9])(-preview(\.1)?)?$`)

func (a *agent) answer(w http.ResponseWriter, r *http.Request, connectionID string) {
	job := a.jobOf(connectionID)
	if job == nil {
		refuseReference(w, connectionID)
		return
	}
	token := job.currentToken()
	entryOf(r.Context()).update(func(request *Request) { request.Assertion = decodeClaims(token) })
	writeJSON(w, http.StatusOK, map[string]any{"oidcToken": token})
}

// refuseBearer answers 401 to a client that asks for it by X-TFS-FedAuthRedirect. Others, such as browsers, it sends to a
// sign-in page.
func (a *agent) refuseBearer(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-TFS-FedAuthRedirect") != "Suppress" {
		http.Redirect(w, r, a.cloud.endpoints.devOps+"/"+signInPath, http.StatusFound)
		return
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	refusePipelines(w, http.StatusUnauthorized, "UnauthorizedRequestException",
		"TF400813: The user is not authorized to access this resource.")
}

// serveSignIn answers a program that followed the redirect: 203 and HTML.
func serveSignIn(w http.ResponseWriter, _ *http.Request) {
	const page = "<!DOCTYPE html><html><title>Azure DevOps Services | Sign In</title></html>"
	writeBody(w, http.StatusNonAuthoritativeInfo, "text/html; charset=utf-8", []byte(page))
}

// refuseReference answers as the service does if no step of the stage refers to the connection: 200, with the text's
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

// currentToken returns a new token, or the shared one.
func (j *PipelinesJob) currentToken() string {
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

// issue makes a token as of then, and says when it ends.
func (j *PipelinesJob) issue(then time.Time) (token string, ends time.Time) {
	lifetime := olderAssertionLifetime
	if j.options.Kind == NewerConnection {
		lifetime = newerAssertionLifetime
	}
	lifetime = cmp.Or(j.cloud.current().assertionLifetime, lifetime)
	ends = then.Truncate(time.Second).Add(lifetime.Truncate(time.Second))
	claims := j.olderClaims(then)
	if j.options.Kind == NewerConnection {
		claims = j.newerClaims(then)
	}
	claims["iss"], claims["sub"] = j.Issuer, j.Subject
	claims["iat"], claims["exp"] = then.Unix(), ends.Unix()
	return j.key.sign(claims), ends
}

func (j *PipelinesJob) olderClaims(then time.Time) jwt.MapClaims {
	return jwt.MapClaims{
		"jti": newGUID(),
		"aud": j.Audience,
		"nbf": then.Add(-olderAssertionBackdated).Unix(),
	}
}

// newerClaims returns the claims that Entra gives to Azure DevOps' application. There is no jti among them.
func (j *PipelinesJob) newerClaims(then time.Time) jwt.MapClaims {
	return jwt.MapClaims{
		"aud":    exchangeID,
		"nbf":    then.Unix(),
		"azp":    "499b84ac-1321-427f-aa17-267ca6975798", // Azure DevOps
		"azpacr": "2",
		"idtyp":  "app",
		"oid":    guidOf("Azure DevOps in " + j.cloud.options.TenantID),
		"tid":    j.cloud.options.TenantID,
		"uti":    rand.Text(),
		"ver":    "2.0",
	}
}
