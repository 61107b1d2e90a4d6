//go:build !linux && !windows

package ci

import (
	"os"
	"time"
)

// headStart is all there is here: the system doesn't tell the writer of a pipe what was read.
const headStart = 500 * time.Millisecond

func awaitReader(*os.File, time.Time) error { return nil }
