package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
)

// exhaustive is for a run of some minutes, after changes to what is printed.
var exhaustive = flag.Bool("exhaustive", false, "put every hostile text into every position, not all of them at once")

// runs are the ways in which the command prints what it was told. Those of exec have one, which prints what the endpoint
// answered.
var runs = map[string][]string{
	"token":            {"token", "-scope", vaultScope},
	"token, raw":       {"token", "-scope", vaultScope, "-o", "raw"},
	"doctor":           {"doctor", "-scope", vaultScope},
	"doctor, JSON":     {"doctor", "-scope", vaultScope, "-o", "json"},
	"doctor, Markdown": {"doctor", "-scope", vaultScope, "-o", "markdown"},
	"exec":             {"exec", "-scope", vaultScope},
	"exec, token file": {"exec", "-token-file", "-scope", vaultScope},
}

// heard counts what was put through the parsers.
type heard struct{ inputs, outputs, shown int }

func (h *heard) require(t *testing.T, input string, outputs ...string) {
	t.Helper()
	h.inputs++
	for _, output := range outputs {
		h.outputs++
		if harm := testbed.HarmfulIn(output); harm != "" {
			require.Failf(t, "harmful", "%s in %s: %.2000q", harm, input, output)
		}
		if strings.Contains(output, testbed.HostileMark) {
			h.shown++
		}
	}
}

func (h *heard) report(t *testing.T) {
	t.Helper()
	t.Logf("%d inputs, %d outputs, %d of which show the text", h.inputs, h.outputs, h.shown)
	require.Positive(t, h.shown)
}

// Whatever the arguments and the environment hold.
func TestHostileArgumentsAndEnvironment(t *testing.T) {
	testbed.NotShort(t, "tries each text in each position")
	t.Parallel()
	texts := testbed.FewHostile()
	if *exhaustive {
		texts = testbed.Hostile
	}
	var h heard
	for name, text := range texts {
		for position, args := range hostileArguments(text) {
			r := run(t, offline(), args...)
			h.require(t, name+" as "+position, r.stdout, r.stderr)
		}
	}
	synctest.Test(t, func(t *testing.T) { // what is tried again is so at once
		cloud := newCloud(nil)
		for _, job := range quietJobs(cloud) {
			for name, text := range texts {
				for _, variable := range append(slices.Sorted(maps.Keys(job)), "AZURE_AUTHORITY_HOST", "AZOIDC_AUDIENCE", "AZURE_TOKEN_CREDENTIALS") {
					for command, args := range runs {
						if strings.HasPrefix(command, "exec") || !*exhaustive && strings.Contains(command, ",") {
							continue // they fail as token does
						}
						r := run(t, inJob(cloud, with(job, variable, text)), args...)
						h.require(t, name+" as "+variable+" in "+command, withoutToken(r.stdout), r.stderr)
					}
				}
			}
		}
	})
	h.report(t)
}

// hostileArguments have the text in each of their positions.
func hostileArguments(text string) map[string][]string {
	arguments := map[string][]string{
		"command":          {text},
		"flag":             {"token", "-" + text},
		"flag of exec":     {"exec", "-" + text + "=x", "--", "true"},
		"argument":         {"doctor", text},
		"form":             {"token", "-scope", "x", "-o", text},
		"boolean":          {"exec", "-token-file=" + text, "--", "true"},
		"command of exec":  {"exec", "--", text},
		"path of exec":     {"exec", "--", "/" + text},
		"scope":            {"token", "-scope", text, "-tenant-id", "t", "-client-id", "c"},
		"argument of help": {"help", text},
	}
	for _, name := range []string{"-tenant-id", "-client-id", "-audience", "-authority-host", "-service-connection-id"} {
		arguments[name] = []string{"doctor", name, text}
	}
	return arguments
}

// quietJobs are of both systems, and their log isn't read, so that no command is printed on purpose.
func quietJobs(cloud *azoidctest.Cloud) map[string]map[string]string {
	return map[string]map[string]string{
		"GitHub Actions":  without(cloud.GitHubJob(nil).Env(), "GITHUB_ACTIONS"),
		"Azure Pipelines": without(cloud.PipelinesJob(nil).Env(), "TF_BUILD"),
	}
}

// withoutToken takes the line or the member out that holds an access token, which is printed on purpose.
func withoutToken(output string) string {
	var rest strings.Builder
	for line := range strings.Lines(output) {
		if !strings.HasPrefix(strings.TrimSpace(line), `"accessToken": "eyJ`) && !strings.HasPrefix(line, "eyJ") {
			rest.WriteString(line)
		}
	}
	return rest.String()
}

// What a job's log is told on purpose is told with whatever the texts hold.
func TestHostileTextsInAnnotations(t *testing.T) {
	testbed.NotShort(t, "tries each text in each system")
	t.Parallel()
	for name, text := range testbed.Hostile {
		for system, job := range map[string]map[string]string{
			"GitHub v2":       with(newCloud(nil).GitHubJob(nil).Env(), "GITHUB_ACTIONS", "true"),
			"Azure Pipelines": with(newCloud(nil).PipelinesJob(nil).Env(), "TF_BUILD", "True"),
		} {
			r := run(t, inJob(newCloud(nil), with(job, "AZURE_TENANT_ID", text), "AZURESUBSCRIPTION_TENANT_ID="+text), "doctor", "-tenant-id", text)
			var report strings.Builder
			for line := range strings.Lines(r.stdout) {
				commands := testbed.CICommands(line)
				if len(commands) == 0 {
					report.WriteString(line)
					continue
				}
				require.Len(t, commands, 1, "%s: %q", name, line)
				require.Equal(t, system, commands[0].System)
				require.Contains(t, []string{"error", "warning", "task.logissue", "task.uploadsummary"}, commands[0].Name)
				testbed.RequireHarmless(t, commands[0].Data)
			}
			testbed.RequireHarmless(t, report.String())
		}
	}
}

// raw answers with a status line, headers and a body as they are, which no server of net/http would send.
func raw(status, header, body string) azoidctest.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s", status, len(body), header, body)
	}
}

// inLine is the text as far as a line of HTTP can hold it.
func inLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, text)
}

func document(members map[string]any) string {
	text, _ := json.Marshal(members) // of strings
	return string(text)
}

// hostileAnswers are the modes in which a service tells a text, by leg.
func hostileAnswers(system, text string) map[azoidctest.Leg]map[string]azoidctest.Fault {
	oidc := map[string]azoidctest.Fault{
		"reason phrase":       raw("403 "+inLine(text), "", ""),
		"body":                raw("400 Bad", "", text),
		"JSON that is broken": raw("400 Bad", "", `{"message":"`+text),
		"message":             raw("403 No", "", document(map[string]any{"message": "you can't " + text})),
		"errorMessage":        raw("400 No", "", document(map[string]any{"errorMessage": text})),
		"trace header": raw("403 No", "X-Vss-E2eid: "+inLine(text)+"\r\nX-Github-Request-Id: "+inLine(text)+"\r\nX-Ms-Request-Id: "+inLine(text)+"\r\n",
			`{"message":"no, not that"}`),
		"content type": raw("403 No", "Content-Type: "+inLine(text)+"\r\n", text),
	}
	member := map[string]string{"GitHub Actions": "value", "Azure Pipelines": "oidcToken"}[system]
	for _, claim := range []string{"iss", "sub", "aud", "jti", "job_workflow_ref"} {
		claims := document(map[string]any{claim: text, "exp": time.Now().Add(time.Minute).Unix()})
		oidc["claim "+claim] = raw("200 OK", "", document(map[string]any{member: testbed.JWT(claims)}))
	}
	oidc["token and more"] = raw("200 OK", "", document(map[string]any{member: testbed.JWT(`{}`) + text}))
	refusal := func(name string) azoidctest.Fault {
		members := map[string]any{"error": "invalid_client", "error_codes": []int{700016}, "error_description": "AADSTS700016: no."}
		members[name] = text
		return raw("400 Bad Request", "", document(members))
	}
	entra := map[string]azoidctest.Fault{
		"reason phrase": raw("400 "+inLine(text), "", ""),
		"body":          raw("400 Bad", "", text),
		"request ID":    raw("400 Bad", "X-Ms-Request-Id: "+inLine(text)+"\r\n", document(map[string]any{"error": "invalid_client", "error_description": "AADSTS700016: no."})),
		"error description, with a code": raw("401 No", "", document(map[string]any{"error": "invalid_client",
			"error_description": "AADSTS700016: " + text, "error_codes": []int{700016}})),
		"access token": raw("200 OK", "", document(map[string]any{"access_token": "a.b.c" + text, "token_type": "Bearer", "expires_in": 3600})),
	}
	for _, name := range []string{"error", "error_description", "trace_id", "correlation_id", "timestamp", "error_uri", "suberror"} {
		entra[name] = refusal(name)
	}
	configuration := map[string]azoidctest.Fault{
		"body":              raw("400 Bad", "", text),
		"error description": raw("400 Bad", "", document(map[string]any{"error": "invalid_tenant", "error_description": "AADSTS90002: " + text})),
		"issuer":            raw("200 OK", "", document(map[string]any{"issuer": text, "token_endpoint": "https://login.test/t", "authorization_endpoint": "https://login.test/a"})),
	}
	leg := map[string]azoidctest.Leg{"GitHub Actions": azoidctest.GitHubOIDC, "Azure Pipelines": azoidctest.AzureDevOpsOIDC}[system]
	return map[azoidctest.Leg]map[string]azoidctest.Fault{leg: oidc, azoidctest.EntraToken: entra, azoidctest.EntraOpenIDConfiguration: configuration}
}

// A trial is a run of the shipped command against somebody hostile.
type trial struct {
	name string
	p    *process
}

// Whatever services answer over real sockets, the shipped command's output, its endpoint's answers and its log do nothing in
// a job's log but show.
func TestHostileServicesOfTheShippedCommand(t *testing.T) {
	t.Parallel()
	texts := map[string]string{"all": testbed.FewHostile()["all"]}
	if *exhaustive {
		texts = maps.Clone(testbed.Hostile)
	}
	commands := append(slices.Sorted(maps.Keys(runs)), "endpoint")
	var trials []trial
	turn := 0
	for textName, text := range texts {
		for system := range quietJobs(newCloud(nil)) {
			for leg, modes := range hostileAnswers(system, text) {
				if !*exhaustive && leg != azoidctest.GitHubOIDC && leg != azoidctest.AzureDevOpsOIDC && system != "GitHub Actions" {
					continue // Entra answers both alike
				}
				for _, mode := range slices.Sorted(maps.Keys(modes)) {
					turn++
					command := commands[turn%len(commands)]
					cloud := newServer(t, nil)
					cloud.Fail(leg, modes[mode])
					p := runOf(t, cloud, quietJobs(cloud.Cloud)[system], command)
					if triedAgain[mode] && !*exhaustive {
						p.hasten()
					}
					trials = append(trials, trial{name: fmt.Sprint(textName, " as ", mode, " on ", leg, " in ", command), p: p})
				}
			}
		}
	}
	requireAllHarmless(t, trials)
}

// triedAgain are the modes that make an answer none of HTTP's, or one without a token.
var triedAgain = map[string]bool{"content type": true, "trace header": true, "request ID": true, "access token": true, "issuer": true}

func runOf(t *testing.T, cloud *azoidctest.Server, job map[string]string, command string) *process {
	t.Helper()
	switch {
	case command == "endpoint":
		return inProcess(t, cloud, job, "ask once", "exec")
	case runs[command][0] == "exec":
		return inProcess(t, cloud, job, "nothing", runs[command]...)
	}
	return inProcess(t, cloud, job, "", runs[command]...)
}

// requireAllHarmless runs them, many at a time because they wait for retries.
func requireAllHarmless(t *testing.T, trials []trial) {
	t.Helper()
	type result struct {
		trial
		stdout, stderr string
	}
	results := make(chan result, len(trials))
	at := make(chan struct{}, 24)
	var running sync.WaitGroup
	for _, one := range trials {
		running.Go(func() {
			at <- struct{}{}
			defer func() { <-at }()
			var stdout strings.Builder
			one.p.cmd.Stdout = &stdout
			_ = one.p.cmd.Run() // its status is told elsewhere
			results <- result{one, stdout.String(), one.p.stderr.String()}
		})
	}
	running.Wait()
	close(results)
	var h heard
	for r := range results {
		h.require(t, r.name, withoutToken(r.stdout), r.stderr)
	}
	h.report(t)
}

// Somebody whose certificate nobody trusts, and a proxy, are heard before anything is secret.
func TestHostileNamesAndProxies(t *testing.T) {
	t.Parallel()
	var trials []trial
	texts, commands := map[string]string{"all": testbed.FewHostile()["all"]}, []string{"exec"}
	if *exhaustive {
		texts, commands = testbed.Hostile, []string{"token", "doctor", "exec", "exec, token file"}
	}
	for textName, text := range texts {
		stranger := withNames(t, inASCII(text))
		proxy := refusingProxy(t, inLine(text))
		for _, command := range commands {
			cloud := newServer(t, nil)
			job := quietJobs(cloud.Cloud)["GitHub Actions"]
			named := runOf(t, cloud, with(job, "ACTIONS_ID_TOKEN_REQUEST_URL", stranger+"/oidc?a=b"), command)
			authority := runOf(t, cloud, with(job, "AZURE_AUTHORITY_HOST", stranger), command)
			proxied := runOf(t, cloud, with(with(job, "ACTIONS_ID_TOKEN_REQUEST_URL", "https://ci.test/oidc"), "HTTPS_PROXY", proxy), command)
			for _, p := range []*process{named, authority, proxied} {
				p.hasten() // who can't be reached is tried again
			}
			trials = append(trials,
				trial{name: textName + " as the OIDC endpoint's names in " + command, p: named},
				trial{name: textName + " as Entra's names in " + command, p: authority},
				trial{name: textName + " as the proxy's reason in " + command, p: proxied})
		}
	}
	requireAllHarmless(t, trials)
}

// inASCII is the text as far as a certificate's names can hold it.
func inASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || r == 0 {
			return '?'
		}
		return r
	}, text)
}

// withNames is the address of a server with a certificate for that name, which nobody trusts.
func withNames(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name, name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go answer(listener, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	return "https://localhost:" + fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}

// refusingProxy answers each CONNECT with that reason.
func refusingProxy(t *testing.T, reason string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go answer(listener, func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 407 %s\r\nContent-Length: 0\r\n\r\n", reason)
		}
	})
	return "http://" + listener.Addr().String()
}

func answer(listener net.Listener, each func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			each(conn)
		}()
	}
}
