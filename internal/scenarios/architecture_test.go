package scenarios_test

import (
	"go/build"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"
)

const module = "github.com/azoidc/azoidc"

// mayImport is the direction of dependencies that docs/architecture.md tells of: each package of this module with those of
// it that its code, not its tests, may import. "" is the root.
var mayImport = map[string][]string{
	"": {"internal/advice", "internal/ci", "internal/msal", "internal/outbound", "internal/proc",
		"internal/redact", "internal/retry", "internal/tokencache"},

	"internal/advice":                {"internal/ci", "internal/redact"},
	"internal/ci":                    {},
	"internal/outbound":              {"internal/redact"},
	"internal/golden":                {},
	"internal/mutate":                {},
	"internal/msal":                  {"internal/outbound"},
	"internal/proc":                  {},
	"internal/redact":                {},
	"internal/retry":                 {"internal/outbound"},
	"internal/tokencache":            {"internal/outbound", "internal/redact", "internal/retry"},
	"cmd/azoidc/internal/login":      {"", "internal/advice", "internal/ci", "internal/outbound", "internal/proc", "internal/redact"},
	"cmd/azoidc/internal/background": {"internal/ci", "internal/proc", "internal/redact"},

	"internal/testbed":   {},
	"internal/testkit":   {"", "azoidctest", "internal/testbed"},
	"internal/scenarios": {},

	"azoidctest":  {},
	"tokenserver": {"internal/redact"},

	"cmd/azoidc": {"", "tokenserver", "internal/advice", "cmd/azoidc/internal/background", "internal/ci",
		"cmd/azoidc/internal/login", "internal/outbound", "internal/proc", "internal/redact"},
	"examples/*": {"", "azoidctest", "internal/ci", "internal/redact"},
}

// TestDependenciesPointOneWay reads the imports of every package in this module.
func TestDependenciesPointOneWay(t *testing.T) {
	testbed.NotShort(t, "reads every package, for three systems")
	seen := 0
	for _, dir := range packages(t) {
		allowed, known := rule(dir)
		require.True(t, known, "%s has no place in the architecture: give it one here and in docs/architecture.md", dir)
		for _, system := range []string{"linux", "windows", "darwin"} {
			for _, imported := range importsOf(t, dir, system) {
				require.Contains(t, allowed, imported, "%s may not import %s", dir, imported)
				seen++
			}
		}
	}
	require.Greater(t, seen, 20, "imports were read")
}

// TestTheRootIsSmall: its file list is the architecture, so that a new file there is a decision.
func TestTheRootIsSmall(t *testing.T) {
	files, err := filepath.Glob("../../*.go")
	require.NoError(t, err)
	var sources []string
	for _, file := range files {
		name := filepath.Base(file)
		source, isTest := strings.CutSuffix(name, "_test.go")
		if !isTest {
			sources = append(sources, name)
		} else if source != "example" && source != "bench" {
			require.Contains(t, files, filepath.FromSlash("../../"+source+".go"), "%s tests no file of the root", name)
		}
	}
	require.Equal(t, []string{"aadsts.go", "assertion.go", "azuredevops.go", "cache.go", "claims.go", "credential.go", "default.go",
		"doc.go", "endpoint.go", "errors.go", "exchange.go", "github.go", "onbehalfof.go", "outcome.go", "scopes.go"}, sources)
}

// TestTheCommandIsWhatItsFilesSay: what isn't a command, or what commands share, is a package with an idea of its own; and what
// differs between systems is in one of those.
func TestTheCommandIsWhatItsFilesSay(t *testing.T) {
	files, err := filepath.Glob("../../cmd/azoidc/*.go")
	require.NoError(t, err)
	var sources []string
	for _, file := range files {
		if name := filepath.Base(file); !strings.HasSuffix(name, "_test.go") {
			sources = append(sources, name)
		}
	}
	require.Equal(t, []string{"doctor.go", "environment.go", "exec.go", "flags.go", "handout.go", "main.go", "resident.go", "start.go",
		"status.go", "stop.go", "supply.go", "tally.go", "token.go", "usage.go"}, sources)
}

func rule(dir string) ([]string, bool) {
	for pattern, allowed := range mayImport {
		if matches, err := path.Match(pattern, dir); err == nil && matches {
			return allowed, true
		}
	}
	return nil, false
}

// packages are the folders of this module that hold Go; a folder with a go.mod is another module's.
func packages(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir("../..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		dir := strings.TrimPrefix(strings.TrimPrefix(filepath.ToSlash(name), "../.."), "/")
		if nested, _ := filepath.Glob(filepath.Join(name, "go.mod")); dir != "" && len(nested) > 0 || strings.HasPrefix(entry.Name(), ".") && dir != "" || dir == "vendor" {
			return filepath.SkipDir
		}
		if sources, _ := filepath.Glob(filepath.Join(name, "*.go")); len(sources) > 0 {
			found = append(found, dir)
		}
		return nil
	})
	require.NoError(t, err)
	require.Contains(t, found, "internal/tokencache")
	return found
}

func importsOf(t *testing.T, dir, system string) []string {
	t.Helper()
	context := build.Default
	context.GOOS = system
	pkg, err := context.ImportDir(filepath.Join("../..", filepath.FromSlash(dir)), 0)
	if _, empty := err.(*build.NoGoError); !empty { // a folder of tests only
		require.NoError(t, err)
	}
	var ours []string
	for _, imported := range pkg.Imports {
		if imported == module {
			ours = append(ours, "")
		} else if inside, ok := strings.CutPrefix(imported, module+"/"); ok {
			ours = append(ours, inside)
		}
	}
	slices.Sort(ours)
	return ours
}

// TestTheServersAreSmall: a new file in the local cloud or in the token server is a decision, too.
func TestTheServersAreSmall(t *testing.T) {
	for dir, want := range map[string][]string{
		"azoidctest": {"application.go", "azure.go", "azuredevops.go", "blobstorage.go", "cloud.go", "doc.go", "entra.go", "fault.go", "github.go",
			"grant.go", "guid.go", "handler.go", "issuer.go", "journal.go", "keyvault.go", "reset.go", "reset_plan9.go", "resourcemanager.go",
			"route.go", "server.go", "service.go", "transport.go", "usualkey.go"},
		"tokenserver": {"admission.go", "answer.go", "connections.go", "connections_other.go", "connections_unix.go", "doc.go", "handler.go",
			"identities.go", "managedidentity.go", "protocol.go", "server.go"},
	} {
		files, err := filepath.Glob(filepath.Join("../..", dir, "*.go"))
		require.NoError(t, err)
		var sources []string
		for _, file := range files {
			if name := filepath.Base(file); !strings.HasSuffix(name, "_test.go") {
				sources = append(sources, name)
			}
		}
		require.Equal(t, want, sources, dir)
	}
}
