package proc

import (
	"fmt"
	"syscall"
	"unsafe"
)

// https://learn.microsoft.com/windows/win32/procthread/job-objects
var (
	kernel32                 = syscall.NewLazyDLL("kernel32.dll")
	createJobObject          = kernel32.NewProc("CreateJobObjectW")
	setInformationJobObject  = kernel32.NewProc("SetInformationJobObject")
	assignProcessToJobObject = kernel32.NewProc("AssignProcessToJobObject")

	ntResumeProcess = syscall.NewLazyDLL("ntdll.dll").NewProc("NtResumeProcess")
)

// A job is a handle to a job object. Its end, which comes with that of this program at the latest, ends all processes
// in it.
type job syscall.Handle

// extendedLimits is JOBOBJECT_EXTENDED_LIMIT_INFORMATION.
type extendedLimits struct {
	perProcessUserTime, perJobUserTime       int64
	flags                                    uint32
	minimumWorkingSet, maximumWorkingSet     uintptr
	activeProcesses                          uint32
	affinity                                 uintptr
	priorityClass, schedulingClass           uint32
	transfers                                [6]uint64 // IO_COUNTERS
	processMemory, jobMemory                 uintptr
	peakProcessMemoryUsed, peakJobMemoryUsed uintptr
}

const (
	extendedLimitInformation = 9      // of JOBOBJECTINFOCLASS
	killOnJobClose           = 0x2000 // JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
)

func newJob() (job, error) {
	handle, _, err := createJobObject.Call(0, 0)
	if handle == 0 {
		return 0, fmt.Errorf("CreateJobObject: %w", err)
	}
	limits := extendedLimits{flags: killOnJobClose}
	ok, _, err := setInformationJobObject.Call(handle, extendedLimitInformation, uintptr(unsafe.Pointer(&limits)), unsafe.Sizeof(limits))
	if ok == 0 {
		job(handle).close()
		return 0, fmt.Errorf("SetInformationJobObject: %w", err)
	}
	return job(handle), nil
}

func (j job) assign(process uintptr) error {
	if ok, _, err := assignProcessToJobObject.Call(uintptr(j), process); ok == 0 {
		return fmt.Errorf("AssignProcessToJobObject: %w", err)
	}
	return nil
}

func (j job) close() { _ = syscall.CloseHandle(syscall.Handle(j)) }

// resume lets a process run that was created suspended. Its first thread's handle, for which there is a documented
// function, isn't kept by package os.
func resume(process uintptr) error {
	if status, _, _ := ntResumeProcess.Call(process); status != 0 {
		return fmt.Errorf("NtResumeProcess: status %#x", status)
	}
	return nil
}
