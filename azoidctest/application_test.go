package azoidctest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// TestTrustRefusesWhatGraphRefuses, see
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations.
func TestTrustRefusesWhatGraphRefuses(t *testing.T) {
	good := azoidctest.FederatedCredential{Issuer: "https://octo.example", Subject: "octo", Audience: "api://octo"}
	for name, change := range map[string]func(*azoidctest.FederatedCredential){
		"no issuer":        func(f *azoidctest.FederatedCredential) { f.Issuer = "" },
		"no subject":       func(f *azoidctest.FederatedCredential) { f.Subject = "" },
		"no audience":      func(f *azoidctest.FederatedCredential) { f.Audience = "" },
		"white space":      func(f *azoidctest.FederatedCredential) { f.Subject += " " },
		"long subject":     func(f *azoidctest.FederatedCredential) { f.Subject = strings.Repeat("o", 601) },
		"another audience": func(f *azoidctest.FederatedCredential) { f.Audience = "api://cat" },
	} {
		app := azoidctest.New(nil).Application()
		app.Trust(good)
		app.Trust(good) // changes nothing
		bad := good
		change(&bad)
		require.Panics(t, func() { app.Trust(bad) }, name)
	}
	app := azoidctest.New(nil).Application()
	for i := range 20 {
		app.Trust(azoidctest.FederatedCredential{Issuer: "https://octo.example", Subject: fmt.Sprint(i), Audience: "api://octo"})
	}
	require.Panics(t, func() { app.Trust(good) }, "the 21st")
	app.Distrust()
	app.Trust(good)
}

// TestTrustAgain: of two times from which a credential works, the earlier counts.
func TestTrustAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, delays := range [][2]time.Duration{{time.Hour, time.Minute}, {time.Minute, time.Hour}} {
			c := azoidctest.New(nil)
			job := c.GitHubJob(&azoidctest.GitHubJobOptions{EffectiveAfter: delays[0]})
			c.Application().Trust(azoidctest.FederatedCredential{Issuer: job.Issuer, Subject: job.Subject, Audience: job.Audience, EffectiveAfter: delays[1]})
			ask := func() answer { return exchange(t, c, gitHubToken(t, c, job, job.Audience), vault+"/.default") }
			requireRefusal(t, ask(), 70021, 400, "invalid_request")
			time.Sleep(time.Minute)
			accessToken(t, ask())
		}
	})
}
