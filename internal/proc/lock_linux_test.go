package proc_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/proc"
)

// Some file systems can't lock, or not now: NFS, for one.
func TestLockTellsThatThereIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var locked *os.File
	var forbidden, err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // which ends with this function
		if forbidden = withoutFlock(); forbidden == nil {
			locked, err = proc.LockFile(path)
		}
	}()
	<-done
	if forbidden != nil {
		t.Skip("system calls can't be filtered here:", forbidden)
	}
	require.ErrorIs(t, err, syscall.ENOLCK)
	require.ErrorContains(t, err, path)
	require.Nil(t, locked)
}

// withoutFlock makes flock(2) fail in this thread, see seccomp(2).
func withoutFlock() error {
	const noNewPrivileges, setSeccomp, filter, allow, fail = 38, 22, 2, 0x7fff0000, 0x00050000
	program := []syscall.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS, K: 0}, // the call's number
		{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: syscall.SYS_FLOCK, Jf: 1},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: fail | uint32(syscall.ENOLCK)},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: allow},
	}
	whole := syscall.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, noNewPrivileges, 1, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setSeccomp, filter, uintptr(unsafe.Pointer(&whole))); errno != 0 {
		return errno
	}
	return nil
}
