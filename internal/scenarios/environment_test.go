package scenarios_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"
)

// unheeded are variables that change nothing a test sees: Windows' name, the folder where Azure Arc is installed, and Go's.
var unheeded = map[string]bool{"OS": true, "ProgramData": true, "GODEBUG": true, "DEBUG_HTTP2_GOROUTINES": true}

// Each variable that the library, azidentity, azcore or MSAL reads is forgotten by tests, and nonsense in CI's step for
// that. An update of theirs may bring new ones.
func TestEachVariableThatIsReadIsForgotten(t *testing.T) {
	testbed.NotShort(t, "go list takes long")
	script, err := os.ReadFile("../../.ci/nonsense")
	require.NoError(t, err)
	names := variablesReadBy(t, "../..")
	require.Contains(t, names, "AZURE_REGIONAL_AUTHORITY_NAME", "azidentity reads it by a constant")
	require.Contains(t, names, "MSAL_FORCE_REGION", "MSAL reads it by its name")
	for name, file := range names {
		if unheeded[name] {
			continue
		}
		require.Contains(t, strings.Fields(string(script)), name, "%s reads it", file)
		t.Setenv(name, "nonsense")
		testbed.OutsideCI(t)
		require.Empty(t, os.Getenv(name), "%s reads it", file)
	}
}

// variablesReadBy are the names that a package and those it is built of hand to os.Getenv and os.LookupEnv, with the file
// that does.
func variablesReadBy(t *testing.T, folder string) map[string]string {
	t.Helper()
	constants, reads := map[string]string{}, map[string]string{}
	for _, file := range sources(t, folder) {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, value := range n.Values {
					constants[nameOf(n.Names[i], file)] = nameOf(value, file)
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "Getenv" || f.Sel.Name == "LookupEnv") {
					reads[nameOf(n.Args[0], file)] = file
				}
			}
			return true
		})
	}
	names := map[string]string{}
	for read, file := range reads {
		if name, err := strconv.Unquote(read); err == nil {
			names[name] = file
		} else if name, err := strconv.Unquote(constants[read]); err == nil {
			names[name] = file
		}
	}
	return names
}

// nameOf is a literal as it's written, or a name with that of its package.
func nameOf(e ast.Expr, file string) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Value
	case *ast.Ident:
		return filepath.Base(filepath.Dir(file)) + "." + e.Name
	case *ast.SelectorExpr:
		if of, ok := e.X.(*ast.Ident); ok {
			return of.Name + "." + e.Sel.Name
		}
	}
	return ""
}

// sources are the files of a package and of those it is built of, but for the standard library's.
func sources(t *testing.T, folder string) (files []string) {
	t.Helper()
	list, err := exec.Command("go", "list", "-deps", "-json=Dir,GoFiles,Standard", folder).Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("no go here")
	}
	require.NoError(t, err)
	packages := json.NewDecoder(strings.NewReader(string(list)))
	for {
		var p struct {
			Dir      string
			GoFiles  []string
			Standard bool
		}
		err := packages.Decode(&p)
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		for _, name := range p.GoFiles {
			if !p.Standard {
				files = append(files, filepath.Join(p.Dir, name))
			}
		}
	}
}
