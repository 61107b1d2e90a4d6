package proc

import "os"

// LockFile makes a file that can't be removed until it's closed, or this process has ended.
func LockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
}

// RemoveUnlessLocked removes the folder at path if the process that locked the file is gone.
func RemoveUnlessLocked(path, lock string) {
	if os.Remove(lock) == nil {
		_ = os.RemoveAll(path)
	}
}
