package acceptance_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// A managedJob is a CI job with one step, azoidc exec with a client.
type managedJob struct {
	client managedClient
	server *azoidctest.Server

	ended sync.WaitGroup
	// What follows is there when the job has ended.
	accepted []accepted
	refusals int
	refused  error        // the first of the refusals
	printed  bytes.Buffer // but for the tokens
	err      error
}

// accepted is a token that the service let in.
type accepted struct {
	token string
	at    time.Time
}

// buildAzoidc builds the command that is shipped.
func buildAzoidc(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "azoidc")
	printed, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/azoidc/azoidc/cmd/azoidc").CombinedOutput()
	require.NoError(t, err, "%s", printed)
	return program
}

func startManagedJob(t *testing.T, azoidc, kubelogin string, client managedClient) *managedJob {
	t.Helper()
	server := azoidctest.NewServer(&azoidctest.Options{
		AssertionLifetime: assertionLife, AccessTokenLifetime: tokenLife, ClockTolerance: -1,
	})
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), jobLength+time.Minute)
	server.GitHubJob(&azoidctest.GitHubJobOptions{Application: server.Register(hubClientID)})
	command := exec.CommandContext(ctx, azoidc, slices.Concat(
		[]string{"exec", "-disable-instance-discovery", "-scope", kubernetes + "/.default"}, client.flags, []string{"--"}, client.command())...)
	command.Env = append(managedEnv(t, server, client), kubeloginVariable+"="+kubelogin)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) } // azoidc then ends the client too
	command.WaitDelay = 10 * time.Second
	job := &managedJob{client: client, server: server}
	command.Stderr = &job.printed
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	job.ended.Go(func() {
		unread := job.present(ctx, bufio.NewScanner(stdout))
		job.err = command.Wait()
		job.printed.WriteString(unread)
	})
	t.Cleanup(func() {
		cancel()
		job.ended.Wait()
	})
	return job
}

// command is what azoidc exec runs.
func (c managedClient) command() []string {
	if c.script != nil {
		path := filepath.Join("npm", c.script[0])
		return []string{"node", path, c.script[1], kubernetes + "/.default", seconds(jobLength), seconds(askEvery)}
	}
	test := []string{os.Args[0], "-test.run=^TestManagedIdentity$"}
	if len(c.without) == 0 {
		return test
	}
	unset := []string{"env"}
	for _, variable := range c.without {
		unset = append(unset, "-u", variable)
	}
	return append(unset, test...)
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// managedEnv is the job's environment on this machine, in which azoidc finds the certificate, and the client who it is.
func managedEnv(t *testing.T, server *azoidctest.Server, client managedClient) []string {
	t.Helper()
	job := server.GitHubJob(nil).Env()
	if client.source == pipelines {
		job = server.PipelinesJob(nil).Env()
	}
	env := jobEnv(t, server, job, "SSL_CERT_FILE")
	env["PATH"] = os.Getenv("PATH")
	env[clientVariable] = client.name
	env["NODE_EXTRA_CA_CERTS"] = env["SSL_CERT_FILE"]
	env["ARM_CLIENT_ID"], env["ARM_TENANT_ID"], env["HUB_CLIENT_ID"] = server.ClientID(), server.TenantID(), hubClientID
	if client.exchanges {
		env["ARM_USE_OIDC"] = "true"
	}
	var list []string
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	return list
}

// present presents each token as soon as the client prints it, and returns what else the client prints.
func (j *managedJob) present(ctx context.Context, lines *bufio.Scanner) (others string) {
	for lines.Scan() {
		token, ok := strings.CutPrefix(lines.Text(), tokenPrefix)
		if !ok {
			others += lines.Text() + "\n"
			continue
		}
		if err := present(ctx, j.server, token); err != nil {
			if j.refusals++; j.refusals == 1 {
				j.refused = err
			}
			continue
		}
		j.accepted = append(j.accepted, accepted{token, time.Now()})
	}
	return others
}

// present is requireAdmitted for goroutines.
func present(ctx context.Context, server *azoidctest.Server, token string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.Service(kubernetes).URL, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := server.Client().Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the service answered %s: %s", response.Status, response.Header.Get("WWW-Authenticate"))
	}
	return nil
}

// wait returns why the job failed, if it did.
func (j *managedJob) wait() error {
	j.ended.Wait()
	if j.refusals > 0 {
		return fmt.Errorf("%d of %d tokens were refused: %w", j.refusals, j.refusals+len(j.accepted), j.refused)
	}
	err := j.err
	if err == nil {
		return nil
	}
	if j.client.script != nil {
		err = fmt.Errorf("%w\nhas setup been run?", err)
	}
	return fmt.Errorf("%w\n%s", err, &j.printed)
}

// different counts the tokens that differ.
func (j *managedJob) different() int {
	tokens := map[string]bool{}
	for _, a := range j.accepted {
		tokens[a.token] = true
	}
	return len(tokens)
}
