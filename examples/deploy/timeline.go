package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
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

// outsideItsTime is Entra's code for an assertion that has ended.
const outsideItsTime = "AADSTS700024"

var code = regexp.MustCompile(`AADSTS[0-9]+`)

// codeOf is Entra's code in the error; "" when there is none.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return code.FindString(err.Error())
}

// sentence is the first one of what Entra said; the whole error when it said nothing.
func sentence(err error) string {
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || failed.RawResponse == nil {
		return err.Error()
	}
	var answer struct {
		Description string `json:"error_description"`
	}
	body, _ := runtime.Payload(failed.RawResponse)
	if json.Unmarshal(body, &answer) != nil || answer.Description == "" {
		return err.Error()
	}
	first, _, _ := strings.Cut(answer.Description, ". ")
	return first + "."
}

// tellFailures prints why deployments failed, once when it's the same for all.
func tellFailures(out io.Writer, deployments []*deployment) {
	told := map[string]bool{}
	for _, d := range deployments {
		if d.err == nil || told[sentence(d.err)] {
			continue
		}
		told[sentence(d.err)] = true
		fmt.Fprintf(out, "\n  %s\n", sentence(d.err))
	}
}

const (
	columnsPerSecond = 6
	labelWidth       = 18
)

// drawTimeline draws the lanes of each approach under one time axis.
func drawTimeline(out io.Writer, lanes []*lane) {
	seconds, width := 0, 0
	for _, l := range lanes {
		seconds = max(seconds, int(l.ended()/time.Second)+1)
		width = max(width, seconds*columnsPerSecond+2, column(l.ended())+len([]rune(l.ending())))
	}
	fmt.Fprint(out, "\nTimeline, from the requests that the local cloud recorded\n\n")
	drawAxis(out, seconds)
	for i, l := range lanes {
		if i == 0 || lanes[i-1].deployment.approach.name != l.deployment.approach.name {
			fmt.Fprintf(out, "\n%s\n", l.deployment.approach.title)
		}
		l.draw(out, width)
	}
	fmt.Fprint(out, "\n  OIDC tokens: ● issued, ━ valid      R Resource Manager   K Key Vault   S Storage      ✗ refused\n")
}

func drawAxis(out io.Writer, seconds int) {
	labels, ticks := strings.Repeat(" ", labelWidth), strings.Repeat(" ", labelWidth)
	tick := "├"
	for second := range seconds {
		labels += fmt.Sprintf("%-*s", columnsPerSecond, fmt.Sprintf("%d s", second))
		ticks += tick + strings.Repeat("─", columnsPerSecond-1)
		tick = "┼"
	}
	fmt.Fprintf(out, "%s%d s\n%s┤\n", labels, seconds, ticks)
}

// draw draws a lane in three rows, each with its count at the end.
func (l *lane) draw(out io.Writer, width int) {
	assertions, tokens, steps := newRow(width), newRow(width), newRow(width)
	for _, m := range l.assertions {
		assertions.bar(m.from, m.to)
		assertions.put(m.from, m.sign)
	}
	for _, m := range l.tokens {
		tokens.put(m.from, m.sign)
	}
	for _, m := range l.steps {
		steps.bar(m.from, m.to+time.Second/columnsPerSecond) // up to the next one
		steps.put(m.from, m.sign)
	}
	for _, r := range l.refusals {
		tokens.put(r.at, '✗')
	}
	copy(steps[column(l.ended()):], []rune(l.ending()))
	fmt.Fprintf(out, "  %s\n", l.deployment.job.system)
	assertions.print(out, "OIDC tokens", l.requested())
	tokens.print(out, "access tokens", fmt.Sprint(len(l.tokens)))
	steps.print(out, "steps", l.progress())
}

// ending says how the steps ended.
func (l *lane) ending() string {
	n := len(l.refusals)
	switch {
	case l.complete():
		return "✓"
	case n == 0:
		return "✗"
	}
	return "✗ " + l.refusals[n-1].text
}

// A row is a line of the timeline.
type row []rune

func newRow(width int) row { return []rune(strings.Repeat(" ", width)) }

func column(at time.Duration) int {
	return int((at*columnsPerSecond + time.Second/2) / time.Second)
}

func (r row) put(at time.Duration, sign rune) {
	if i := column(at); 0 <= i && i < len(r) {
		r[i] = sign
	}
}

func (r row) bar(from, to time.Duration) {
	for i := column(from); i < min(column(to), len(r)); i++ {
		r[i] = '━'
	}
}

func (r row) print(out io.Writer, label, count string) {
	fmt.Fprintf(out, "    %-*s%s  %s\n", labelWidth-4, label, string(r), count)
}
