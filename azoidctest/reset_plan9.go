package azoidctest

import "syscall"

// errReset is what a client gets whose connection was reset. Plan 9's errors are strings.
const errReset = syscall.ErrorString("connection reset by peer")
