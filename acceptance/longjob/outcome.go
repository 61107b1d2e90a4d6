package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/azoidc/azoidc/azoidctest"
)

// An outcome is what the cloud saw of a job.
type outcome struct {
	letIn, turnedAway int // requests to services
	presented         int // different access tokens among the former
	exchanges, oidc   int
	wanted            int           // different identities and scopes in the exchanges
	refusal           string        // of Entra
	lasted            time.Duration // from the first service's answer to the last
}

func (c *cloud) outcome() outcome {
	o := outcome{exchanges: c.server.Count(azoidctest.EntraToken), oidc: c.server.Count(azoidctest.GitHubOIDC, azoidctest.AzureDevOpsOIDC)}
	wanted := map[[2]string]bool{}
	for _, request := range c.server.Requests(azoidctest.EntraToken) {
		wanted[[2]string{request.Form.Get("client_id"), request.Scope}] = true
		if request.Status != http.StatusOK {
			o.refusal = fmt.Sprintf("HTTP %d %s", request.Status, request.Code)
		}
	}
	tokens := map[string]bool{}
	var first, last time.Time
	for _, request := range c.server.Requests(azoidctest.Services) {
		if request.AccessToken == nil { // AzCopy finds out what is public
			continue
		}
		switch request.Status {
		case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNotFound: // a state that isn't there yet
		default:
			o.turnedAway++
			continue
		}
		if first.IsZero() {
			first = request.Time
		}
		last = request.Time
		tokens[request.AccessToken.Raw] = true
		o.letIn++
	}
	o.presented, o.wanted, o.lasted = len(tokens), len(wanted), last.Sub(first)
	return o
}

// check wants the job to have had tokens for many lives of an OIDC token, from few exchanges, unless the command makes some
// itself.
func (o outcome) check(exchanges bool) error {
	var errs []error
	want := func(ok bool, format string, arguments ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, arguments...))
		}
	}
	want(o.lasted > 10*assertionLife, "services were called for %s only", o.lasted)
	want(o.presented > int(jobLength/tokenLife), "only %d different tokens were presented", o.presented)
	want(o.turnedAway == 0, "services turned %d requests away", o.turnedAway)
	want(o.refusal == "", "Entra refused: %s", o.refusal)
	want(o.exchanges <= o.oidc, "%d exchanges, but %d OIDC tokens", o.exchanges, o.oidc) // a client may request one and not use it
	// Each token is renewed before it ends.
	want(exchanges || o.exchanges <= o.wanted*(1+int(o.lasted/(tokenLife/2))), "%d exchanges are more than the renewals", o.exchanges)
	return errors.Join(errs...)
}

const rowFormat = "%-66s %-6v %7v %12v %7v %10v %5v %7v"

func header() string {
	return fmt.Sprintf(rowFormat, "client", "result", "let in", "turned away", "tokens", "exchanges", "OIDC", "lasted")
}

func (o outcome) row(name string, err error) string {
	result := "worked"
	if err != nil {
		result = "failed"
	}
	return fmt.Sprintf(rowFormat, name, result, o.letIn, o.turnedAway, o.presented, o.exchanges, o.oidc, o.lasted.Round(time.Second))
}
