package proc

import (
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// When a command has ended, its output is read on for so many pauses, half a second in all.
const (
	pauses = 20
	pause  = 25 * time.Millisecond
)

// Run runs cmd as cmd.Run does, with a Stdout and a Stderr that aren't the same. What cmd leaves running may hold its output
// open; that is read for half a second after cmd's end, and no longer.
//
// Time in which this process is stopped or gets no processor isn't part of it, unlike that of cmd.WaitDelay: what cmd has
// written is read, however late.
func Run(cmd *exec.Cmd) error {
	output, err := divert(cmd)
	if err != nil {
		return err
	}
	err = cmd.Start()
	closeAll(output.writers)
	if err == nil {
		err = cmd.Wait()
	}
	output.finish()
	return err
}

// A diverted output is copied to where a command's was to go.
type diverted struct {
	writers, readers []*os.File
	copied           chan struct{}
}

func divert(cmd *exec.Cmd) (*diverted, error) {
	d := &diverted{copied: make(chan struct{})}
	var copying sync.WaitGroup
	for _, stream := range []*io.Writer{&cmd.Stdout, &cmd.Stderr} {
		reader, writer, err := os.Pipe()
		if err != nil {
			closeAll(d.writers)
			closeAll(d.readers)
			return nil, err
		}
		d.readers, d.writers = append(d.readers, reader), append(d.writers, writer)
		to := *stream
		copying.Go(func() { _, _ = io.Copy(to, reader) })
		*stream = writer
	}
	go func() {
		copying.Wait()
		close(d.copied)
	}()
	return d, nil
}

// finish returns when the output has ended or been given up. In each pause, who copies it has a turn.
func (d *diverted) finish() {
	defer closeAll(d.readers)
	for range pauses {
		select {
		case <-d.copied:
			return
		case <-time.After(pause):
		}
	}
	closeAll(d.readers)
	<-d.copied
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
