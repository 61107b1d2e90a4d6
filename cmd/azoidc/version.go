package main

import (
	"fmt"
	"runtime"

	"github.com/azoidc/azoidc/internal/build"
)

// version prints which build this is, for a report of a bug.
func (p *program) version(args []string) int {
	flags := newFlagSet("version")
	if status, ok := p.parse(flags, args); !ok {
		return status
	}
	if flags.NArg() > 0 {
		return p.misused("version", fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	info := build.Read()
	text := "azoidc " + info.Version
	if info.Commit != "" {
		text += ", commit " + info.Commit
		if info.Modified {
			text += " with changes"
		}
	}
	if _, err := fmt.Fprintf(p.stdout, "%s, %s, %s/%s\n", text, runtime.Version(), runtime.GOOS, runtime.GOARCH); err != nil {
		return p.failed(err)
	}
	return exitWell
}
