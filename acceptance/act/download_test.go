package act_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// releases has the release of one platform, for the host example.com, which the certificates of httptest are also for. As at
// GitHub, the address leads to another one.
func releases(t *testing.T, content string) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("GET /v1.2.3/azoidc_1.2.3_linux_amd64", http.RedirectHandler("https://assets.example.com/1", http.StatusFound))
	mux.HandleFunc("GET /1", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, content) })
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	return server
}

// startProxy starts an http proxy that leads every host to the server, and returns its URL and what it was asked for.
func startProxy(t *testing.T, server *httptest.Server) (url string, asked <-chan string) {
	t.Helper()
	requests := make(chan string, 100)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r.Method + " " + r.Host + " " + r.Header.Get("Proxy-Authorization")
		upstream, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = upstream.Close() }()
		client, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = client.Close() }()
		_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { _, _ = io.Copy(upstream, client) }()
		_, _ = io.Copy(client, upstream)
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL, requests
}

// find runs the action's findBinary with a release that has this checksum.
func find(t *testing.T, checksum string, env ...string) (printed string, err error) {
	t.Helper()
	script := `
import {findBinary} from '` + "file://" + absolute(t, "../../action/binary.js") + `';
const releases = {version: '1.2.3', releases: {'1.2.3': {linux_amd64: '` + checksum + `'}}};
const {path} = await findBinary({binary: '', version: ''}, {releases, base: 'https://example.com', on: 'linux_amd64'});
process.stdout.write(path);`
	command := exec.CommandContext(t.Context(), "node", "--input-type=module", "--eval", script)
	command.Env = append(env, "PATH="+os.Getenv("PATH"))
	said, err := command.CombinedOutput()
	return string(said), err
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	require.NoError(t, err)
	return full
}

// The release comes by TLS through a proxy with a user, and is used only with its checksum.
func TestDownload(t *testing.T) {
	t.Parallel()
	const content = "#!/bin/sh\n"
	server := releases(t, content)
	proxy, asked := startProxy(t, server)
	folder := t.TempDir()
	certificate := filepath.Join(folder, "certificate.pem")
	require.NoError(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	env := []string{"HTTPS_PROXY=" + "http://us:pass@" + proxy[len("http://"):], "RUNNER_TOOL_CACHE=" + folder, "NODE_EXTRA_CA_CERTS=" + certificate}
	sum := sha256.Sum256([]byte(content))

	printed, err := find(t, hex.EncodeToString(sum[:]), env...)
	require.NoError(t, err, printed)
	placed, err := os.ReadFile(printed)
	require.NoError(t, err)
	require.Equal(t, content, string(placed))
	const user = "Basic dXM6cGFzcw=="
	require.Equal(t, "CONNECT example.com:443 "+user, <-asked)
	require.Equal(t, "CONNECT assets.example.com:443 "+user, <-asked)

	require.NoError(t, os.Remove(printed))
	printed, err = find(t, hex.EncodeToString(make([]byte, 32)), env...)
	require.Error(t, err)
	require.Contains(t, printed, "it isn't used")

	// A certificate that the machine doesn't trust.
	printed, err = find(t, hex.EncodeToString(sum[:]), env[:2]...)
	require.Error(t, err)
	require.Contains(t, printed, "certificate")
}
