//go:build !linux

package main

import "os/exec"

// limitMemory leaves it to the system.
func limitMemory() error { return nil }

// setApart leaves command in this program's process group, if there is such a thing.
func setApart(*exec.Cmd) {}

// endLeft leaves them.
func endLeft(string) {}
