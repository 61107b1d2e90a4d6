// Package file knows of files what differs between operating systems.
package file
