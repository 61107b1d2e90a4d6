package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A suite is the tests of one package, in a program that has all trials.
type suite struct {
	pkg, dir string
	binary   string
	env      []string // of the test program, for what it builds and starts
	made     func() error
	modes    [2]mode
}

// A mode is the tests with -short, or all.
type mode struct {
	short bool
	once  func() error
	// What a run without a mutant has shown:
	took    time.Duration
	reached map[int]bool
	failing string // a pattern of tests that fail even so
}

func newSuite(root, pkg, overlay, binary string) *suite {
	s := &suite{pkg: pkg, binary: binary, env: append(os.Environ(), overlaid(overlay))}
	s.dir = filepath.Join(root, filepath.FromSlash(strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/")))
	s.made = sync.OnceValue(func() error {
		command := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, pkg)
		command.Dir = root
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", pkg, err, output)
		}
		return s.makeCommand()
	})
	for i := range s.modes {
		m := &s.modes[i]
		m.short = i == 0
		m.once = sync.OnceValue(func() error { return s.try(m) })
	}
	return s
}

// overlaid makes what tests build have the trials, too.
func overlaid(overlay string) string {
	return "GOFLAGS=" + os.Getenv("GOFLAGS") + " -overlay=" + overlay
}

// makeCommand builds the command that cmd/azoidc's tests start, which they would build at each run.
func (s *suite) makeCommand() error {
	if s.pkg != module+"/cmd/azoidc" {
		return nil
	}
	path := filepath.Join(s.binary+".command", "azoidc") // by which scripts call it
	command := exec.Command("go", "build", "-o", path, s.pkg)
	command.Dir, command.Env = s.dir, s.env
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", s.pkg, err, output)
	}
	s.env = append(s.env, "AZOIDC_TEST_BINARY="+path)
	return nil
}

// least is for tests that take hardly any time, on a machine that has other things to do.
const least = 10 * time.Second

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// try runs the tests without a mutant.
func (s *suite) try(m *mode) error {
	if err := s.made(); err != nil {
		return err
	}
	if _, err := os.Stat(s.binary); os.IsNotExist(err) {
		return nil // there are no tests
	}
	reached := fmt.Sprintf("%s.%v", s.binary, m.short)
	begin := time.Now()
	output, err := s.run(m, 10*time.Minute, reachedVariable+"="+reached)
	m.took = time.Since(begin)
	if err != nil {
		var names []string
		for _, match := range failed.FindAllSubmatch(output, -1) {
			names = append(names, string(match[1]))
		}
		if len(names) == 0 {
			return fmt.Errorf("%s fails without a mutant: %w\n%s", s.pkg, err, output)
		}
		fmt.Fprintf(os.Stderr, "%s: left out, because they fail without a mutant: %s\n", s.pkg, names)
		m.failing = "^(" + strings.Join(names, "|") + ")$"
	}
	m.reached = map[int]bool{}
	numbers, err := os.ReadFile(reached)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for line := range bytes.Lines(numbers) {
		n, err := strconv.Atoi(string(bytes.TrimSpace(line)))
		if err != nil {
			return err
		}
		m.reached[n] = true
	}
	return nil
}

// leavesOut tells whether -short makes a difference.
func (s *suite) leavesOut() bool {
	files, err := filepath.Glob(filepath.Join(s.dir, "*_test.go"))
	if err != nil {
		panic(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err != nil || bytes.Contains(text, []byte("testing.Short()")) || bytes.Contains(text, []byte("testbed.NotShort("))
	})
}

func (s *suite) run(m *mode, patience time.Duration, variable string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args := []string{"-test.paniconexit0", "-test.timeout=10m"}
	if m.short {
		args = append(args, "-test.short")
	}
	if m.failing != "" {
		args = append(args, "-test.skip="+m.failing)
	}
	if m.reached != nil {
		args = append(args, "-test.failfast")
	}
	command := exec.CommandContext(ctx, s.binary, args...)
	command.Dir = s.dir
	command.Env = append(slices.Clip(s.env), variable)
	command.WaitDelay = time.Second
	setApart(command)
	return command.CombinedOutput()
}

// kills tells whether the tests notice the mutant of that number.
func (s *suite) kills(m *mode, number int) (bool, error) {
	if err := m.once(); err != nil {
		return false, err
	}
	if !m.reached[number] {
		return false, nil
	}
	_, err := s.run(m, least+5*m.took, fmt.Sprintf("%s=%d", numberVariable, number))
	return err != nil, nil
}
