//go:build unix

package main

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

func userName() string { return strconv.Itoa(os.Geteuid()) }

func isOwn(folder fs.FileInfo) bool {
	stat, ok := folder.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

func isClosed(folder fs.FileInfo) bool { return folder.Mode().Perm()&0o077 == 0 }
