package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/ci"
)

// A process is azoidc as it's shipped, in a job of a cloud on loopback.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  *bufio.Reader // of its standard output
	temp   string        // where it puts temporary files
	stderr *lockedBuffer

	t       testing.TB
	waiting sync.Once
}

// inProcess is azoidc before its start. The command that it runs is this test binary in that role, unless args have one.
func inProcess(t testing.TB, cloud *azoidctest.Server, job map[string]string, role string, args ...string) *process {
	t.Helper()
	requireBinary(t)
	trust(t, cloud)
	if role != "" {
		self, err := os.Executable()
		require.NoError(t, err)
		args = append(args, "--", self)
	}
	temp := t.TempDir()
	p := &process{cmd: exec.Command(binary, args...), temp: temp, stderr: &lockedBuffer{}, t: t}
	p.cmd.Env = append(ci.Variables(os.Environ()).Without(requestVariables()...).Without(supplyVariables...),
		"SSL_CERT_FILE="+certificateOf(cloud), "SSL_CERT_DIR="+temp, // and not all that this machine has
		"AZOIDC_DISABLE_INSTANCE_DISCOVERY=true", "TMPDIR="+temp, roleVariable+"="+role,
		"GORACE=atexit_sleep_ms=0")
	for _, variable := range toEnvironment(job) {
		p.cmd.Env = append(p.cmd.Env, named(variable))
	}
	p.cmd.Stderr = p.stderr
	withoutTerminal(p.cmd)
	return p
}

// hasten makes p try again at once what failed.
func (p *process) hasten() {
	p.t.Helper()
	self, err := os.Executable()
	require.NoError(p.t, err)
	p.cmd.Path, p.cmd.Env = self, append(p.cmd.Env, hastyVariable+"=true")
}

// named has the OIDC endpoint's name in place of its address on Windows, for Wine finds no addresses in certificates. (Entra's
// must be as the discovery document has it.)
func named(variable string) string {
	name, value, _ := strings.Cut(variable, "=")
	if runtime.GOOS == "windows" && slices.ContainsFunc(ci.Systems(), func(s *ci.System) bool { return s.RequestURL == name }) {
		return name + "=" + strings.Replace(value, "https://127.0.0.1:", "https://localhost:", 1)
	}
	return variable
}

// requireBinary skips tests that take the command as it's shipped.
func requireBinary(t testing.TB) {
	t.Helper()
	if binary == "" {
		t.Skip("runs the command in a process of its own, which takes too long for -short")
	}
}

func (p *process) start() {
	p.t.Helper()
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(p.t, err)
	p.lines = bufio.NewReader(stdout)
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(p.t, err)
	require.NoError(p.t, p.cmd.Start())
	p.t.Cleanup(func() { // only when the test has failed
		p.waiting.Do(func() {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		})
	})
}

func (p *process) line() string {
	p.t.Helper()
	line, err := p.lines.ReadString('\n')
	require.NoError(p.t, err, p.stderr.String())
	return line[:len(line)-1]
}

// number is a line that holds a process ID.
func (p *process) number() int {
	p.t.Helper()
	number, err := strconv.Atoi(p.line())
	require.NoError(p.t, err)
	return number
}

// wait returns the exit status and the rest of the output.
func (p *process) wait() (status int, rest string) {
	p.t.Helper()
	content, err := io.ReadAll(p.lines)
	require.NoError(p.t, err)
	p.waiting.Do(func() { _ = p.cmd.Wait() })
	left, err := os.ReadDir(p.temp)
	require.NoError(p.t, err)
	require.Empty(p.t, left, "temporary files")
	return p.cmd.ProcessState.ExitCode(), string(content)
}

func (p *process) run() (status int, stdout string) {
	p.t.Helper()
	p.start()
	require.NoError(p.t, p.stdin.Close())
	return p.wait()
}

// environment is what the command printed of its own, in the roles environment and wait.
func (p *process) environment() ci.Variables {
	p.t.Helper()
	var env ci.Variables
	require.NoError(p.t, json.Unmarshal([]byte(p.line()), &env))
	return env
}

// lockedBuffer is read while it's written.
type lockedBuffer struct {
	mu      sync.Mutex
	content bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.String()
}

func newServer(t testing.TB, options *azoidctest.Options) *azoidctest.Server {
	t.Helper()
	cloud := azoidctest.NewServer(withSmallKeys(options))
	t.Cleanup(cloud.Close)
	if folder != "" {
		require.NoError(t, os.WriteFile(certificateOf(cloud), cloud.CertificatePEM(), 0o600))
	}
	return cloud
}

// certificateOf is the file with the certificate that processes are to trust.
func certificateOf(cloud *azoidctest.Server) string {
	return filepath.Join(folder, strings.NewReplacer("https://", "", ":", "-").Replace(cloud.URL)+".pem")
}

// shortLived is a cloud whose access tokens end so soon that a test can outlast them, and are to be renewed so early that a busy
// machine has time to.
func shortLived(t testing.TB) *azoidctest.Server {
	t.Helper()
	return newServer(t, &azoidctest.Options{AccessTokenLifetime: 4 * time.Second, RefreshIn: time.Second})
}

// requireClosed holds when nobody takes the endpoint's secret. Another test's server may have its port by now.
func requireClosed(t testing.TB, endpoint, secret string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, endpoint+"?api-version=2019-08-01&resource=https://vault.azure.net", nil)
	require.NoError(t, err)
	request.Header.Set("X-IDENTITY-HEADER", secret)
	direct := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	if response, err := direct.Do(request); err == nil {
		require.NoError(t, response.Body.Close())
		require.NotEqual(t, http.StatusOK, response.StatusCode, "the endpoint is gone")
	}
}
