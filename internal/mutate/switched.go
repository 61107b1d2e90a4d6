package main

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A trial is a mutant whose change can be switched on in the programs that have all of them.
type trial struct {
	mutant
	number int
	typed  string // what TYPE is
}

func (t trial) before() string {
	return strings.NewReplacer("NUMBER", strconv.Itoa(t.number), "TYPE", t.typed).Replace(t.wrapping.before)
}

func (t trial) after() string {
	return strings.ReplaceAll(t.wrapping.after, "NUMBER", strconv.Itoa(t.number))
}

func byPlace(a, b trial) int { return cmp.Compare(a.place, b.place) }

// A mark is text to be put in, before or after what is wrapped.
type mark struct {
	at, depth int
	closing   bool
	text      string
}

// switched puts all trials into a file's source. Of two that wrap the same, the one that was found first is outside.
func switched(source []byte, trials []trial) []byte {
	trials = slices.SortedFunc(slices.Values(trials), byPlace)
	slices.SortStableFunc(trials, func(a, b trial) int { return cmp.Compare(b.width(), a.width()) })
	var marks []mark
	for depth, t := range trials {
		marks = append(marks, mark{at: t.wrapping.start, depth: depth, text: t.before()})
		if t.wrapping.after != "" {
			marks = append(marks, mark{at: t.wrapping.end, depth: -depth, closing: true, text: t.after()})
		}
	}
	slices.SortFunc(marks, func(a, b mark) int {
		return cmp.Or(cmp.Compare(a.at, b.at), compareBool(b.closing, a.closing), cmp.Compare(a.depth, b.depth))
	})
	var text strings.Builder
	at := 0
	for _, m := range marks {
		text.Write(source[at:m.at])
		text.WriteString(m.text)
		at = m.at
	}
	text.Write(source[at:])
	return []byte(text.String())
}

// width orders wrappings from the outside to the inside; what leaves a function stands before all else.
func (t trial) width() int {
	if t.wrapping.after == "" {
		return math.MaxInt
	}
	return t.wrapping.end - t.wrapping.start
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// The environment variables that choose the mutant, and the file in which the numbers of all that the program comes to
// are collected.
const (
	numberVariable  = "THE_MUTANT"
	reachedVariable = "THE_MUTANTS_REACHED"
)

// folderVariable tells of which run's folder a process is, however it came to be.
const folderVariable = "THE_MUTANTS_FOLDER"

var helperImports = []string{"fmt", "os", "strconv", "strings", "sync", "sync/atomic"}

// helperOf is the source of a file that each package with trials has beside the others. Processes that tests start with an
// environment of their own, or with none, take the variables from the one that they descend from, where the system shows it.
func helperOf(name string) []byte {
	return fmt.Appendf(nil, `package %s

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

var theMutantsNumber, _ = strconv.Atoi(theMutantsVariable(%q))

var theMutantsReached = theMutantsVariable(%q)

func theMutantsVariable(name string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	for id := os.Getppid(); id > 1; {
		process := "/proc/" + strconv.Itoa(id)
		environment, _ := os.ReadFile(process + "/environ")
		for _, variable := range strings.Split(string(environment), "\x00") {
			if value, ok := strings.CutPrefix(variable, name+"="); ok {
				return value
			}
		}
		stat, _ := os.ReadFile(process + "/stat")
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) < 2 {
			break
		}
		id, _ = strconv.Atoi(fields[1])
	}
	return ""
}

var theMutantsSeen sync.Map

var (
	theMutantsLock   sync.Mutex
	theMutantsToTell []int
	theMutantsUntold atomic.Bool
)

func theMutant(n int) bool {
	if theMutantsReached != "" {
		if _, seen := theMutantsSeen.LoadOrStore(n, true); !seen {
			theMutantsLock.Lock()
			theMutantsToTell = append(theMutantsToTell, n)
			theMutantsUntold.Store(true)
			theMutantsLock.Unlock()
		}
		if theMutantsUntold.Load() {
			theMutantsTell()
		}
	}
	return n == theMutantsNumber
}

func theMutantsTell() {
	theMutantsLock.Lock()
	defer theMutantsLock.Unlock()
	file, err := os.OpenFile(theMutantsReached, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil && strings.Contains(err.Error(), "too many open files") { // a test's own doing: the next time, then
		return
	}
	if err != nil {
		panic(err)
	}
	for _, n := range theMutantsToTell {
		fmt.Fprintln(file, n)
	}
	file.Close()
	theMutantsToTell = nil
	theMutantsUntold.Store(false)
}
`, name, numberVariable, reachedVariable)
}

// An overlay replaces files of the tree by those in folder.
type overlay struct {
	folder  string
	Replace map[string]string
}

func newOverlay(folder string) *overlay { return &overlay{folder, map[string]string{}} }

func (o *overlay) replace(file string, content []byte) error {
	replacement := filepath.Join(o.folder, fmt.Sprintf("%d.go", len(o.Replace)))
	o.Replace[file] = replacement
	return os.WriteFile(replacement, content, 0o600)
}
