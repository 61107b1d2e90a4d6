package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// Go's own library would log every header and body of HTTP/2.
func TestGODEBUGDoesNotTellSecrets(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("nobody trusts the server in front there")
	}
	cloud := newServer(t, nil)
	front, requests := overHTTP2(t, cloud)
	job := map[string]string{}
	for name, value := range without(cloud.GitHubJob(nil).Env(), "GITHUB_ACTIONS") {
		job[name] = strings.ReplaceAll(value, cloud.URL, front.URL)
	}
	for _, command := range [][]string{{"token", "-scope", vaultScope}, {"doctor", "-scope", vaultScope}, {"exec", "-scope", vaultScope, "--", "true"},
		{"exec", "-token-file", "-scope", vaultScope, "--", "true"}} {
		requests.Store(0)
		p := inProcess(t, cloud, job, "", command...)
		certificate := filepath.Join(t.TempDir(), "front.pem")
		require.NoError(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}), 0o600))
		p.cmd.Env = append(p.cmd.Env, "GODEBUG=netdns=go,http2debug=2", "SSL_CERT_FILE="+certificate)
		status, stdout := p.run()
		require.Zero(t, status, p.stderr.String())
		require.GreaterOrEqual(t, requests.Load(), int32(3), "over HTTP/2, the exchange too")
		said, _, _ := strings.Cut(p.stderr.String(), "\n")
		require.Equal(t, "azoidc: GODEBUG=http2debug isn't heeded here, because it writes tokens into the log; a command gets it as it is", said)
		require.NotContains(t, p.stderr.String(), "http2:")
		if command[0] != "token" {
			requireNoSecret(t, cloud.Cloud, job, stdout)
		}
		requireNoSecret(t, cloud.Cloud, job, p.stderr.String())
	}
}

// overHTTP2 puts a server that speaks HTTP/2 before the cloud, and counts its requests.
func overHTTP2(t *testing.T, cloud *azoidctest.Server) (front *httptest.Server, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	behind, err := url.Parse(cloud.URL)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(behind)
	proxy.Transport = cloud.Client().Transport
	proxy.ModifyResponse = func(response *http.Response) error { // the discovery document names the cloud
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		body = bytes.ReplaceAll(body, []byte(cloud.URL), []byte(front.URL))
		response.Body = io.NopCloser(bytes.NewReader(body))
		response.ContentLength = int64(len(body))
		response.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	front = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 {
			requests.Add(1)
		}
		r.Host = behind.Host
		proxy.ServeHTTP(w, r)
	}))
	front.EnableHTTP2 = true
	front.StartTLS()
	t.Cleanup(front.Close)
	return front, requests
}

// Its command is debugged as its user wants it.
func TestTheCommandIsDebuggedAsBefore(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "environment", "exec")
	p.cmd.Env = append(p.cmd.Env, "GODEBUG=http2debug=1", "GOTRACEBACK=crash")
	p.start()
	env := p.environment()
	status, _ := p.wait()
	require.Zero(t, status)
	require.Equal(t, "http2debug=1", env.Get("GODEBUG"))
	require.Equal(t, "crash", env.Get("GOTRACEBACK"))
}

// azoidc writes no core; what it runs may.
func TestNoCoreDump(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	limit, err := exec.Command("sh", "-c", "ulimit -Hc").Output()
	require.NoError(t, err)
	hard := strings.TrimSpace(string(limit))
	if hard == "0" {
		t.Skip("core dumps are forbidden here")
	}
	cloud := newServer(t, nil)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "", "exec", "--", "sh", "-c", "ulimit -Sc; cat")
	p.cmd.Args = append([]string{"sh", "-c", `ulimit -Sc ` + hard + `; exec "$0" "$@"`, binary}, p.cmd.Args[1:]...)
	p.cmd.Path = "/bin/sh"
	p.start()
	require.Equal(t, hard, p.line())
	require.Eventually(t, func() bool { // the command begins in the middle of its start
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.cmd.Process.Pid))
		return err == nil && regexp.MustCompile(`Max core file size +0 `).Match(limits)
	}, 30*time.Second, 5*time.Millisecond)
	require.NoError(t, p.stdin.Close())
	status, _ := p.wait()
	require.Zero(t, status)
}
