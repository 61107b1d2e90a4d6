package main

import (
	"fmt"
	"net/url"
	"time"

	"github.com/azoidc/azoidc"
)

// A diagnosis is what doctor found. Nothing in it is secret.
type diagnosis struct {
	CI          string               `json:"ci"` // empty outside CI
	Settings    []setting            `json:"settings"`
	Identity    *identity            `json:"identity,omitempty"` // who the OIDC token says the job is
	Federated   *federatedCredential `json:"federatedIdentityCredential,omitempty"`
	ClockOffset *int64               `json:"clockOffsetSeconds,omitempty"` // how far the servers are ahead
	Steps       []step               `json:"steps"`
	Well        bool                 `json:"well"`
	Verdict     string               `json:"verdict"`
}

// A setting is a flag, or one of the variables in its place.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"` // a secret's isn't told
	Set   bool   `json:"set"`
}

type identity struct {
	Issuer         string     `json:"issuer"`
	Subject        string     `json:"subject"`
	Audience       []string   `json:"audience"`
	IssuedAt       *time.Time `json:"issuedAt,omitempty"`
	NotBefore      *time.Time `json:"notBefore,omitempty"`
	ExpiresAt      *time.Time `json:"expiresAt,omitempty"`
	JobWorkflowRef string     `json:"jobWorkflowRef,omitempty"`
}

// A step that was tried, or not.
type step struct {
	Name         string `json:"name"`
	Result       string `json:"result"`
	Milliseconds int64  `json:"milliseconds"`
	Detail       string `json:"detail"`
}

const (
	resultOK      = "ok"
	resultFailed  = "failed"
	resultSkipped = "skipped"
)

// describe tells what is set and what is missing.
func (d *diagnosis) describe(env environment, j *job) {
	systems := []*ciSystem{&gitHub, &azurePipelines}
	if j.ci != nil {
		d.CI = j.ci.name
		systems = []*ciSystem{j.ci}
	}
	for _, ci := range systems {
		d.add(ci.requestURL, hostOnly(env.get(ci.requestURL)))
		d.Settings = append(d.Settings, setting{Name: ci.requestToken, Set: env.get(ci.requestToken) != ""})
	}
	d.add(j.tenantFrom, j.tenantID)
	d.add(j.clientFrom, j.clientID)
	if j.ci == &azurePipelines {
		d.add(connectionIDVariable, j.connectionID)
	}
	if j.audience != "" {
		d.add("audience", j.audience)
	}
	d.add("authority host", j.authorityHost)
}

func (d *diagnosis) add(name, value string) {
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
func (d *diagnosis) identify(j *job, claims azoidc.Claims) {
	d.Identity = &identity{
		Issuer:         claims.Issuer,
		Subject:        claims.Subject,
		Audience:       claims.Audience,
		IssuedAt:       unlessZero(claims.IssuedAt),
		NotBefore:      unlessZero(claims.NotBefore),
		ExpiresAt:      unlessZero(claims.ExpiresAt),
		JobWorkflowRef: claims.JobWorkflowRef,
	}
	d.Federated = newFederatedCredential(j.clientID, claims)
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// conclude comes to the verdict, after the last step.
func (d *diagnosis) conclude(j *job) {
	var failed []step
	for _, s := range d.Steps {
		if s.Result == resultFailed {
			failed = append(failed, s)
		}
	}
	if len(failed) > 0 {
		d.Verdict = fmt.Sprintf("not well: %d of %d steps failed. Begin with the first, %s, and run this again", len(failed), len(d.Steps), failed[0].Name)
		return
	}
	d.Well = true
	d.Verdict = fmt.Sprintf("all is well: this job signs in as application %s in tenant %s", j.clientID, j.tenantID)
}
