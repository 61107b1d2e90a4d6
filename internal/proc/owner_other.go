//go:build !unix

package proc

import "io/fs"

// The folder for temporary files is the user's own here, and so are its rights for what is made in it.

// UserName is fit for a part of a file's name.
func UserName() string { return "user" }

// IsOwnFolder tells whether the folder is this user's.
func IsOwnFolder(fs.FileInfo) bool { return true }

// IsClosedFolder tells whether nobody but its owner gets into the folder.
func IsClosedFolder(fs.FileInfo) bool { return true }
