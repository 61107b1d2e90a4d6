//go:build unix

package file

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// UserName is fit for a part of a file's name.
func UserName() string { return strconv.Itoa(os.Geteuid()) }

// IsOwn tells whether the folder is this user's.
func IsOwn(folder fs.FileInfo) bool {
	stat, ok := folder.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// IsClosed tells whether nobody but its owner gets into the folder.
func IsClosed(folder fs.FileInfo) bool { return folder.Mode().Perm()&0o077 == 0 }
