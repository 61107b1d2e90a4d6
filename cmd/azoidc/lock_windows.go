package main

import "os"

// lockFile makes a file that can't be removed until it's closed, or this process has ended.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
}

// removeUnlessLocked removes the folder at path if the process that locked the file is gone.
func removeUnlessLocked(path, lock string) {
	if os.Remove(lock) == nil {
		_ = os.RemoveAll(path)
	}
}
