//go:debug rsa1024min=0

package main

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/cmd/azoidc/internal/login"
	"github.com/azoidc/azoidc/internal/ci"
)

const (
	vault      = "https://vault.azure.net"
	vaultScope = vault + "/.default"
)

// result is of a run in this process.
type result struct {
	status         int
	stdout, stderr string
}

func run(t testing.TB, p *program, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p.stdin, p.stdout, p.stderr = bytes.NewReader(nil), &stdout, &stderr
	status := p.run(t.Context(), args)
	return result{status, stdout.String(), stderr.String()}
}

// newCloud is a cloud in memory.
func newCloud(options *azoidctest.Options) *azoidctest.Cloud {
	return azoidctest.New(withSmallKeys(options))
}

// withSmallKeys has a cloud sign faster. Nothing here is about keys.
func withSmallKeys(options *azoidctest.Options) *azoidctest.Options {
	o := azoidctest.Options{}
	if options != nil {
		o = *options
	}
	o.KeyBits = 512 // see go:debug above
	return &o
}

// inJob is the program in a job of the cloud, which is in memory.
func inJob(cloud *azoidctest.Cloud, env map[string]string, more ...string) *program {
	return &program{env: append(toEnvironment(env), more...), client: azcore.ClientOptions{Transport: cloud}}
}

// offline is a program outside of any job, which reaches nobody.
func offline() *program { return &program{client: azcore.ClientOptions{Transport: nobody{}}} }

type nobody struct{}

func (nobody) Do(*http.Request) (*http.Response, error) { return nil, errors.New("nobody is there") }

// loginOf is what p makes of its environment and the flags.
func loginOf(t testing.TB, p *program, args ...string) *login.Login {
	t.Helper()
	var common login.Flags
	flags := newFlagSet("test")
	common.Register(flags, p.env)
	require.NoError(t, flags.Parse(args))
	l := login.New(p.env, common, p.client)
	require.NoError(t, l.Check())
	return &l
}

func toEnvironment(variables map[string]string) ci.Variables {
	var env ci.Variables
	for name, value := range variables {
		env = append(env, name+"="+value)
	}
	return env
}

// requireNoSecret fails when text holds anything that lets in: what the CI system and Entra issued, and what the job has.
func requireNoSecret(t testing.TB, cloud *azoidctest.Cloud, env map[string]string, text string) {
	t.Helper()
	secrets := []string{env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"], env["SYSTEM_ACCESSTOKEN"]}
	for _, request := range cloud.Requests() {
		for _, claims := range []*azoidctest.Claims{request.Assertion, request.AccessToken} {
			if claims != nil {
				secrets = append(secrets, claims.Raw)
			}
		}
	}
	for _, secret := range secrets {
		if secret != "" {
			require.NotContains(t, text, secret)
		}
	}
}

func without(variables map[string]string, names ...string) map[string]string {
	rest := maps.Clone(variables)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

func with(variables map[string]string, name, value string) map[string]string {
	more := maps.Clone(variables)
	more[name] = value
	return more
}
