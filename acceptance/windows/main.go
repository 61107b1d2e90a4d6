// Command windows makes a table of what failed under Wine from the events of test2json, and tells Wine's own failures from
// those that Windows may have, too. Its exit status is 0 only when there are none of the latter.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

// wines are texts by which a failure is Wine's own, and why.
var wines = []struct {
	text   *regexp.Regexp
	reason string
}{
	{regexp.MustCompile(`TempDir RemoveAll cleanup: .*: Invalid function`), "it can't remove files the way os.RemoveAll does"},
	{regexp.MustCompile(`Error:\s+directory ".*" exists`), "it can't remove files the way os.RemoveAll does"},
	{regexp.MustCompile(`mkdirat .*: file exists`), "it can't remove files the way os.RemoveAll does"},
	{regexp.MustCompile(`listen unix .*: socket: winapi error #10047`), "it has no Unix sockets"},
	{regexp.MustCompile(`certificate is valid for 127\.0\.0\.1, ::1, not 127\.0\.0\.1`), "it finds no addresses in certificates"},
	{regexp.MustCompile(`Test:\s+TestAncestors`), "its first process has no parent"},
}

// An event is a line of test2json.
type event struct {
	Action, Package, Test, Output string
}

// A test is what a package's test function said, its subtests included.
type test struct {
	pkg, name, result string
	output            strings.Builder
}

func main() {
	tests, err := read(os.Stdin)
	if err == nil {
		err = report(os.Stdout, tests)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(events io.Reader) (tests []*test, err error) {
	known := map[string]*test{}
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, err
		}
		name, _, sub := strings.Cut(e.Test, "/")
		key := e.Package + " " + name
		if known[key] == nil {
			known[key] = &test{pkg: e.Package, name: name}
			tests = append(tests, known[key])
		}
		known[key].output.WriteString(e.Output)
		if !sub && slices.Contains([]string{"pass", "fail", "skip"}, e.Action) {
			known[key].result = e.Action
		}
	}
	return tests, lines.Err()
}

// report fails when anything did that isn't Wine's own, or a package didn't come to its end.
func report(w io.Writer, tests []*test) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "package\tpassed\tskipped\tfailed by Wine\tfailed")
	var packages []string
	for _, t := range tests {
		if !slices.Contains(packages, t.pkg) {
			packages = append(packages, t.pkg)
		}
	}
	var failed []*test
	why := map[string][]string{}
	for _, pkg := range packages {
		counts := map[string]int{}
		for _, t := range tests {
			if t.pkg != pkg || t.name == "" {
				continue
			}
			kind := t.result
			if kind != "pass" && kind != "skip" {
				kind = "fail"
				if reason := wineOwn(t.output.String()); reason != "" {
					kind = "wine"
					why[reason] = append(why[reason], t.name)
				} else {
					failed = append(failed, t)
				}
			}
			counts[kind]++
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\n", pkg, counts["pass"], counts["skip"], counts["wine"], counts["fail"])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for reason, names := range why {
		slices.Sort(names)
		fmt.Fprintf(w, "\nWine's own, because %s: %s\n", reason, strings.Join(names, ", "))
	}
	for _, t := range failed {
		fmt.Fprintf(w, "\n%s %s\n%s", t.pkg, t.name, t.output.String())
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d tests failed for reasons that aren't known to be Wine's", len(failed))
	}
	return nil
}

// complaint is a line that makes a test fail.
var complaint = regexp.MustCompile(`(?m)^ +(\S+_test\.go|testing\.go):\d+: *(TempDir .*)?$`)

// wineOwn returns why a failure is Wine's own, "" if it isn't or isn't known to be: each of its complaints must be.
func wineOwn(output string) string {
	complaints := complaint.FindAllStringIndex(output, -1)
	reason := ""
	for i, at := range complaints {
		end := len(output)
		if i+1 < len(complaints) {
			end = complaints[i+1][0]
		}
		found := ""
		for _, wine := range wines {
			if wine.text.MatchString(output[at[0]:end]) {
				found = wine.reason
				break
			}
		}
		if found == "" {
			return ""
		}
		if reason == "" || !strings.Contains(output[at[0]:at[1]], "TempDir") { // what comes at last says least
			reason = found
		}
	}
	return reason
}
