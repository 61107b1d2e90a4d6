//go:build linux

package pipelines_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

const (
	assertionLife = 2 * time.Second
	tokenLife     = 4 * time.Second
	resource      = "https://vault.azure.net"
)

// The template's steps, with the real azoidc and steps that take tokens for longer than one lives.
func TestJob(t *testing.T) {
	t.Parallel()
	binary := buildAzoidc(t)
	server := azoidctest.NewServer(&azoidctest.Options{AssertionLifetime: assertionLife, AccessTokenLifetime: tokenLife, ClockTolerance: -1})
	t.Cleanup(server.Close)
	service := server.Service(resource)
	folder := t.TempDir()
	env, task := pipelinesEnv(server)
	certificate := filepath.Join(folder, "certificate.pem")
	require.NoError(t, os.WriteFile(certificate, server.CertificatePEM(), 0o600))
	observed := filepath.Join(folder, "observed")
	for name, value := range map[string]string{
		"SSL_CERT_FILE": certificate, "CERTIFICATE": certificate, "AZOIDC_DISABLE_INSTANCE_DISCOVERY": "true",
		"RESOURCE": resource, "SERVICE_URL": service.URL, "OBSERVED": observed,
	} {
		env[name] = value
	}
	az := fakeAzureCLI(t, folder)
	env["PATH"] = folder + ":" + os.Getenv("PATH")
	a := newAgent(t, env)
	t.Cleanup(func() { // when a step before the template's own stop has failed
		stop := exec.Command(binary, "stop", "-name=pipeline")
		stop.Env = []string{"AGENT_TEMPDIRECTORY=" + a.env["AGENT_TEMPDIRECTORY"], "TF_BUILD=True"}
		said, err := stop.CombinedOutput()
		require.NoError(t, err, "%s", said)
	})

	take := map[string]any{"displayName": "take", "bash": "sh ../act/testdata/take.sh taken 5"}
	for _, step := range steps(t, map[string]any{"binary": binary, "steps": []any{take, take}, "scopes": []any{resource + "/.default"}}) {
		var tasks map[string]string
		if step["displayName"] == "azoidc start" {
			tasks = task
		}
		require.NoError(t, a.run(step, tasks), "%s\n%s", step["displayName"], &a.log)
	}

	require.Equal(t, "login --identity --output none --allow-no-subscriptions\nlogout --username systemAssignedIdentity\n", az())
	taken, err := os.ReadFile(observed)
	require.NoError(t, err)
	different := map[string]bool{}
	for line := range strings.Lines(string(taken)) {
		fields := strings.Fields(line)
		require.Equal(t, "200", fields[2])
		different[fields[1]] = true
	}
	require.GreaterOrEqual(t, len(different), 2)
	for _, exchange := range server.Requests(azoidctest.EntraToken) {
		require.Equal(t, 200, exchange.Status, exchange.Code)
	}
	require.Contains(t, a.log.String(), "a careless step prints ***")
	require.NotContains(t, a.log.String(), a.variables["IDENTITY_HEADER"])
	require.NotContains(t, a.log.String(), task["SYSTEM_ACCESSTOKEN"])
	require.Empty(t, processes(t, binary))
	t.Logf("%d tokens from %d exchanges", len(different), server.Count(azoidctest.EntraToken))
}

// pipelinesEnv parts what every step of a job has from what the task has that knows the service connection.
func pipelinesEnv(server *azoidctest.Server) (job, task map[string]string) {
	job, task = map[string]string{}, map[string]string{}
	for name, value := range server.PipelinesJob(nil).Env() {
		if strings.HasPrefix(name, "AZURESUBSCRIPTION_") || name == "SYSTEM_ACCESSTOKEN" {
			task[name] = value
		} else {
			job[name] = value
		}
	}
	return job, task
}

func buildAzoidc(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "azoidc")
	said, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/azoidc/azoidc/cmd/azoidc").CombinedOutput()
	require.NoError(t, err, "%s", said)
	return program
}

// fakeAzureCLI notes how az is called; the real one is in acceptance/debian.
func fakeAzureCLI(t *testing.T, folder string) (called func() string) {
	t.Helper()
	noted := filepath.Join(folder, "noted")
	script := "#!/bin/sh\n[ -n \"$IDENTITY_ENDPOINT\" ] && echo \"$@\" >>'" + noted + "'\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "az"), []byte(script), 0o700))
	return func() string {
		content, err := os.ReadFile(noted)
		require.NoError(t, err)
		return string(content)
	}
}

// processes are those of a program.
func processes(t *testing.T, program string) (found []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	require.NoError(t, err)
	require.NotEmpty(t, links)
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == program { // others' can't be read, or end meanwhile
			found = append(found, link)
		}
	}
	return found
}
