package main

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
)

// Lengths in the picture, in pixels.
const (
	pictureWidth = 960
	margin       = 24
	plotLeft     = 148
	secondWidth  = 84 // a quarter of a second is a whole number of pixels
	rowHeight    = 24
	thickness    = 16 // of what is drawn in a row
)

// picture draws the lanes as an SVG, each thing where it is planned, so that every run on every machine draws the same.
// Its colours are those of the reader's light or dark mode.
func picture(s settings, lanes []*lane) []byte {
	d := drawing{y: 36}
	d.text(margin, "title", pictureTitle)
	d.y += 24
	d.text(margin, "note", fmt.Sprintf("On a local cloud, where an OIDC token lives for %g seconds and an access token for %g: on the real one, 5 minutes and an hour.",
		s.assertion.Seconds(), s.accessToken.Seconds()))
	d.y += 30
	axis := d.y
	end := time.Duration(0)
	for i, l := range lanes {
		if i == 0 || lanes[i-1].deployment.approach.name != l.deployment.approach.name {
			d.y += 36
			d.text(margin, "approach", l.deployment.approach.title)
		}
		d.lane(l)
		end = max(end, l.plannedStart(len(l.deployment.steps)))
	}
	bottom := d.y + 12
	d.y += 44
	d.legend()

	var out bytes.Buffer
	fmt.Fprintf(&out, pictureBegin, pictureWidth, d.y+24, pictureTitle, html.EscapeString(summaryOf(lanes)), pictureStyle)
	fmt.Fprintf(&out, `<rect class="paper" x="0.5" y="0.5" width="%d" height="%d" rx="6"/>`+"\n", pictureWidth-1, d.y+23)
	for second := time.Duration(0); second < end+time.Second; second += time.Second {
		fmt.Fprintf(&out, `<path class="grid" d="M%[1]d %[2]dV%[3]d"/><text class="note" x="%[1]d" y="%[4]d" text-anchor="middle">%[5]g s</text>`+"\n",
			at(second), axis+6, bottom, axis, second.Seconds())
	}
	out.Write(d.shapes.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

const (
	pictureTitle = "A deployment that takes longer than its OIDC tokens live"
	pictureBegin = `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img">
<!-- drawn by go run ./examples/deploy -svg FILE -->
<title>%[3]s</title>
<desc>%[4]s</desc>
<style>%[5]s</style>
`
	pictureStyle = `
text { font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif }
.title { font-size: 18px; font-weight: 600 }
.approach { font-size: 14px; font-weight: 600 }
.note { font-size: 12px }
.grid { fill: none; stroke-dasharray: 2 3 }
.letter { font-size: 11px; font-weight: 700; text-anchor: middle }
.good, .bad { font-weight: 600 }
` + lightColours + "@media (prefers-color-scheme: dark) {\n" + darkColours + "}\n"

	lightColours = `text { fill: #1f2328 } .note { fill: #59636e } .paper { fill: #ffffff; stroke: #d1d9e0 } .grid { stroke: #d1d9e0 }
.oidc { fill: #8250df } .R { fill: #0969da } .K { fill: #9a6700 } .S, .good { fill: #1a7f37 } .bad { fill: #d1242f } .on { fill: #ffffff }
.waited { fill: #ffffff; stroke-width: 1.5 } .waited.R { stroke: #0969da } .waited.K { stroke: #9a6700 } .waited.S { stroke: #1a7f37 }
`
	darkColours = `text { fill: #f0f6fc } .note { fill: #9198a1 } .paper { fill: #0d1117; stroke: #3d444d } .grid { stroke: #3d444d }
.oidc { fill: #ab7df8 } .R { fill: #4493f8 } .K { fill: #d29922 } .S, .good { fill: #3fb950 } .bad { fill: #f85149 } .on { fill: #0d1117 }
.waited { fill: #0d1117; stroke-width: 1.5 } .waited.R { stroke: #4493f8 } .waited.K { stroke: #d29922 } .waited.S { stroke: #3fb950 }
`
)

// summaryOf is for those who can't see the picture.
func summaryOf(lanes []*lane) string {
	half := len(lanes) / 2
	return strings.TrimSpace(summary(lanes[:half], lanes[half:]))
}

// at is where something is drawn that is planned for then.
func at(planned time.Duration) int { return plotLeft + width(planned) }

func width(d time.Duration) int { return int(d * secondWidth / time.Second) }

// A drawing grows downwards. In it, y is the base line of the present row.
type drawing struct {
	shapes bytes.Buffer
	y      int
}

func (d *drawing) text(x int, class, text string) {
	fmt.Fprintf(&d.shapes, `<text class="%s" x="%d" y="%d">%s</text>`+"\n", class, x, d.y, html.EscapeString(text))
}

func (d *drawing) lane(l *lane) {
	d.y += 26
	d.text(margin, "system", l.deployment.job.system.Name)
	d.row("OIDC tokens", l.requested())
	d.assertions(l.assertions)
	d.row("access tokens", fmt.Sprint(len(l.tokens)))
	d.tokens(l.tokens)
	for _, r := range l.refusals {
		d.text(at(r.planned)+4, "bad", "✗")
	}
	d.row("steps", l.progress())
	d.steps(l)
}

// row begins one, with its count at the end.
func (d *drawing) row(label, count string) {
	d.y += rowHeight
	d.text(margin+12, "note", label)
	fmt.Fprintf(&d.shapes, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", pictureWidth-margin, d.y, count)
}

// assertions draws each as a bar as long as it lives, those that live at the same time one below the other.
func (d *drawing) assertions(marks []mark) {
	marks = slices.SortedStableFunc(slices.Values(marks), func(a, b mark) int { return cmp.Compare(a.planned, b.planned) })
	var free []time.Duration // when each level is
	levels := make([]int, len(marks))
	for i, m := range marks {
		levels[i] = slices.IndexFunc(free, func(t time.Duration) bool { return t <= m.planned })
		if levels[i] < 0 {
			levels[i], free = len(free), append(free, 0)
		}
		free[levels[i]] = m.planned + m.lasts
	}
	const gap = 2
	height := min((thickness-gap*(len(free)-1))/max(len(free), 1), thickness/2)
	top := d.y - 4 - (len(free)*(height+gap)-gap)/2
	for i, m := range marks {
		fmt.Fprintf(&d.shapes, `<rect class="oidc" x="%d" y="%d" width="%d" height="%d" rx="2"/>`+"\n",
			at(m.planned), top+levels[i]*(height+gap), width(m.lasts)-gap, height)
	}
}

// tokens draws each as its service's letter, those of the same time one beside the other.
func (d *drawing) tokens(marks []mark) {
	x, before := 0, unplanned
	for _, m := range inOrder(marks, func(m mark) int { return int(m.planned) }) {
		if m.planned != before {
			x, before = at(m.planned), m.planned
		}
		d.letter(x, thickness, m)
		x += thickness + 3
	}
}

func (d *drawing) steps(l *lane) {
	for _, m := range l.steps {
		d.letter(at(m.planned)+1, width(m.lasts)-2, m)
	}
	class, end := "bad", l.plannedStart(l.done)
	if l.complete() {
		class = "good"
	}
	d.text(at(end)+4, class, l.ending())
}

// letter draws the mark's sign on a rectangle, or, if it was waited for, into an empty one.
func (d *drawing) letter(x, width int, m mark) {
	box, sign := string(m.sign), "letter on"
	if m.waited {
		box, sign = box+" waited", "letter "+box
	}
	fmt.Fprintf(&d.shapes, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="3"/>`, box, x, d.y-12, width, thickness)
	fmt.Fprintf(&d.shapes, `<text class="%s" x="%d" y="%d">%c</text>`+"\n", sign, x+width/2, d.y, m.sign)
}

func (d *drawing) legend() {
	fmt.Fprintf(&d.shapes, `<rect class="oidc" x="%d" y="%d" width="24" height="6" rx="2"/>`, margin, d.y-7)
	d.text(margin+30, "note", "OIDC token")
	for _, entry := range []struct {
		x    int
		mark mark
		text string
	}{
		{148, mark{sign: 'R', waited: true}, "access token that was waited for"},
		{392, mark{sign: 'R'}, "there in time"},
		{540, mark{sign: 'R'}, "Resource Manager"},
		{712, mark{sign: 'K'}, "Key Vault"},
		{828, mark{sign: 'S'}, "Storage"},
	} {
		d.letter(entry.x, thickness, entry.mark)
		d.text(entry.x+22, "note", entry.text)
	}
}
