//go:build !unix

package main

import (
	"os"
	"os/exec"
)

// passedOn are caught so that this program outlives the command: the console sends them to both.
var passedOn = []os.Signal{os.Interrupt}

// A group would be the process group of the command, which only Unix has.
type group struct{}

func newGroup(*exec.Cmd) group { return group{} }

func (group) pass(*os.Process, os.Signal) {}

func (group) end(*os.Process) {}

func exitOf(state *os.ProcessState) int { return state.ExitCode() }
