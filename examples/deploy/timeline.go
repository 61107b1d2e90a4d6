package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	columnsPerSecond = 6
	labelWidth       = 18
)

// drawTimeline draws the lanes of each approach under one time axis.
func drawTimeline(out screen, lanes []*lane) {
	seconds, width := 0, 0
	for _, l := range lanes {
		seconds = max(seconds, int(l.ended()/time.Second)+1)
		width = max(width, seconds*columnsPerSecond+2, column(l.ended())+len([]rune(l.ending())))
	}
	fmt.Fprint(out, "\nTimeline, from the requests that the local cloud recorded\n\n")
	drawAxis(out, seconds)
	for i, l := range lanes {
		if i == 0 || lanes[i-1].deployment.approach.name != l.deployment.approach.name {
			fmt.Fprintf(out, "\n%s\n", out.paint(bold, l.deployment.approach.title))
		}
		l.draw(out, width)
	}
	fmt.Fprint(out, "\n  OIDC tokens: ● issued, ━ valid      R Resource Manager   K Key Vault   S Storage      ✗ refused\n")
}

func drawAxis(out screen, seconds int) {
	labels, ticks := strings.Repeat(" ", labelWidth), strings.Repeat(" ", labelWidth)
	tick := "├"
	for second := range seconds {
		labels += fmt.Sprintf("%-*s", columnsPerSecond, fmt.Sprintf("%d s", second))
		ticks += tick + strings.Repeat("─", columnsPerSecond-1)
		tick = "┼"
	}
	fmt.Fprintf(out, "%s%d s\n%s\n", labels, seconds, out.paint(dim, ticks+"┤"))
}

// draw draws a lane in three rows, each with its count at the end.
func (l *lane) draw(out screen, width int) {
	assertions, tokens, steps := newRow(width), newRow(width), newRow(width)
	for _, m := range l.assertions {
		assertions.bar(m.from, m.to)
	}
	for _, m := range l.assertions {
		assertions.put(m.from, m.sign)
	}
	for _, m := range inOrder(l.tokens, func(m mark) int { return column(m.from) }) {
		tokens.put(m.from, m.sign)
	}
	for _, m := range l.steps {
		steps.bar(m.from, m.to+time.Second/columnsPerSecond) // up to the next one
		steps.replace(m.from, m.sign)
	}
	for _, r := range l.refusals {
		tokens.put(r.at, '✗')
	}
	steps.end(l.ended(), l.ending())
	fmt.Fprintf(out, "  %s\n", l.deployment.job.system.Name)
	assertions.print(out, "OIDC tokens", l.requested())
	tokens.print(out, "access tokens", fmt.Sprint(len(l.tokens)))
	steps.print(out, "steps", l.progress())
}

// A row is a line of the timeline.
type row struct {
	signs []rune
	text  int // where words begin
}

func newRow(width int) *row { return &row{[]rune(strings.Repeat(" ", width)), width} }

func column(at time.Duration) int {
	return int((at*columnsPerSecond + time.Second/2) / time.Second)
}

func (r *row) replace(at time.Duration, sign rune) {
	if i := column(at); 0 <= i && i < len(r.signs) {
		r.signs[i] = sign
	}
}

// put puts the sign beside others that are there.
func (r *row) put(at time.Duration, sign rune) {
	for i := max(column(at), 0); i < len(r.signs); i++ {
		if r.signs[i] == ' ' || r.signs[i] == '━' {
			r.signs[i] = sign
			return
		}
	}
}

func (r *row) bar(from, to time.Duration) {
	for i := max(column(from), 0); i < min(column(to), len(r.signs)); i++ {
		r.signs[i] = '━'
	}
}

func (r *row) end(at time.Duration, ending string) {
	r.text = column(at)
	copy(r.signs[r.text:], []rune(ending))
}

func (r *row) print(out screen, label, count string) {
	fmt.Fprintf(out, "    %-*s", labelWidth-4, label)
	for begin, end := 0, 0; begin < r.text; begin = end {
		style := styles[r.signs[begin]]
		for end < r.text && styles[r.signs[end]] == style {
			end++
		}
		fmt.Fprint(out, out.paint(style, string(r.signs[begin:end])))
	}
	ending := string(r.signs[r.text:])
	words := strings.TrimRight(ending, " ")
	first, _ := utf8.DecodeRuneInString(words)
	fmt.Fprintf(out, "%s%s  %s\n", out.paint(styles[first], words), ending[len(words):], count)
}

// styles are those of signs, and of the words that a sign begins.
var styles = map[rune]style{'●': violet, '━': dim, 'R': blue, 'K': yellow, 'S': green, '✓': green, '✗': red}
