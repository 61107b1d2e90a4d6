package main

import "syscall"

// limitMemory bounds what each test program may take: a loop that never ends may well append. 8 GiB of addresses is far
// more than any of them reserves.
func limitMemory() error {
	return syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: 8 << 30, Max: 8 << 30})
}
