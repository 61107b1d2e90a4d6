package azoidc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

const (
	// commandTimeout bounds a command where the caller's context has no deadline.
	commandTimeout = time.Minute
	// commandWaitDelay is how long output is still read after the command's end from what it left running.
	commandWaitDelay = 2 * time.Second
	// maxCommandOutput is far more than any JWT or any useful message has.
	maxCommandOutput = 1 << 20
)

// CommandAssertion runs the command name with args at every call and takes the JWT from its standard output, white
// space trimmed. What it writes to its standard error is quoted in the error when it fails; its standard output never
// is. When ctx ends, the command is killed with all that it started (on Unix, its process group).
func CommandAssertion(name string, args ...string) AssertionFunc {
	args = append([]string(nil), args...)
	return func(ctx context.Context) (string, error) {
		if _, ok := ctx.Deadline(); !ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, commandTimeout)
			defer cancel()
		}
		stdout, stderr := &limitedBuffer{}, &limitedBuffer{}
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Stdout, cmd.Stderr = stdout, stderr
		cmd.WaitDelay = commandWaitDelay
		killTree(cmd)
		if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
			return "", commandFailed(ctx, name, stdout.String(), stderr.String(), err)
		}
		jwt := strings.TrimSpace(stdout.String())
		if jwt == "" {
			return "", commandFailed(ctx, name, "", stderr.String(), errors.New("it printed nothing on its standard output"))
		}
		return jwt, nil
	}
}

func commandFailed(ctx context.Context, name, stdout, stderr string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return &AssertionError{
		Source: "command",
		Err:    fmt.Errorf("%s: %w", name, err),
		said:   quote(stderr, stdout),
		advice: "run the command by hand: it must print the JWT on its standard output, nothing else, and exit with 0",
	}
}

// limitedBuffer keeps what fits and takes the rest without a word, so that the command isn't killed by a broken pipe.
type limitedBuffer struct {
	kept bytes.Buffer
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	room := max(maxCommandOutput-b.kept.Len(), 0)
	b.kept.Write(p[:min(len(p), room)])
	return len(p), nil
}

func (b *limitedBuffer) String() string { return b.kept.String() }
