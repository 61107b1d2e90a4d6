package azoidctest

import (
	"cmp"
	"fmt"
	"sync"
	"time"
)

const (
	newerAudience = "fb60f99c-7a34-4190-8149-302f77469936"

	olderAssertionLifetime    = 5 * time.Minute
	olderAssertionBackdated   = 10 * time.Minute
	newerAssertionLifetime    = 24*time.Hour + 5*time.Minute
	systemAccessTokenLifetime = 48 * time.Hour
)

// ConnectionKind is the kind of OIDC token that a service connection gets, see
// https://learn.microsoft.com/azure/devops/pipelines/release/troubleshoot-workload-identity.
type ConnectionKind int

const (
	// OlderConnection is issued by https://vstoken.dev.azure.com/{organization ID} for api://AzureADTokenExchange, for
	// 5 minutes.
	OlderConnection ConnectionKind = iota
	// NewerConnection is issued by Entra itself for a fixed GUID, for 24 h 5 min.
	NewerConnection
)

// PipelinesJobOptions say which job asks for tokens, for which service connection.
type PipelinesJobOptions struct {
	Kind              ConnectionKind
	Organization      string // a name fit for a URL; "": octo-org
	Project           string // "": octo-project
	ServiceConnection string // the connection's name; "": octo-connection

	// ServiceConnectionID is a GUID as a rule. "": a random one.
	ServiceConnectionID string

	// Shared hands out the same token until it ends, as the service does for the newer kind. TokenAge is the first
	// one's age when it's first asked for; later ones are new.
	Shared   bool
	TokenAge time.Duration

	// Unreferenced: no step of the stage refers to the connection, so that the service answers 200 with a text instead
	// of a token.
	Unreferenced bool

	// RequestTokenLifetime is the time after which SystemAccessToken is refused. 0: 48 h.
	RequestTokenLifetime time.Duration

	// SameJob is the job that refers to this service connection too: both have its RequestURI and SystemAccessToken.
	// Nil: a job of its own.
	SameJob *PipelinesJob

	Application    *Application  // the connection's; nil: the default one
	Untrusted      bool          // no federated credential is added to the application
	EffectiveAfter time.Duration // of the federated credential
}

// PipelinesJob is a running job of Azure Pipelines with one service connection. Its fields don't change.
type PipelinesJob struct {
	RequestURI, SystemAccessToken string
	ServiceConnectionID           string
	Issuer, Subject, Audience     string // of the federated credential

	cloud   *Cloud
	options PipelinesJobOptions
	key     *signingKey
	agent   *agent

	mu     sync.Mutex
	shared string
	ends   time.Time // of shared
}

// PipelinesJob starts a job and, unless it's Untrusted, adds a federated credential for its service connection to the
// application. options may be nil.
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
	j.RequestURI, j.SystemAccessToken = j.agent.uri, j.agent.token
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
		j.Audience = newerAudience
		j.key = j.cloud.entraKey()
		return
	}
	issuer := j.cloud.issuerOf(j.cloud.endpoints.devOpsIssuer+"/"+organizationID, "Azure DevOps")
	j.Issuer = issuer.url
	j.Subject = fmt.Sprintf("sc://%s/%s/%s", j.options.Organization, j.options.Project, j.options.ServiceConnection)
	j.Audience = defaultAudience
	j.key = issuer.key
}

// Env are the variables that the agent and the tasks AzureCLI@2 and AzurePowerShell@5 set, with SYSTEM_ACCESSTOKEN
// mapped.
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

// ExpireRequestToken ends SystemAccessToken: from now on it's refused.
func (j *PipelinesJob) ExpireRequestToken() {
	j.agent.mu.Lock()
	defer j.agent.mu.Unlock()
	j.agent.expires = time.Now()
}
