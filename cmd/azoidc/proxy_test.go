package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"

	"github.com/azoidc/azoidc/internal/ci"
)

func TestNoProxyOnLoopback(t *testing.T) {
	t.Parallel()
	const proxy = "HTTP_PROXY=http://proxy"
	for name, test := range map[string]struct {
		env          ci.Variables
		lower, upper string // no_proxy and NO_PROXY
	}{
		"no proxy":                 {ci.Variables{"NO_PROXY=a"}, "", "a"},
		"nothing":                  {ci.Variables{proxy}, "127.0.0.1", "127.0.0.1"},
		"empty":                    {ci.Variables{proxy, "NO_PROXY= "}, "127.0.0.1", "127.0.0.1"},
		"exceptions":               {ci.Variables{"http_proxy=http://proxy", "NO_PROXY=a,.b"}, "a,.b,127.0.0.1", "a,.b,127.0.0.1"},
		"both spellings":           {ci.Variables{"ALL_PROXY=http://proxy", "NO_PROXY=a", "no_proxy=b"}, "b,127.0.0.1", "a,127.0.0.1"},
		"all":                      {ci.Variables{proxy, "NO_PROXY=*"}, "*", "*"},
		"all in one of them":       {ci.Variables{proxy, "NO_PROXY=*", "no_proxy=a"}, "a,127.0.0.1", "*"},
		"all, in a list":           {ci.Variables{proxy, "NO_PROXY=a,*"}, "a,*,127.0.0.1", "a,*,127.0.0.1"},
		"loopback":                 {ci.Variables{proxy, "NO_PROXY=127.0.0.1"}, "127.0.0.1", "127.0.0.1"},
		"loopback in a list":       {ci.Variables{proxy, "no_proxy=a, 127.0.0.1"}, "a, 127.0.0.1", "a, 127.0.0.1"},
		"loopback, by spaces":      {ci.Variables{proxy, "no_proxy=127.0.0.1 a"}, "127.0.0.1 a", "127.0.0.1 a"},
		"a range":                  {ci.Variables{proxy, "NO_PROXY=127.0.0.0/8"}, "127.0.0.0/8,127.0.0.1", "127.0.0.0/8,127.0.0.1"},
		"a name":                   {ci.Variables{proxy, "NO_PROXY=localhost"}, "localhost,127.0.0.1", "localhost,127.0.0.1"},
		"what only begins like it": {ci.Variables{proxy, "NO_PROXY=127.0.0.10"}, "127.0.0.10,127.0.0.1", "127.0.0.10,127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.lower != test.upper && runtime.GOOS == "windows" {
				t.Skip("there both are one variable")
			}
			child := childEnvironment(test.env, onLoopback, false)
			require.Equal(t, test.lower, exactly(child, "no_proxy"))
			require.Equal(t, test.upper, exactly(child, "NO_PROXY"))
		})
	}
}

var onLoopback = &supply{env: map[string]string{"IDENTITY_ENDPOINT": "http://127.0.0.1:1/MSI/token"}}

// exactly is get, but without what a variable of another spelling has.
func exactly(env ci.Variables, name string) string {
	if runtime.GOOS == "windows" { // where both are one variable
		return env.Get(name)
	}
	for _, variable := range env {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}

// Real clients send what is for the endpoint straight to it, and all else where they sent it before.
func TestRealClientsPastAProxy(t *testing.T) {
	t.Parallel()
	testbed.NotShort(t, "Python takes long to start")
	proxy, itself := saying(t, "the proxy"), saying(t, "itself")
	elsewhere := "http://elsewhere.test" + itself[strings.LastIndex(itself, ":"):]
	var calls []call
	for _, exceptions := range []string{"UNRELATED=", "NO_PROXY=*", "no_proxy=*", "NO_PROXY=internal.test", "no_proxy=elsewhere.test", "NO_PROXY=127.0.0.0/8", "no_proxy=127.0.0.1"} {
		before := ci.Variables{"http_proxy=" + proxy, "HTTP_PROXY=" + proxy, exceptions}
		after := childEnvironment(before, onLoopback, false)
		calls = append(calls, call{after, itself}, call{before, elsewhere}, call{after, elsewhere})
	}
	for name, ask := range map[string]func(*testing.T, []call) []string{"curl": curl, "Python's urllib": python("urllib"), "Python's requests": python("requests")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := ask(t, calls)
			require.Len(t, answers, len(calls))
			for i := 0; i < len(calls); i += 3 {
				require.Equal(t, "itself", answers[i], calls[i].Env)
				require.Equal(t, answers[i+1], answers[i+2], calls[i].Env)
			}
			require.Contains(t, answers, "the proxy", "it does use the proxy for what it isn't told to")
		})
	}
}

// A call is a request for URL by a program with that environment.
type call struct {
	Env ci.Variables
	URL string
}

// saying starts a server that answers with text, as the server itself and as a proxy.
func saying(t *testing.T, text string) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
	t.Cleanup(server.Close)
	return server.URL
}

func curl(t *testing.T, calls []call) (answers []string) {
	if out, err := exec.Command("curl", "--version").CombinedOutput(); err != nil {
		t.Skipf("there is no curl here: %v %s", err, out)
	}
	for _, c := range calls {
		u, err := url.Parse(c.URL)
		require.NoError(t, err)
		cmd := exec.Command("curl", "-sS", "-m", "10", "--resolve", "elsewhere.test:"+u.Port()+":127.0.0.1", c.URL)
		cmd.Env = c.Env
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		answers = append(answers, string(out))
	}
	return answers
}

// pythonCalls resolves elsewhere.test as curl is told to.
const pythonCalls = `
import importlib.util, json, os, socket, sys
if not importlib.util.find_spec(sys.argv[1]):
    sys.exit("there is no " + sys.argv[1] + " here")
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **named: resolve("127.0.0.1" if host == "elsewhere.test" else host, *rest, **named)
import urllib.request
if sys.argv[1] == "requests":
    import requests
for call in json.load(sys.stdin):
    for name in ["http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"]:
        os.environ.pop(name, None)
    os.environ.update(variable.split("=", 1) for variable in call["Env"])
    if sys.argv[1] == "requests":
        print(requests.get(call["URL"], timeout=10).text)
    else:
        print(urllib.request.build_opener().open(call["URL"], timeout=10).read().decode())
`

func python(module string) func(*testing.T, []call) []string {
	return func(t *testing.T, calls []call) []string {
		cmd := exec.Command("python3", "-c", pythonCalls, module)
		input, err := json.Marshal(calls)
		require.NoError(t, err)
		cmd.Stdin = bytes.NewReader(input)
		out, err := cmd.CombinedOutput()
		if errors.Is(err, exec.ErrNotFound) || strings.HasPrefix(string(out), "there is no ") {
			t.Skipf("%v: %s", err, out)
		}
		require.NoError(t, err, "%s", out)
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
}
