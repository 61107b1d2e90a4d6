package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"
	"time"

	azruntime "github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/internal/redact"
)

// A screen is where the demonstration shows itself. Only a terminal has colours and moving lines.
type screen struct {
	io.Writer
	colour, moving bool
}

func newScreen(out io.Writer) screen {
	terminal := isTerminal(out)
	return screen{out, terminal && os.Getenv("NO_COLOR") == "", terminal} // https://no-color.org
}

// isTerminal tells whether out is a terminal that takes escape sequences. The older console of Windows, which doesn't,
// sets neither variable.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || runtime.GOOS == "windows" && os.Getenv("WT_SESSION")+os.Getenv("TERM") == "" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// A style is the parameter of an escape sequence, see ECMA-48, 8.3.117.
type style string

const (
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	blue   style = "34"
	violet style = "35"
)

func (s screen) paint(style style, text string) string {
	if !s.colour || style == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}

// follow prints a line for each step as soon as all deployments, which run side by side, are past it. It prints no more
// when ctx is done, and returns when all deployments have ended.
func (s screen) follow(ctx context.Context, deployments []*deployment) {
	header := fmt.Sprintf("%-50s", "")
	for _, d := range deployments {
		header += fmt.Sprintf("%-18s", d.job.system.Name)
	}
	fmt.Fprintln(s, strings.TrimRight(header, " "))
	for i := range deployments[0].steps {
		if !s.followStep(ctx, i, deployments) {
			break
		}
	}
	for _, d := range deployments {
		for range d.outcomes { // to its end
		}
	}
}

// followStep returns false when no deployment goes on after the step.
func (s screen) followStep(ctx context.Context, i int, deployments []*deployment) (going bool) {
	step := deployments[0].steps[i]
	line := fmt.Sprintf("  %d  %-18s%-27s", i+1, step.target.name, step.title)
	for _, d := range deployments {
		o, came := s.await(d, line)
		if ctx.Err() != nil {
			return false
		}
		going = going || came && o.err == nil
		line += o.cell(s, came)
	}
	fmt.Fprintln(s, strings.TrimRight(line, " "))
	return going
}

// await is the deployment's next outcome, if there is another one. The line moves until it comes.
func (s screen) await(d *deployment, line string) (o outcome, came bool) {
	if !s.moving {
		o, came = <-d.outcomes
		return o, came
	}
	defer fmt.Fprint(s, eraseLine)
	ticker := time.NewTicker(time.Second / 10)
	defer ticker.Stop()
	for frame := 0; ; frame++ {
		select {
		case o, came = <-d.outcomes:
			return o, came
		case <-ticker.C:
			elapsed := s.paint(dim, fmt.Sprintf("%c %.1f s", spinner[frame%len(spinner)], time.Since(d.began).Seconds()))
			fmt.Fprint(s, eraseLine, line, elapsed)
		}
	}
}

const eraseLine = "\r\x1b[K"

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// cell is the outcome in a few letters, if it came at all.
func (o outcome) cell(s screen, came bool) string {
	switch {
	case !came:
		return fmt.Sprintf("%-18s", "–")
	case o.err == nil:
		return s.paint(green, "✓") + fmt.Sprintf("%-17s", fmt.Sprintf(" %.1f s", o.after.Seconds()))
	case codeOf(o.err) != "":
		return s.paint(red, fmt.Sprintf("%-18s", "✗ "+codeOf(o.err)))
	}
	return s.paint(red, fmt.Sprintf("%-18s", "✗ failed"))
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

// tellFailures prints why deployments failed, once when it's the same for all.
func tellFailures(out screen, deployments []*deployment) {
	told := map[string]bool{}
	for _, d := range deployments {
		if d.err == nil || told[sentence(d.err)] {
			continue
		}
		told[sentence(d.err)] = true
		fmt.Fprintf(out, "\n  %s\n", redact.Line(sentence(d.err)))
	}
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
	body, _ := azruntime.Payload(failed.RawResponse)
	if json.Unmarshal(body, &answer) != nil || answer.Description == "" {
		return err.Error()
	}
	first, _, _ := strings.Cut(answer.Description, ". ")
	return first + "."
}
