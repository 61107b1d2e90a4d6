package advice_test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/advice"
)

const (
	clientID = "11111111-2222-3333-4444-555555555555"
	github   = "https://token.actions.githubusercontent.com"
)

func presented(subject string) advice.Presented {
	return advice.Presented{Issuer: github, Subject: subject, Audience: advice.PublicAudience, RepositoryID: "456", RepositoryOwnerID: "123"}
}

// People compare the lines with what they see in the portal.
func TestCommandsAreReadable(t *testing.T) {
	commands := advice.NewFederatedCredential(presented("repo:o/r:environment:production"), advice.PublicAudience).Commands(clientID)
	require.Equal(t, []string{
		`az ad app federated-credential create --id ` + clientID + ` --parameters "{'name':'repo-o-r-environment-production-a70faab7',` +
			`'issuer':'https://token.actions.githubusercontent.com','subject':'repo:o/r:environment:production','audiences':['api://AzureADTokenExchange']}"`,
		`az identity federated-credential create --name repo-o-r-environment-production-a70faab7 --identity-name IDENTITY_NAME --resource-group RESOURCE_GROUP ` +
			`--issuer https://token.actions.githubusercontent.com --subject repo:o/r:environment:production --audiences api://AzureADTokenExchange`,
	}, commands)
	require.Contains(t, advice.NewFederatedCredential(presented("s"), "a").ForApplication(""), "--id CLIENT_ID ")
	require.Contains(t, advice.NewFederatedCredential(presented("s"), "a").ForApplication("a b; c"), "--id 'a b; c' ")
}

var oddSubjects = []string{
	"repo:o/r:environment:a b", "repo:o@1/r@2:ref:refs/heads/main", `it's`, `say "it"`, "$HOME `id` $(id) \\n !!", `%PATH% <&|> ^`, "umläut ☂", `a'b"c$d`,
}

// A shell takes the printed lines as they are meant, and Azure CLI reads the literal as Python does.
func TestAShellTakesTheCommands(t *testing.T) {
	for shell, script := range shells {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skip("no " + shell + " here")
			}
			subjects := slices.DeleteFunc(slices.Clone(oddSubjects), func(s string) bool {
				return shell == "pwsh" && strings.Contains(s, "'") && strings.ContainsAny(s, "\"$`") // Quote says so
			})
			var lines []string
			for _, subject := range subjects {
				c := advice.NewFederatedCredential(presented(subject), advice.PublicAudience)
				lines = append(lines, c.ForApplication(clientID), c.ForManagedIdentity())
			}
			calls := callsOf(t, path, script, lines)
			require.Len(t, calls, 2*len(subjects))
			for i, subject := range subjects {
				c := advice.NewFederatedCredential(presented(subject), advice.PublicAudience)
				app, identity := calls[2*i], calls[2*i+1]
				require.Equal(t, []string{"ad", "app", "federated-credential", "create", "--id", clientID, "--parameters"}, app[:7])
				require.Equal(t, "{'name':'"+c.Name+"','issuer':'"+c.Issuer+"','subject':'"+subject+"','audiences':['"+c.Audience+"']}", asPython(app[7]))
				require.Equal(t, subject, identity[12], shell)
			}
		})
	}
}

// The scripts print each argument of az on a line of its own, and endOfCall after them.
var shells = map[string]string{
	"sh":   "az() { printf '%s\\n' \"$@\" " + endOfCall + "; }\n",
	"bash": "az() { printf '%s\\n' \"$@\" " + endOfCall + "; }\n",
	"pwsh": "function az { $args | ForEach-Object { $_ }; '" + endOfCall + "' }\n",
}

const endOfCall = "END-OF-CALL"

// callsOf has the shell run all lines at once, for a shell takes long to start, and returns what az was called with.
func callsOf(t *testing.T, shell, script string, lines []string) (calls [][]string) {
	t.Helper()
	option := "-c"
	if strings.Contains(shell, "pwsh") {
		option = "-Command"
	}
	out, err := exec.Command(shell, option, script+strings.Join(lines, "\n")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for call := range strings.SplitSeq(strings.TrimSuffix(strings.ReplaceAll(string(out), "\r\n", "\n"), endOfCall+"\n"), endOfCall+"\n") {
		calls = append(calls, strings.Split(strings.TrimSuffix(call, "\n"), "\n"))
	}
	return calls
}

var escape = regexp.MustCompile(`\\u00([0-9a-f]{2})|\\'`)

// asPython undoes the escapes of a Python string.
func asPython(text string) string {
	return escape.ReplaceAllStringFunc(text, func(e string) string {
		if e == `\'` {
			return "'"
		}
		var b byte
		for _, digit := range e[4:] {
			b = b<<4 | byte(strings.IndexRune("0123456789abcdef", digit))
		}
		return string(rune(b))
	})
}

func TestPythonReadsTheLiteral(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	// -S and -E: without what is installed, which takes long to find
	arguments := []string{"-S", "-E", "-c", `import ast,sys; sys.stdout.buffer.write("\n".join(ast.literal_eval(a)["subject"] for a in sys.argv[1:]).encode())`}
	for _, subject := range oddSubjects {
		line := advice.NewFederatedCredential(presented(subject), advice.PublicAudience).ForApplication(clientID)
		_, literal, _ := strings.Cut(line, "--parameters ")
		arguments = append(arguments, strings.Trim(literal, `"`))
	}
	out, err := exec.Command(python, arguments...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, oddSubjects, strings.Split(string(out), "\n"))
}

// TestNamesKeepTheRules of Microsoft Graph and Azure Resource Manager, and are each subject's own.
func TestNamesKeepTheRules(t *testing.T) {
	rule := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$`)
	seen := map[string]string{}
	for _, subject := range append([]string{
		"", "a", "ab", "abc", "-abc", "repo:o/r", "repo:o-r", "repo:o/r:ref:refs/heads/main", "repo:o/r:ref:refs/heads-main", "☂", "☃☃☃", "---",
		strings.Repeat("x", 120), strings.Repeat("x", 121), strings.Repeat("x", 122), strings.Repeat("x-", 200),
		"/eid1/c/pub/t/-_AAAA/a/BBBB/sc/1/2",
	}, oddSubjects...) {
		name := advice.NewFederatedCredential(presented(subject), "a").Name
		require.Regexp(t, rule, name, "of %q", subject)
		require.NotContains(t, seen, name, "%q and %q", subject, seen[name])
		seen[name] = subject
	}
	for subject, fits := range map[string]bool{
		"my-workload_1": true, "azAZ09-_z": true, "abc": true, strings.Repeat("x", 120): true,
		"ab": false, strings.Repeat("x", 121): false, "a/b": false, "a:b": false, "a@b": false, "a[b": false, "a`b": false, "a{b": false, "-abc": false, "abc_": false,
	} {
		name := advice.NewFederatedCredential(presented(subject), "a").Name
		require.Equal(t, fits, name == subject, subject)
	}
	require.Equal(t, strings.Repeat("x", 111), advice.NewFederatedCredential(presented(strings.Repeat("x", 200)), "a").Name[:111], "as much as fits")
	require.Len(t, advice.NewFederatedCredential(presented(strings.Repeat("x", 200)), "a").Name, 120)
	one := advice.NewFederatedCredential(advice.Presented{Issuer: "https://a", Subject: "s:1"}, "a")
	other := advice.NewFederatedCredential(advice.Presented{Issuer: "https://b", Subject: "s:1"}, "a")
	require.NotEqual(t, one.Name, other.Name)
}

// TestAGUIDIsNeverRegistered: Entra refuses it with AADSTS700214, and takes such tokens for its URI.
func TestAGUIDIsNeverRegistered(t *testing.T) {
	for _, audience := range []string{"api://AzureADTokenExchange", "api://AzureADTokenExchangeUSGov", "api://AzureADTokenExchangeChina"} {
		for presented, want := range map[string]string{
			"fb60f99c-7a34-4190-8149-302f77469936": audience, "FB60F99C-7A34-4190-8149-302F77469936": audience, "": audience,
			"api://mine": "api://mine", "https://github.com/octo-org": "https://github.com/octo-org",
		} {
			require.Equal(t, want, advice.NewFederatedCredential(advice.Presented{Audience: presented}, audience).Audience)
		}
	}
}
