//go:build !plan9

package proc

import (
	"os"
	"syscall"
)

// SignalStatus is the exit status that shells report for what a signal ended: 128 and the signal's number. It is 1 for a
// signal without a number. Plan 9's have none at all.
func SignalStatus(sig os.Signal) int {
	if number, ok := sig.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return 1
}
