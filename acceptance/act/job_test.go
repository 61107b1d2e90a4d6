//go:build linux

package act_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// The job's steps outlive four access tokens, and many more assertions.
const (
	assertionLife = 2 * time.Second
	tokenLife     = 4 * time.Second
)

const resource = "https://vault.azure.net"

// A job is a workflow that act runs in a repository of its own.
type job struct {
	t       *testing.T
	server  *azoidctest.Server
	github  *azoidctest.GitHubJob
	service *azoidctest.Service
	folder  string // where all of it is

	command *exec.Cmd
	// What follows is there when wait has returned.
	printed bytes.Buffer
	address string   // of the job's azoidc, as a step has seen it; "" when none has
	secrets []string // as a step has seen them
}

// newJob prepares the workflow of that name in testdata.
func newJob(t *testing.T, workflow string, options *azoidctest.GitHubJobOptions) *job {
	t.Helper()
	server := azoidctest.NewServer(&azoidctest.Options{
		AssertionLifetime: assertionLife, AccessTokenLifetime: tokenLife, ClockTolerance: -1,
	})
	t.Cleanup(server.Close)
	j := &job{t: t, server: server, github: server.GitHubJob(options), service: server.Service(resource), folder: t.TempDir()}
	require.NoError(t, os.WriteFile(j.path("certificate.pem"), server.CertificatePEM(), 0o600))
	require.NoError(t, os.Mkdir(j.path("home"), 0o700))
	require.NoError(t, os.Link(azoidcProgram, j.path("azoidc"))) // its processes are told by this path
	j.copy("testdata/linger.cjs", j.path("linger.cjs"))
	j.makeRepository(workflow)
	return j
}

func (j *job) path(name string) string { return filepath.Join(j.folder, name) }

// makeRepository has the action at its root, as this one has, and the workflow.
func (j *job) makeRepository(workflow string) {
	repository := j.path("repository")
	workflows := filepath.Join(repository, ".github", "workflows")
	require.NoError(j.t, os.MkdirAll(workflows, 0o700))
	require.NoError(j.t, os.CopyFS(filepath.Join(repository, "action"), os.DirFS("../../action")))
	require.NoError(j.t, os.CopyFS(filepath.Join(repository, "taketokens"), os.DirFS("testdata/taketokens")))
	j.copy("../../action.yml", filepath.Join(repository, "action.yml"))
	j.copy("testdata/take.sh", filepath.Join(repository, "take.sh"))
	j.copy("testdata/"+workflow+".yml", filepath.Join(workflows, "workflow.yml"))
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "."}, {"commit", "--quiet", "--message", workflow}} {
		command := exec.CommandContext(j.t.Context(), "git", append([]string{"-C", repository, "-c", "user.name=a", "-c", "user.email=a@example.invalid"}, args...)...)
		command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + j.path("home")}
		said, err := command.CombinedOutput()
		require.NoError(j.t, err, "%s", said)
	}
}

func (j *job) copy(from, to string) {
	content, err := os.ReadFile(from)
	require.NoError(j.t, err)
	require.NoError(j.t, os.WriteFile(to, content, 0o600))
}

// start starts act. env is what the workflow needs beside the usual variables.
func (j *job) start(env map[string]string) {
	var file strings.Builder
	for name, value := range j.env(env) {
		fmt.Fprintf(&file, "%s=%s\n", name, value)
	}
	require.NoError(j.t, os.WriteFile(j.path("env"), []byte(file.String()), 0o600))
	j.command = exec.CommandContext(j.t.Context(), actProgram, "push", "--platform", "ubuntu-latest=-self-hosted",
		"--env-file", j.path("env"), "--action-offline-mode", "--no-cache-server")
	j.command.Dir = j.path("repository")
	j.command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + j.path("home")}
	j.command.Stdout, j.command.Stderr = &j.printed, &j.printed
	j.command.Cancel = func() error { return j.command.Process.Signal(syscall.SIGTERM) }
	j.command.WaitDelay = 10 * time.Second
	require.NoError(j.t, j.command.Start())
}

// env is the job's, as the runner sets it, and what the steps of testdata want to know.
func (j *job) env(more map[string]string) map[string]string {
	env := j.github.Env()
	delete(env, "AZURE_CLIENT_ID") // the inputs have them
	delete(env, "AZURE_TENANT_ID")
	for name, value := range map[string]string{
		"AZOIDC": j.path("azoidc"), "CLIENT": j.server.ClientID(), "TENANT": j.server.TenantID(),
		"RESOURCE": resource, "SERVICE_URL": j.service.URL, "OBSERVED": j.path("observed"), "ENDPOINT": j.path("endpoint"),
		"CERTIFICATE": j.path("certificate.pem"), "SSL_CERT_FILE": j.path("certificate.pem"), "NODE_EXTRA_CA_CERTS": j.path("certificate.pem"),
		"AZOIDC_DISABLE_INSTANCE_DISCOVERY": "true", "NODE_OPTIONS": "--require=" + j.path("linger.cjs"),
	} {
		env[name] = value
	}
	for name, value := range more {
		env[name] = value
	}
	return env
}

// wait returns act's own verdict on the job.
func (j *job) wait() error {
	err := j.command.Wait()
	j.t.Logf("%s", &j.printed)
	require.NoError(j.t, os.Remove(j.path("env"))) // the test's own notes of secrets
	if content, err := os.ReadFile(j.path("endpoint")); err == nil {
		seen := strings.Fields(string(content))
		j.address, j.secrets = seen[0], seen[1:]
		require.NoError(j.t, os.Remove(j.path("endpoint")))
	}
	return err
}

// A taken token was presented by a step.
type taken struct {
	step, name string // name is no secret
	status     string
}

func (j *job) taken() []taken {
	content, err := os.ReadFile(j.path("observed"))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(j.t, err)
	var all []taken
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		require.Len(j.t, fields, 3, line)
		all = append(all, taken{fields[0], fields[1], fields[2]})
	}
	return all
}

// contains are the files below the job's folder in which any of the texts is.
func (j *job) contains(texts ...string) (found []string) {
	require.NoError(j.t, filepath.WalkDir(j.folder, func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && !entry.Type().IsRegular() {
			return nil // act tidies up
		}
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		for _, text := range texts {
			if bytes.Contains(content, []byte(text)) {
				found = append(found, path)
				break
			}
		}
		return err
	}))
	return found
}

// tokens are all assertions and access tokens of the job so far, each by the part that nothing else can have.
func (j *job) tokens() []string {
	var all []string
	for _, request := range j.server.Requests() {
		for _, claims := range []*azoidctest.Claims{request.Assertion, request.AccessToken} {
			if claims != nil {
				signature := claims.Raw[strings.LastIndexByte(claims.Raw, '.')+1:]
				all = append(all, signature[:32])
			}
		}
	}
	return all
}
