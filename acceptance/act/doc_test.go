//go:build linux

// Package act_test runs the GitHub Action in workflows, on this machine: act does what GitHub's runner does around the
// steps, azoidctest is GitHub's OIDC endpoint, Microsoft Entra and a service. The workflows are in testdata.
//
// It takes Node, curl and sha256sum beside Go, and Linux, where a process' program can be told.
package act_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const actModule = "github.com/nektos/act@v0.2.89"

// The programs under test and around it, built once.
var actProgram, azoidcProgram string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "azoidc-act-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(folder) }()
	actProgram, azoidcProgram = filepath.Join(folder, "act"), filepath.Join(folder, "azoidc")
	for _, build := range [][]string{{"install", actModule}, {"build", "-o", azoidcProgram, "github.com/azoidc/azoidc/cmd/azoidc"}} {
		command := exec.Command("go", build...)
		command.Env = append(os.Environ(), "GOBIN="+folder)
		if said, err := command.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go %s: %v\n%s", build[0], err, said)
			return 1
		}
	}
	return m.Run()
}
