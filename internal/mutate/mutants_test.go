package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/golden"
	"github.com/azoidc/azoidc/internal/testbed"
)

func TestGoldenMutants(t *testing.T) {
	folder, err := filepath.Abs("testdata")
	require.NoError(t, err)
	mutants, err := mutantsOf(folder, "fixture", filepath.Join(folder, "fixture.txt"))
	require.NoError(t, err)
	original, err := os.ReadFile(filepath.Join(folder, "fixture.txt"))
	require.NoError(t, err)
	var list strings.Builder
	for _, m := range mutants {
		list.WriteString(m.String() + "\n")
		assert.NotEqual(t, string(original), string(m.source), m)
		_, err := parser.ParseFile(token.NewFileSet(), "mutated.go", m.source, 0)
		assert.NoError(t, err, m)
	}
	golden.Require(t, "mutants.golden", list.String())
}

// TestASampleIsRepeatable: a seed finds the same survivors again.
func TestASampleIsRepeatable(t *testing.T) {
	all := make([]mutant, 100)
	for i := range all {
		all[i].line = i
	}
	lines := func(seed uint64, size int) (lines []int) {
		for _, m := range sample(append([]mutant(nil), all...), seed, size) {
			lines = append(lines, m.line)
		}
		return lines
	}
	require.Equal(t, lines(1, 10), lines(1, 10))
	require.NotEqual(t, lines(1, 10), lines(2, 10))
	require.Len(t, lines(1, 0), 100)
	require.Len(t, lines(1, 1000), 100)
}

// TestEquivalentMutantsAreThere: a name in equivalent.txt that is none any more excuses nothing, and may hide something later.
func TestEquivalentMutantsAreThere(t *testing.T) {
	testbed.NotShort(t, "lists all packages")
	tree, err := loadPackages(nil)
	require.NoError(t, err)
	there, files := map[string]bool{}, map[string]bool{}
	for _, p := range tree.packages {
		for _, file := range p.GoFiles {
			mutants, err := mutantsOf(tree.root, p.ImportPath, filepath.Join(p.Dir, file))
			require.NoError(t, err)
			for _, m := range mutants {
				name, _, _ := strings.Cut(m.name, ":")
				there[m.name], there[m.numbered()], files[name] = true, true, true
			}
		}
	}
	require.Greater(t, len(there), 1000)
	for name := range equivalent() {
		if file, _, _ := strings.Cut(name, ":"); files[file] || !isOfOneSystem(file) {
			assert.True(t, there[name], name)
		}
	}
}

func isOfOneSystem(file string) bool {
	for _, system := range []string{"_linux", "_unix", "_windows", "_darwin", "_other"} {
		if strings.HasSuffix(file, system+".go") {
			return true
		}
	}
	return false
}

// TestAllMutantsAreInOneProgram, each to be switched on.
func TestAllMutantsAreInOneProgram(t *testing.T) {
	folder, err := filepath.Abs("testdata")
	require.NoError(t, err)
	mutants, err := mutantsOf(folder, "fixture", filepath.Join(folder, "fixture.txt"))
	require.NoError(t, err)
	original, err := os.ReadFile(filepath.Join(folder, "fixture.txt"))
	require.NoError(t, err)
	trials := make([]trial, len(mutants))
	for i, m := range mutants {
		trials[i] = trial{m, i + 1, "int"}
		_, err := parser.ParseFile(token.NewFileSet(), "alone.go", switched(original, trials[i:i+1]), 0)
		require.NoError(t, err, m)
	}
	program := switched(original, trials)
	_, err = parser.ParseFile(token.NewFileSet(), "switched.go", program, 0)
	require.NoError(t, err)
	golden.Require(t, "switched.golden", string(program))
}
