package guides_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// programs is the folder with azoidc and kubelogin, built once.
var programs string

func TestMain(m *testing.M) {
	if name := os.Getenv(roleVariable); name != "" {
		os.Exit(play(name))
	}
	forgetEnvironment()
	os.Exit(buildAndRun(m))
}

// forgetEnvironment unsets what credentials read, so that the tests pass whoever runs them. Proxies stay: go run needs them.
func forgetEnvironment() {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		for _, prefix := range []string{"ACTIONS_ID_", "GITHUB_ACTIONS", "SYSTEM_", "TF_BUILD", "AZURE", "AZD_", "AZOIDC_", "ARM_", "IDENTITY_", "MSI_", "APPSETTING_"} {
			if strings.HasPrefix(name, prefix) {
				_ = os.Unsetenv(name) // a name that the system handed out can be unset
			}
		}
	}
}

func buildAndRun(m *testing.M) int {
	var err error
	if programs, err = os.MkdirTemp("", "azoidc-guides-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(programs) }()
	if said, err := exec.Command("go", "build", "-o", programs, "github.com/azoidc/azoidc/cmd/azoidc").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, said)
		return 1
	}
	kubelogin, err := exec.Command("go", "tool", "-n", "github.com/Azure/kubelogin").Output() // builds it once
	if err == nil {
		err = os.Symlink(strings.TrimSpace(string(kubelogin)), filepath.Join(programs, "kubelogin"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kubelogin:", err)
		return 1
	}
	return m.Run()
}

// A job is one of GitHub Actions on this machine. All of the cloud's hosts are there, under their own names, by a proxy.
type job struct {
	t      testing.TB
	cloud  *azoidctest.Server
	folder string
	env    map[string]string
}

func newJob(t testing.TB, moreTenants ...string) *job {
	t.Helper()
	cloud := azoidctest.NewServer(&azoidctest.Options{AdditionalTenants: moreTenants})
	t.Cleanup(cloud.Close)
	proxy := newProxy(t, strings.TrimPrefix(cloud.URL, "https://"))
	j := &job{t: t, cloud: cloud, folder: t.TempDir()}
	certificate := j.file("home/certificate.pem", string(cloud.CertificatePEM()))
	j.env = map[string]string{
		"HOME": filepath.Dir(certificate), "LANG": "C.UTF-8",
		"TMPDIR": j.subfolder("tmp"), "XDG_RUNTIME_DIR": j.subfolder("run"),
		"PATH":        strings.Join([]string{j.subfolder("bin"), programs, os.Getenv("PATH")}, string(filepath.ListSeparator)),
		"HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost",
		"SSL_CERT_FILE": certificate, "CURL_CA_BUNDLE": certificate, "REQUESTS_CA_BUNDLE": certificate, "NODE_EXTRA_CA_CERTS": certificate,
		"AZURE_CORE_COLLECT_TELEMETRY": "false",
	}
	maps.Copy(j.env, cloud.GitHubJob(nil).Env())
	delete(j.env, "AZURE_AUTHORITY_HOST")      // Microsoft Entra is at its own name
	delete(j.env, "GITHUB_ACTIONS")            // azoidc token waits for the log to be read
	j.env["DOCKER_HOST"] = "tcp://127.0.0.1:1" // no daemon: it would ask the real registry
	for _, name := range []string{"az", "docker", "helm"} {
		installed, err := exec.LookPath(name)
		if err != nil {
			installed = ""
		}
		j.env["INSTALLED_"+strings.ToUpper(name)] = installed
	}
	standins, err := filepath.Glob("standin/*")
	require.NoError(t, err)
	for _, standin := range standins {
		content, err := os.ReadFile(standin)
		require.NoError(t, err)
		j.script("bin/"+filepath.Base(standin), string(content))
	}
	j.subfolder("work")
	return j
}

func (j *job) subfolder(name string) string {
	j.t.Helper()
	path := filepath.Join(j.folder, name)
	require.NoError(j.t, os.MkdirAll(path, 0o700))
	return path
}

func (j *job) file(name, content string) (path string) {
	j.t.Helper()
	path = filepath.Join(j.folder, name)
	require.NoError(j.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(j.t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func (j *job) script(name, content string) {
	j.t.Helper()
	require.NoError(j.t, os.Chmod(j.file(name, content), 0o700)) //nolint:gosec // it's to be run
}

// run runs a program in the job and returns all that it prints.
func (j *job) run(name string, args ...string) (string, error) {
	j.t.Helper()
	ctx, cancel := context.WithTimeout(j.t.Context(), 3*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = filepath.Join(j.folder, "work")
	for name, value := range j.env {
		command.Env = append(command.Env, name+"="+value)
	}
	var printed bytes.Buffer
	command.Stdout, command.Stderr = &printed, &printed
	command.WaitDelay = 10 * time.Second
	err := command.Run()
	return printed.String(), err
}

// newProxy starts one whose CONNECT leads to address, whatever host is asked for, and returns its URL.
func newProxy(t testing.TB, address string) string {
	t.Helper()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "this proxy is for https only", http.StatusMethodNotAllowed)
			return
		}
		far, err := net.Dial("tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		near, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			_ = far.Close()
			return
		}
		if _, err = io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n"); err == nil {
			carry(near, far)
		}
		_ = near.Close()
		_ = far.Close()
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// carry returns when either end is closed.
func carry(near, far net.Conn) {
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{near: far, far: near} {
		both.Go(func() {
			_, _ = io.Copy(to, from) // ends when an end does
			_ = to.Close()
		})
	}
	both.Wait()
}
