//go:build unix

package proc

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// UserName is fit for a part of a file's name.
func UserName() string { return strconv.Itoa(os.Geteuid()) }

// IsOwnFolder tells whether the folder is this user's.
func IsOwnFolder(folder fs.FileInfo) bool {
	stat, ok := folder.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// IsClosedFolder tells whether nobody but its owner gets into the folder.
func IsClosedFolder(folder fs.FileInfo) bool { return folder.Mode().Perm()&0o077 == 0 }
