package background

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/azoidc/azoidc/internal/redact"
)

// journalLimit bounds the file in bytes. When it is full, its older half goes.
const journalLimit = 256 << 10

// A Journal is the log of the process in the background. Its text passes the gate. It is safe for concurrent use.
type Journal struct {
	home Home
	gate *redact.Gate

	mu   sync.Mutex
	file *os.File // appends
	size int64
	last *Problem
}

// A Problem is what the process in the background couldn't do.
type Problem struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// openLog opens the file for whoever writes to it at its end.
func (h Home) openLog() (*os.File, error) {
	return h.homes.OpenFile(h.file(logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// OpenJournal opens the log of the home, and adds to it. Text passes the gate first.
func OpenJournal(h Home, gate *redact.Gate) (*Journal, error) {
	file, err := h.openLog()
	if err != nil {
		return nil, err
	}
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	return &Journal{home: h, gate: gate, file: file, size: end}, nil
}

// Write writes down a problem.
func (j *Journal) Write(text []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	p := Problem{Time: time.Now().UTC().Truncate(time.Second), Text: j.gate.Text(string(bytes.TrimRight(text, "\n")))}
	j.last = &p
	j.add(p)
	return len(text), nil
}

// Note writes down what is no problem.
func (j *Journal) Note(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.add(Problem{Time: time.Now().UTC(), Text: j.gate.Text(text)})
}

// LastProblem returns nil if there was none.
func (j *Journal) LastProblem() *Problem {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// add has nobody to tell what goes wrong: a full disk mustn't end the process.
func (j *Journal) add(p Problem) {
	line := p.Time.Format(time.RFC3339) + " " + p.Text + "\n"
	if j.size+int64(len(line)) > journalLimit {
		j.halve()
	}
	n, _ := j.file.WriteString(line)
	j.size += int64(n)
}

// halve keeps the file itself, which is the process' standard error, too.
func (j *Journal) halve() {
	file, err := j.home.homes.OpenFile(j.home.file(logFile), os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }()
	rest := make([]byte, journalLimit/2)
	n, _ := file.ReadAt(rest, max(0, j.size-int64(len(rest))))
	_, rest, _ = bytes.Cut(rest[:n], []byte("\n")) // a line that isn't whole
	if file.Truncate(0) != nil {
		return
	}
	n, _ = j.file.Write(rest)
	j.size = int64(n)
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }

// ReadLog returns what is in the home's log.
func (h Home) ReadLog() (string, error) {
	file, err := h.homes.Open(h.Name + "/" + logFile)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, 2*journalLimit))
	return string(content), err
}

// LastWords are the last line of the log of one that has ended.
func (h Home) LastWords() string {
	content, err := h.ReadLog()
	if _, gone := h.Owner(); gone != nil && err != nil {
		return "it was told to, or its job has ended"
	}
	lines := strings.Split(strings.TrimSpace(content), "\n")
	return cmp.Or(redact.Line(lines[len(lines)-1]), "it was ended by force, for its log says nothing")
}
