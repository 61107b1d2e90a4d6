// Package file reads small files, and knows what differs between operating systems: locks, owners, and how one is replaced.
package proc

import (
	"errors"
	"io"
	"os"
)

// MaxFile is how many bytes of a file are read: far more than any token has.
const MaxFile = 1 << 20

var errTooLarge = errors.New("the file is larger than any token")

// ReadFile returns the content of the file at path, which may be a device that never ends.
func ReadFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, MaxFile+1))
	if err == nil && len(content) > MaxFile {
		return nil, &os.PathError{Op: "read", Path: path, Err: errTooLarge}
	}
	return content, err
}
