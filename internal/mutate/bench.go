package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// A bench is where mutants are tried.
type bench struct {
	tree   *tree
	folder string
	trials map[place]trial
	suites map[string]*suite
}

// newBench prepares folder for trying those mutants.
func newBench(tree *tree, mutants []mutant, folder string) (*bench, []mutant, error) {
	b := &bench{tree: tree, folder: folder, trials: map[place]trial{}, suites: map[string]*suite{}}
	check := newChecker(tree.exports)
	names := map[string]*listed{}
	for _, p := range tree.packages {
		names[p.ImportPath] = p
	}
	var valid []mutant
	files := map[string][]trial{}
	for _, m := range mutants {
		if check.packages[m.pkg] == nil {
			if err := check.add(names[m.pkg]); err != nil {
				return nil, nil, err
			}
		}
		if !check.compiles(m.pkg, m.file, m.source) {
			continue
		}
		valid = append(valid, m)
		t := trial{m, len(valid), check.typeOf(m)}
		source, err := os.ReadFile(m.file)
		if err != nil {
			return nil, nil, err
		}
		if check.compiles(m.pkg, m.file, switched(source, []trial{t})) {
			files[m.file], b.trials[m.where()] = append(files[m.file], t), t
		}
	}
	overlay, err := b.overlay(files, check)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range valid {
		for _, pkg := range append([]string{m.pkg}, tree.dependents[m.pkg]...) {
			if b.suites[pkg] == nil {
				b.suites[pkg] = newSuite(tree.root, pkg, overlay, filepath.Join(folder, fmt.Sprintf("%d.test", len(b.suites))))
			}
		}
	}
	return b, valid, nil
}

// overlay writes the sources with all trials in them.
func (b *bench) overlay(files map[string][]trial, check *checker) (string, error) {
	o := newOverlay(b.folder)
	for file, trials := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		if err := o.replace(file, switched(source, trials)); err != nil {
			return "", err
		}
		helper := filepath.Join(filepath.Dir(file), "the_mutant.go")
		if o.Replace[helper] == "" {
			if err := o.replace(helper, helperOf(check.packages[trials[0].pkg].named)); err != nil {
				return "", err
			}
		}
	}
	return o.write()
}

func (o *overlay) write() (string, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return "", err
	}
	file := filepath.Join(o.folder, "overlay.json")
	return file, os.WriteFile(file, text, 0o600)
}

// A run is of one package's tests: those that -short leaves, or all.
type run struct {
	suite *suite
	mode  *mode
}

// own are the tests of m's package, and quick are those of them that -short leaves.
func (b *bench) own(m mutant) []run   { return b.runs([]string{m.pkg}) }
func (b *bench) quick(m mutant) []run { return b.own(m)[:1] }

// dependents are those of the packages that depend on m's.
func (b *bench) dependents(m mutant) []run { return b.runs(b.tree.dependents[m.pkg]) }

func (b *bench) runs(packages []string) []run {
	var short, long []run
	for _, pkg := range packages {
		if s := b.suites[pkg]; s != nil {
			short = append(short, run{s, &s.modes[0]})
			if s.leavesOut() {
				long = append(long, run{s, &s.modes[1]})
			}
		}
	}
	return append(short, long...)
}

// try tells whether a test finds m.
func (b *bench) try(m mutant, runs []run) (bool, error) {
	trial, ok := b.trials[m.where()]
	if !ok {
		return b.tryAlone(m, runs)
	}
	for _, r := range runs {
		if killed, err := r.suite.kills(r.mode, trial.number); killed || err != nil {
			return killed, err
		}
	}
	return false, nil
}

// tryAlone is for what can't be switched on: all is compiled for it.
func (b *bench) tryAlone(m mutant, runs []run) (bool, error) {
	folder, err := os.MkdirTemp(b.folder, "alone")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(folder)
	o := newOverlay(folder)
	if err := o.replace(m.file, m.source); err != nil {
		return false, err
	}
	overlay, err := o.write()
	if err != nil {
		return false, err
	}
	for _, r := range runs {
		args := []string{"test", "-overlay", overlay, "-failfast", "-vet=off", "-timeout", "2m", r.suite.pkg}
		if r.mode.short {
			args = append(args, "-short")
		}
		command := exec.Command("go", args...)
		command.Dir, command.Env = b.tree.root, append(os.Environ(), overlaid(overlay))
		setApart(command)
		if command.Run() != nil {
			return true, nil
		}
	}
	return false, nil
}

// A place tells mutants apart.
type place struct {
	file   string
	number int
}

func (m mutant) where() place { return place{m.file, m.place} }
