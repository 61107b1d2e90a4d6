//go:build !plan9

package azoidctest

import "syscall"

// errReset is what a client gets whose connection was reset.
const errReset = syscall.ECONNRESET
