package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

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
