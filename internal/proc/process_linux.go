package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Find returns the process that has this ID now.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func Find(id int) (Listed, error) {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(id) + "/stat")
	if err != nil {
		return Listed{}, errEnded
	}
	return readStat(id, string(content))
}

func readStat(id int, stat string) (Listed, error) {
	begin, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')') // a name can hold both
	fields := strings.Fields(stat[end+1:])
	const parent, session, start = 1, 3, 19 // the third field of the file is the first after the name
	if begin < 0 || end < begin || len(fields) <= start {
		return Listed{}, fmt.Errorf("/proc/%d/stat isn't as documented", id)
	}
	if hasEnded(fields) {
		return Listed{}, errEnded
	}
	up, err := strconv.Atoi(fields[parent])
	if err != nil {
		return Listed{}, err
	}
	began, err := strconv.ParseInt(fields[start], 10, 64)
	if err != nil {
		return Listed{}, err
	}
	return Listed{
		Process:      Process{ID: id, start: fields[start] + "-" + boot(), space: space()},
		Name:         stat[begin+1 : end],
		LeadsSession: fields[session] == strconv.Itoa(id),
		parent:       up,
		began:        began,
	}, nil
}

// hasEnded reads the fields behind the name. A process whose first thread has ended has not, while others hold what is open.
func hasEnded(fields []string) bool {
	const state, threads = 0, 17
	if !strings.ContainsAny(fields[state], "ZX") {
		return false
	}
	return len(fields) <= threads || fields[threads] == "0" || fields[threads] == "1"
}

// boot is this run of the system, from whose beginning starts are counted.
var boot = sync.OnceValue(func() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(id), "-")
	return first
})

// space is the number of this process' PID namespace.
var space = sync.OnceValue(func() string {
	link, err := os.Readlink("/proc/self/ns/pid") // pid:[4026531836]
	if err != nil {
		return ""
	}
	return strings.Trim(link, "pid:[]")
})
