package proc

import (
	"errors"
	"syscall"
)

// BeingReplaced tells whether err, of reading a file, is what Windows gives while somebody renames another file over it: nobody
// may open it then, for a moment.
func BeingReplaced(err error) bool {
	const sharingViolation, lockViolation = syscall.Errno(32), syscall.Errno(33)
	return errors.Is(err, syscall.ERROR_ACCESS_DENIED) || errors.Is(err, sharingViolation) || errors.Is(err, lockViolation)
}
