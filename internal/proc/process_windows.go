package proc

import (
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

const (
	queryLimitedInformation = 0x1000
	stillActive             = 259
)

// Find returns the process that has this ID now.
func Find(id int) (Listed, error) {
	start, err := startOf(id)
	if err != nil {
		return Listed{}, err
	}
	entry, err := entryOf(id)
	if err != nil {
		return Listed{}, err
	}
	return Listed{
		Process: Process{ID: id, start: strconv.FormatInt(start, 10)},
		Name:    strings.TrimSuffix(syscall.UTF16ToString(entry.ExeFile[:]), ".exe"),
		parent:  int(entry.ParentProcessID),
		began:   start,
	}, nil
}

// startOf is in nanoseconds.
func startOf(id int) (int64, error) {
	process, err := syscall.OpenProcess(queryLimitedInformation, false, uint32(id))
	if err != nil {
		return 0, errEnded
	}
	defer func() { _ = syscall.CloseHandle(process) }()
	var status uint32
	if err := syscall.GetExitCodeProcess(process, &status); err != nil {
		return 0, err
	}
	if status != stillActive { // somebody has a handle of it still
		return 0, errEnded
	}
	var created, exited, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(process, &created, &exited, &kernel, &user); err != nil {
		return 0, err
	}
	return created.Nanoseconds(), nil
}

func entryOf(id int) (syscall.ProcessEntry32, error) {
	snapshot, err := syscall.CreateToolhelp32Snapshot(syscall.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return syscall.ProcessEntry32{}, err
	}
	defer func() { _ = syscall.CloseHandle(snapshot) }()
	entry := syscall.ProcessEntry32{Size: uint32(unsafe.Sizeof(syscall.ProcessEntry32{}))}
	for err = syscall.Process32First(snapshot, &entry); err == nil; err = syscall.Process32Next(snapshot, &entry) {
		if entry.ProcessID == uint32(id) {
			return entry, nil
		}
	}
	return syscall.ProcessEntry32{}, errEnded
}

func space() string { return "" }
