//go:build unix

package proc

import (
	"bufio"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// What came to all lately was told by the witness, or is told soon.
func TestTestimony(t *testing.T) {
	for name, test := range map[string]struct {
		age  time.Duration // of the testimony, when it is asked for
		want bool
	}{
		"lately":        {forgotten - 1, true},
		"long ago":      {forgotten, false},
		"soon":          {1 - testimony, true},
		"much too late": {-testimony - 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &witness{told: map[os.Signal]chan time.Time{syscall.SIGTERM: make(chan time.Time, 1)}, gone: make(chan struct{})}
				if test.age >= 0 {
					w.told[syscall.SIGTERM] <- time.Now().Add(-test.age)
				} else {
					time.AfterFunc(-test.age, func() { w.told[syscall.SIGTERM] <- time.Now() })
				}
				require.Equal(t, test.want, w.got(syscall.SIGTERM))
				synctest.Wait()
			})
		})
	}
}

func TestWithoutWitness(t *testing.T) {
	gone := &witness{gone: make(chan struct{})}
	close(gone.gone)
	for _, w := range []*witness{nil, gone} {
		require.True(t, w.got(syscall.SIGINT))
		require.False(t, w.got(syscall.SIGTERM))
	}
	(*witness)(nil).dismiss()
}

// So many signals that nobody asks about don't keep it from hearing of others.
func TestWitnessListensOn(t *testing.T) {
	w := &witness{told: map[os.Signal]chan time.Time{syscall.SIGINT: make(chan time.Time, 1), syscall.SIGHUP: make(chan time.Time, 1)}}
	w.listen(bufio.NewScanner(strings.NewReader("INT\nINT\nwhat?\nINT\nHUP\n")))
	require.Len(t, w.told[syscall.SIGINT], 1)
	require.WithinDuration(t, time.Now(), <-w.told[syscall.SIGHUP], time.Minute)
}
