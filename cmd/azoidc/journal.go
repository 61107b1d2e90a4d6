package main

import (
	"bytes"
	"io"
	"os"
	"sync"
	"time"

	"github.com/azoidc/azoidc/internal/redact"
)

// journalLimit bounds the file in bytes. When it is full, its older half goes.
const journalLimit = 256 << 10

// A journal is the log of the process in the background. Its text passes the gate. It is safe for concurrent use.
type journal struct {
	home home
	gate *redact.Gate

	mu   sync.Mutex
	file *os.File // appends
	size int64
	last *problem
}

// A problem is what the process in the background couldn't do.
type problem struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// openLog opens the file for whoever writes to it at its end.
func (h home) openLog() (*os.File, error) {
	return h.homes.OpenFile(h.file(logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

func openJournal(h home, gate *redact.Gate) (*journal, error) {
	file, err := h.openLog()
	if err != nil {
		return nil, err
	}
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	return &journal{home: h, gate: gate, file: file, size: end}, nil
}

// Write writes down a problem.
func (j *journal) Write(text []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	p := problem{Time: time.Now().UTC().Truncate(time.Second), Text: j.gate.Text(string(bytes.TrimRight(text, "\n")))}
	j.last = &p
	j.add(p)
	return len(text), nil
}

// note writes down what is no problem.
func (j *journal) note(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.add(problem{Time: time.Now().UTC(), Text: j.gate.Text(text)})
}

// lastProblem returns nil if there was none.
func (j *journal) lastProblem() *problem {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// add has nobody to tell what goes wrong: a full disk mustn't end the process.
func (j *journal) add(p problem) {
	line := p.Time.Format(time.RFC3339) + " " + p.Text + "\n"
	if j.size+int64(len(line)) > journalLimit {
		j.halve()
	}
	n, _ := j.file.WriteString(line)
	j.size += int64(n)
}

// halve keeps the file itself, which is the process' standard error, too.
func (j *journal) halve() {
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

func (j *journal) close() error { return j.file.Close() }

// readLog returns what is in the home's log.
func (h home) readLog() (string, error) {
	file, err := h.homes.Open(h.name + "/" + logFile)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, 2*journalLimit))
	return string(content), err
}
