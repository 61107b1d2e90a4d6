// Command benchmarks measures what BENCHMARKS.md tells, on this machine, and prints its tables or writes them there.
//
//	go run ./.ci/benchmarks [-short] [-write]
//
// It takes about twenty minutes on a machine that does nothing else; with -short it only shows that everything runs, and the
// figures mean nothing. The command is run in the repository's root.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
)

func main() {
	short := flag.Bool("short", false, "run everything, but too briefly for the figures to mean anything")
	write := flag.Bool("write", false, "write the tables to BENCHMARKS.md")
	flag.Parse()
	if err := run(*short, *write); err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

func run(short, write bool) error {
	measured, err := measure(short)
	if err != nil {
		return err
	}
	for _, table := range tables {
		text, err := table.markdown(measured)
		if err != nil {
			return err
		}
		fmt.Printf("%s\n%s\n", table.name, text)
		if !write {
			continue
		}
		if err := replace("BENCHMARKS.md", table.name, text); err != nil {
			return err
		}
	}
	return nil
}

// replace puts text between a page's marks of that name.
func replace(page, name, text string) error {
	content, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	changed, err := between(string(content), name, text)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(changed), 0o644) //nolint:gosec // everybody may read it
}

func between(content, name, text string) (string, error) {
	marks := regexp.MustCompile(`(?s)(<!-- measured: ` + regexp.QuoteMeta(name) + ` -->\n).*?(<!-- end -->\n)`)
	if len(marks.FindAllString(content, -1)) != 1 {
		return "", fmt.Errorf("there isn't one place for %q", name)
	}
	return marks.ReplaceAllStringFunc(content, func(found string) string {
		parts := marks.FindStringSubmatch(found)
		return parts[1] + text + parts[2]
	}), nil
}
