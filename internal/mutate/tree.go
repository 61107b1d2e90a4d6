package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A tree is the packages of the module.
type tree struct {
	root       string
	packages   []*listed           // to be mutated
	dependents map[string][]string // by import path: the packages whose tests run it, itself left out
}

// listed is what `go list -json` tells of a package.
type listed struct {
	ImportPath, Dir string
	GoFiles         []string
	Deps            []string
	Module          *struct{ Dir string }
}

const module = "github.com/azoidc/azoidc"

// users is what users run: not what only tests use.
var users = []string{module, module + "/internal/...", module + "/tokenserver", module + "/cmd/..."}

// aids are packages that only tests and authors run.
var aids = []string{"golden", "mutate", "scenarios", "testkit"}

// load lists the packages.
func load(patterns []string) (*tree, error) {
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
	t := &tree{root: wanted[0].Module.Dir, dependents: map[string][]string{}}
	for _, p := range wanted {
		if !slices.Contains(aids, filepath.Base(p.Dir)) {
			t.packages = append(t.packages, p)
		}
	}
	tests, err := list("-test", "-json=ImportPath,Deps", module+"/...")
	if err != nil {
		return nil, err
	}
	for _, test := range tests {
		tested, isTest := strings.CutSuffix(test.ImportPath, ".test")
		if !isTest {
			continue
		}
		for _, dep := range test.Deps {
			if dep, _, _ = strings.Cut(dep, " "); dep != tested && !slices.Contains(t.dependents[dep], tested) {
				t.dependents[dep] = append(t.dependents[dep], tested)
			}
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

// An outcome is what became of a mutant.
type outcome int

const (
	survived outcome = iota
	killed
	invalid // it doesn't compile
)

// patience is how long tests may take; a mutant may well hang.
const patience = 3 * time.Minute

// try tests the tree with m in it.
func (t *tree) try(m mutant) outcome {
	folder, err := os.MkdirTemp("", "mutate")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	mutated, overlay := filepath.Join(folder, "mutated.go"), filepath.Join(folder, "overlay.json")
	replacement, err := json.Marshal(map[string]map[string]string{"Replace": {m.file: mutated}})
	if err != nil {
		panic(err)
	}
	for name, content := range map[string][]byte{mutated: m.source, overlay: replacement} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			panic(err)
		}
	}
	if !t.run("build", "-overlay", overlay, m.pkg) {
		return invalid
	}
	if !t.run("test", "-overlay", overlay, "-short", "-failfast", "-vet=off", "-timeout", patience.String(), m.pkg) {
		return killed
	}
	if !t.run(append([]string{"test", "-overlay", overlay, "-failfast", "-vet=off", "-timeout", patience.String(), m.pkg}, t.dependents[m.pkg]...)...) {
		return killed
	}
	return survived
}

// run tells whether a go command succeeds.
func (t *tree) run(args ...string) bool {
	command := exec.Command("go", args...)
	command.Dir = t.root
	return command.Run() == nil
}
