package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A tree is the packages of the module.
type tree struct {
	root       string
	packages   []*listed           // to be mutated
	dependents map[string][]string // by import path: the packages whose tests run it, itself left out
	exports    map[string]string   // by import path: the file that tells a compiler what it has
}

// listed is what `go list -json` tells of a package.
type listed struct {
	ImportPath, Dir string
	GoFiles         []string
	Deps            []string
	Export          string
	Module          *struct{ Dir string }
}

const module = "github.com/azoidc/azoidc"

// users is what users run: not what only tests use.
var users = []string{module, module + "/internal/...", module + "/tokenserver", module + "/cmd/..."}

// aids are packages that only tests and authors run.
var aids = []string{"golden", "mutate", "scenarios", "testbed", "testkit"}

// load lists the packages.
func load(patterns []string) (*tree, error) {
	t, err := loadPackages(patterns)
	if err != nil {
		return nil, err
	}
	needed := append([]string{"-export", "-deps", "-json=ImportPath,Export"}, helperImports...)
	for _, p := range t.packages {
		needed = append(needed, p.ImportPath)
	}
	all, err := list(needed...)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		t.exports[p.ImportPath] = p.Export
	}
	tests, err := list("-test", "-json=ImportPath,Deps", module+"/...")
	if err != nil {
		return nil, err
	}
	for _, test := range tests {
		tested, isTest := strings.CutSuffix(test.ImportPath, ".test")
		if !isTest || knowsNothingMore(tested) {
			continue
		}
		for _, dep := range test.Deps {
			if dep, _, _ = strings.Cut(dep, " "); dep != tested && !slices.Contains(t.dependents[dep], tested) {
				t.dependents[dep] = append(t.dependents[dep], tested)
			}
		}
	}
	for _, dependents := range t.dependents {
		slices.SortFunc(dependents, before)
	}
	return t, nil
}

// loadPackages lists those to be mutated only.
func loadPackages(patterns []string) (*tree, error) {
	if len(patterns) == 0 {
		patterns = users
	}
	wanted, err := list(append([]string{"-json=ImportPath,Dir,GoFiles,Module"}, patterns...)...)
	if err != nil {
		return nil, err
	}
	if len(wanted) == 0 {
		return nil, errors.New("no packages")
	}
	t := &tree{root: wanted[0].Module.Dir, dependents: map[string][]string{}, exports: map[string]string{}}
	for _, p := range wanted {
		if !slices.Contains(aids, filepath.Base(p.Dir)) {
			t.packages = append(t.packages, p)
		}
	}
	return t, nil
}

func list(args ...string) ([]*listed, error) {
	command := exec.Command("go", append([]string{"list"}, args...)...)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []*listed
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		p := new(listed)
		switch err := decoder.Decode(p); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, p)
	}
}

// dependents' order is this: first those that know most in the least time.
func before(a, b string) int { return cmp.Or(cmp.Compare(haste(a), haste(b)), cmp.Compare(a, b)) }

func haste(pkg string) int {
	switch pkg {
	case module:
		return 0
	case module + "/internal/scenarios":
		return 1
	case module + "/cmd/azoidc":
		return 3
	}
	return 2
}

// knowsNothingMore is for examples, which run what other tests run, more slowly.
func knowsNothingMore(pkg string) bool { return strings.HasPrefix(pkg, module+"/examples/") }
