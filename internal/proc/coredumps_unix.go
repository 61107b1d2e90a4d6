//go:build unix

package proc

import "syscall"

// ForbidCoreDumps keeps this process's memory out of files, which GOTRACEBACK=crash could write. It returns a function that
// runs another under the limit that was there, for what that starts to inherit.
func ForbidCoreDumps() (allowed func(func() error) error) {
	var before syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_CORE, &before) != nil || before.Cur == 0 {
		return nil
	}
	none := before
	none.Cur = 0
	if syscall.Setrlimit(syscall.RLIMIT_CORE, &none) != nil {
		return nil
	}
	return func(run func() error) error {
		// Where others have lowered what is allowed since then, that counts.
		_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &before)
		defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &none) }() // to lower it is allowed
		return run()
	}
}
