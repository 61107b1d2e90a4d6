//go:build !unix

package file

import "io/fs"

// The folder for temporary files is the user's own here, and so are its rights for what is made in it.

// UserName is fit for a part of a file's name.
func UserName() string { return "user" }

// IsOwn tells whether the folder is this user's.
func IsOwn(fs.FileInfo) bool { return true }

// IsClosed tells whether nobody but its owner gets into the folder.
func IsClosed(fs.FileInfo) bool { return true }
