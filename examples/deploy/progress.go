package main

import (
	"fmt"
	"io"
	"strings"
)

// follow prints a line for each step as soon as all deployments, which run side by side, are past it.
func follow(out io.Writer, deployments []*deployment) {
	header := fmt.Sprintf("%-50s", "")
	for _, d := range deployments {
		header += fmt.Sprintf("%-18s", d.job.system)
	}
	fmt.Fprintln(out, strings.TrimRight(header, " "))
	for i := range deployments[0].steps {
		if !followStep(out, i, deployments) {
			break
		}
	}
	for _, d := range deployments {
		for range d.outcomes { // to its end
		}
	}
}

// followStep returns false when no deployment goes on after the step.
func followStep(out io.Writer, i int, deployments []*deployment) (going bool) {
	step := deployments[0].steps[i]
	line := fmt.Sprintf("  %d  %-18s%-27s", i+1, step.target.name, step.title)
	for _, d := range deployments {
		o, came := <-d.outcomes
		going = going || came && o.err == nil
		line += fmt.Sprintf("%-18s", o.cell(came))
	}
	fmt.Fprintln(out, strings.TrimRight(line, " "))
	return going
}

// cell is the outcome in a few letters, if it came at all.
func (o outcome) cell(came bool) string {
	switch {
	case !came:
		return "–"
	case o.err == nil:
		return fmt.Sprintf("✓ %.1f s", o.after.Seconds())
	case codeOf(o.err) != "":
		return "✗ " + codeOf(o.err)
	}
	return "✗ failed"
}
