package login

import (
	"fmt"
	"net/url"
	"time"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/ci"
)

// A Diagnosis is what doctor found. Nothing in it is secret.
type Diagnosis struct {
	CI          string               `json:"ci"` // empty outside CI
	Settings    []setting            `json:"settings"`
	Identity    *jobIdentity         `json:"identity,omitempty"` // who the OIDC token says the job is
	Federated   *federatedCredential `json:"federatedIdentityCredential,omitempty"`
	ClockOffset *int64               `json:"clockOffsetSeconds,omitempty"` // how far the servers are ahead
	Steps       []Step               `json:"steps"`
	Well        bool                 `json:"well"`
	Verdict     string               `json:"verdict"`
}

// A setting is a flag, or one of the variables in its place.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"` // a secret's isn't told
	Set   bool   `json:"set"`
}

type jobIdentity struct {
	Issuer         string     `json:"issuer"`
	Subject        string     `json:"subject"`
	Audience       []string   `json:"audience"`
	IssuedAt       *time.Time `json:"issuedAt,omitempty"`
	NotBefore      *time.Time `json:"notBefore,omitempty"`
	ExpiresAt      *time.Time `json:"expiresAt,omitempty"`
	JobWorkflowRef string     `json:"jobWorkflowRef,omitempty"`
}

// A federatedCredential is what the application must hold for the job's tokens: equal to the last letter, case included.
type federatedCredential struct {
	Issuer   string `json:"issuer"`
	Subject  string `json:"subject"`
	Audience string `json:"audience"`
	// Commands create it, for an application and for a managed identity. They are there only where one is missing.
	Commands []string `json:"commands,omitempty"`
	commands []string
}

// A Step that was tried, or not.
type Step struct {
	Name         string `json:"name"`
	Result       string `json:"result"`
	Milliseconds int64  `json:"milliseconds"`
	Detail       string `json:"detail"`
}

// The results of a step.
const (
	resultOK      = "ok"
	resultWarning = "warning" // it works, and should be looked at
	ResultFailed  = "failed"
	resultSkipped = "skipped"
)

// describe tells what is set and what is missing.
func (d *Diagnosis) describe(env ci.Variables, l *Login) {
	systems := ci.Systems()
	if l.named != nil {
		d.CI = l.named.flag
		d.Settings = append(d.Settings, setting{Name: l.named.flag, Set: true})
		systems = nil
	} else if l.system != nil {
		d.CI = l.system.Name
		systems = []*ci.System{l.system}
	}
	for _, system := range systems {
		d.add(system.RequestURL, hostOnly(env.Get(system.RequestURL)))
		d.Settings = append(d.Settings, setting{Name: system.RequestToken, Set: env.Get(system.RequestToken) != ""})
	}
	d.add(l.tenantFrom, l.TenantID)
	d.add(l.clientFrom, l.ClientID)
	if l.named == nil && l.system != nil && l.system.ConnectionID != "" {
		d.add(l.system.ConnectionID, l.connectionID)
	}
	if l.audience != "" {
		d.add("audience", l.audience)
	}
	d.add("authority host", l.AuthorityHost)
}

func (d *Diagnosis) add(name, value string) {
	d.Settings = append(d.Settings, setting{Name: name, Value: oneLine(value), Set: value != ""})
}

// hostOnly leaves out what a request URL says about the run.
func hostOnly(address string) string {
	u, err := url.Parse(address)
	switch {
	case address == "":
		return ""
	case err != nil || u.Host == "":
		return "no URL"
	}
	return u.Scheme + "://" + u.Host
}

// identify tells who the job is, and what the application must be told to trust it.
func (d *Diagnosis) identify(l *Login, claims azoidc.Claims) {
	d.Identity = &jobIdentity{
		Issuer:         claims.Issuer,
		Subject:        claims.Subject,
		Audience:       claims.Audience,
		IssuedAt:       unlessZero(claims.IssuedAt),
		NotBefore:      unlessZero(claims.NotBefore),
		ExpiresAt:      unlessZero(claims.ExpiresAt),
		JobWorkflowRef: claims.JobWorkflowRef,
	}
	d.Federated = newFederatedCredential(l, claims)
}

func newFederatedCredential(l *Login, claims azoidc.Claims) *federatedCredential {
	presented := advice.Presented{Issuer: claims.Issuer, Subject: claims.Subject}
	if len(claims.Audience) > 0 {
		presented.Audience = claims.Audience[0]
	}
	wanted := advice.NewFederatedCredential(presented, l.ExchangeAudience())
	return &federatedCredential{
		Issuer: wanted.Issuer, Subject: wanted.Subject, Audience: wanted.Audience, commands: wanted.Commands(l.ClientID),
	}
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// conclude comes to the verdict, after the last step.
func (d *Diagnosis) conclude(l *Login) {
	failed, warned := d.with(ResultFailed), d.with(resultWarning)
	if len(failed) > 0 {
		d.Verdict = fmt.Sprintf("not well: %d of %d steps failed. Begin with the first, %s, and run this again", len(failed), len(d.Steps), failed[0].Name)
		return
	}
	d.Well = true
	d.Verdict = fmt.Sprintf("all is well: this job signs in as application %s in tenant %s", oneLine(l.ClientID), oneLine(l.TenantID))
	if len(warned) > 0 {
		d.Verdict += ", but look at " + warned[0].Name
	}
}

func (d *Diagnosis) with(result string) (steps []Step) {
	for _, s := range d.Steps {
		if s.Result == result {
			steps = append(steps, s)
		}
	}
	return steps
}
