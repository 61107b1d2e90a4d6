package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/outbound"
	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/internal/testbed"
)

// roleVariable makes this test binary play a command that azoidc exec runs, see role_test.go.
const roleVariable = "AZOIDC_TEST_ROLE"

// hastyVariable makes this test binary azoidc itself, but for that it doesn't wait before it tries again.
const hastyVariable = "AZOIDC_TEST_HASTY"

// binaryVariable names the command where it was built already, for there may be no Go where the tests run.
const binaryVariable = "AZOIDC_TEST_BINARY"

// folder is what processes of several tests read, "" with -short.
var folder string

// binary is the command, built once, without the race detector: it runs as it's shipped. With -short there is none.
var binary string

func TestMain(m *testing.M) {
	if os.Getenv(hastyVariable) != "" {
		_ = os.Unsetenv(hastyVariable) // a command has the role
		os.Exit(hasty())
	}
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	testbed.ForgetEnvironment()
	testbed.CollectLess()
	flag.Parse()
	if testing.Short() {
		os.Exit(m.Run())
	}
	os.Exit(runTests(m))
}

// hasty is main.
func hasty() int {
	p := program{env: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	p.client.Retry = policy.RetryOptions{RetryDelay: time.Millisecond, MaxRetryDelay: time.Millisecond}
	p.keepSecretsInside()
	return p.run(context.Background(), os.Args[1:])
}

func runTests(m *testing.M) int {
	if err := flag.Set("test.parallel", "40"); err != nil { // they wait for processes more than they compute
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var err error
	if folder, err = os.MkdirTemp("", "azoidc-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if binary = os.Getenv(binaryVariable); binary != "" {
		return m.Run()
	}
	binary = filepath.Join(folder, "azoidc")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	build := exec.Command("go", "build", "-p", "1", "-ldflags=-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s%v\n", out, err)
		return 1
	}
	return m.Run()
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args   []string
		stderr string
	}{
		"nothing":                {nil, "a command is missing"},
		"unknown command":        {[]string{"login"}, `no command "login"`},
		"flag without value":     {[]string{"exec", "-scope"}, "-scope"},
		"empty scope":            {[]string{"exec", "-scope", " ", "--", "true"}, "a scope is something like"},
		"exec of nothing":        {[]string{"exec", "-token-file", "--"}, "a command to run is missing"},
		"file and endpoint":      {[]string{"exec", "-token-file", "-request-endpoint", "--", "true"}, "-token-file serves nothing"},
		"file and identities":    {[]string{"exec", "-token-file", "-identity", "a=b", "--", "true"}, "-token-file is for one identity"},
		"audience of nothing":    {[]string{"exec", "-allow-audience", "a", "--", "true"}, "-request-endpoint, which is missing"},
		"empty audience":         {[]string{"exec", "-allow-audience", "", "--", "true"}, "an audience is something like"},
		"nameless identity":      {[]string{"exec", "-identity", "=b", "--", "true"}, "an identity is something like"},
		"identity without ID":    {[]string{"exec", "-identity", "a", "--", "true"}, "an identity is something like"},
		"identity's setting":     {[]string{"exec", "-identity", "a=b,region=c", "--", "true"}, "tenant=ID and service-connection=ID"},
		"identity's tenant":      {[]string{"exec", "-identity", "a=b,tenant=", "--", "true"}, "tenant=ID and service-connection=ID"},
		"assertion of what":      {[]string{"assertion", "github"}, `unexpected argument "github"`},
		"token without scope":    {[]string{"token", "-o", "raw"}, "exactly one -scope"},
		"token for two scopes":   {[]string{"token", "-scope", "a", "-scope", "b"}, "exactly one -scope"},
		"token with argument":    {[]string{"token", "-scope", "a", "b"}, `unexpected argument "b"`},
		"token in another form":  {[]string{"token", "-scope", "a", "-o", "yaml"}, "one of json, raw"},
		"containers of a file":   {[]string{"exec", "-container", "-token-file", "--", "true"}, "-token-file has none"},
		"start with argument":    {[]string{"start", "x"}, `unexpected argument "x"`},
		"start for no time":      {[]string{"start", "-for", "0s"}, "-for is a time"},
		"start of two ways":      {[]string{"start", "-token-file", "-container"}, "-token-file has none"},
		"start by no name":       {[]string{"start", "-name", "../x"}, "letters, digits"},
		"start in another form":  {[]string{"start", "-o", "yaml"}, "one of github, azure, sh, powershell, json"},
		"stop with argument":     {[]string{"stop", "x"}, `unexpected argument "x"`},
		"status with argument":   {[]string{"status", "x"}, `unexpected argument "x"`},
		"version with argument":  {[]string{"version", "x"}, `unexpected argument "x"`},
		"doctor with argument":   {[]string{"doctor", "me"}, `unexpected argument "me"`},
		"doctor in another form": {[]string{"doctor", "-o", "raw"}, "one of text, json, markdown"},
	} {
		t.Run(name, func(t *testing.T) {
			want, command := exitUsage, ""
			if len(test.args) > 1 {
				command = test.args[0] + " "
			}
			if command == "exec " {
				want = exitExecFailed
			}
			r := run(t, offline(), test.args...)
			require.Equal(t, want, r.status)
			require.Contains(t, r.stderr, test.stderr)
			require.Contains(t, r.stderr, "Run 'azoidc "+command+"-h' for help.")
			require.Empty(t, r.stdout)
		})
	}
	require.Equal(t, io.Discard, newFlagSet("token").Output(), "it would say that, too, past the gate")
}

var commands = []string{"exec", "start", "stop", "status", "version", "token", "assertion", "doctor"}

func TestUnknownFlags(t *testing.T) {
	t.Parallel()
	for _, command := range commands {
		want := result{
			status: exitUsage,
			stderr: "azoidc: flag provided but not defined: -subscription\nRun 'azoidc " + command + " -h' for help.\n",
		}
		if command == "exec" {
			want.status = exitExecFailed
		}
		require.Equal(t, want, run(t, offline(), command, "-subscription"))
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	common := []string{"-tenant-id", "-client-id", "-service-connection-id", "-audience", "-authority-host", "-assertion-command", "-assertion-file"}
	for command, own := range map[string][]string{
		"exec":      {"-scope", "-identity=a=b", "-allow-audience"},
		"start":     {"-scope", "-identity=a=b", "-allow-audience", "-name", "-for=1h", "-o=sh"},
		"token":     {"-scope", "-o=json"},
		"assertion": {},
		"doctor":    {"-scope", "-o=text"},
	} {
		switches := []string{"-disable-instance-discovery"}
		if command == "exec" || command == "start" {
			switches = append(switches, "-token-file", "-keep-request-token", "-container", "-request-endpoint")
		}
		if command == "doctor" {
			switches = append(switches, "-probe")
		}
		for _, h := range []string{"-h", "-help", "--help"} {
			args := []string{command}
			for _, name := range slices.Concat(common, own) {
				args = append(args, name)
				if !strings.Contains(name, "=") {
					args = append(args, "x")
				}
			}
			r := run(t, offline(), append(append(args, switches...), h)...)
			require.Equal(t, exitWell, r.status, r.stderr)
			require.Empty(t, r.stderr)
			for _, name := range slices.Concat(common, own, switches) {
				name, _, _ = strings.Cut(name, "=")
				require.Contains(t, r.stdout, "\n  "+name+" ", command)
			}
		}
	}
	for _, command := range commands {
		r := run(t, offline(), command, "-h")
		require.Equal(t, result{status: exitWell, stdout: usage(command)}, r)
		require.Contains(t, r.stdout, "azoidc "+command)
	}
	for _, h := range []string{"help", "-h", "-help", "--help"} {
		r := run(t, offline(), h)
		require.Equal(t, exitWell, r.status)
		require.Contains(t, r.stdout, "azoidc exec      [common]")
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// What can't be written isn't well, though all else is.
func TestStdoutIsBroken(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	job := without(cloud.GitHubJob(nil).Env(), "GITHUB_ACTIONS")
	for _, args := range [][]string{
		{"-h"}, {"version"}, {"assertion"}, {"token", "-scope", vaultScope}, {"token", "-scope", vaultScope, "-o", "raw"},
		{"doctor", "-scope", vaultScope}, {"doctor", "-scope", vaultScope, "-o", "json"}, {"doctor", "-scope", vaultScope, "-o", "markdown"},
	} {
		p := inJob(cloud, job)
		require.Equal(t, exitWell, run(t, p, args...).status, args)
		var stderr strings.Builder
		p.stdout, p.stderr = brokenPipe{}, &stderr
		require.Equal(t, exitNotWell, p.run(t.Context(), args), args)
		require.Equal(t, "azoidc: broken pipe\n", stderr.String(), args)
	}
}

// Who writes through the gate learns that all was written, however much of it the gate has kept.
func TestGated(t *testing.T) {
	t.Parallel()
	const text = "it was secret-token"
	var written strings.Builder
	n, err := gated{&written, redact.Against("secret-token")}.Write([]byte(text))
	require.NoError(t, err)
	require.Equal(t, len(text), n)
	require.NotContains(t, written.String(), "secret-token")
	n, err = gated{brokenPipe{}, redact.Against()}.Write([]byte(text))
	require.EqualError(t, err, "broken pipe")
	require.Zero(t, n)
}

// The tokens by which a job requests others are kept back wherever they turn up, of every system. What no system has filled in is told.
func TestTheJobsTokensAreKeptBack(t *testing.T) {
	t.Parallel()
	for _, system := range ci.Systems() {
		for token, shown := range map[string]bool{"opaque-request-token": false, "$(System.AccessToken)": true} {
			p := offline()
			p.env = ci.Variables{system.RequestToken + "=" + token}
			r := run(t, p, "version", token)
			require.Equal(t, exitUsage, r.status)
			require.Equal(t, shown, strings.Contains(r.stderr, token), r.stderr)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	requireBinary(t)
	for _, flag := range []string{"version", "-version", "--version"} {
		output, err := exec.Command(binary, flag).Output()
		require.NoError(t, err)
		require.Regexp(t, `^azoidc v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(, commit [0-9a-f]{40}( with changes)?)?, `+
			runtime.Version()+", "+runtime.GOOS+"/"+runtime.GOARCH+"\n$", string(output))
	}
}

func TestVersionText(t *testing.T) {
	t.Parallel()
	for want, build := range map[string]outbound.Build{
		"azoidc v1.2.3":                          {Version: "v1.2.3"},
		"azoidc v1.2.3, commit abc":              {Version: "v1.2.3", Commit: "abc"},
		"azoidc v1.2.3, commit abc with changes": {Version: "v1.2.3", Commit: "abc", Modified: true},
	} {
		require.Equal(t, want, versionText(build))
	}
}

// What only azoidc starts says so to who starts it.
func TestInBackgroundByHand(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "", inBackground)
	status, _ := p.run()
	require.Equal(t, exitNotWell, status)
	require.Contains(t, p.stderr.String(), "run 'azoidc start'")
}

func TestJSONIsForPeople(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	require.NoError(t, writeJSON(&text, map[string]string{"a": "<b> & c"}))
	require.Equal(t, "{\n  \"a\": \"<b> & c\"\n}\n", text.String())
}
