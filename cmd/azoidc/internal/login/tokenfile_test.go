package login

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"
)

// Readers never see half a token, however often it's replaced.
func TestReplaceIsAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	long, longer := strings.Repeat("a", 1000), strings.Repeat("b", 3000)
	require.NoError(t, replace(path, long))
	var replacing sync.WaitGroup
	defer replacing.Wait()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	replacing.Go(func() {
		for ctx.Err() == nil && replace(path, longer) == nil && replace(path, long) == nil { // on Windows a reader may be in the way
		}
	})
	for range 500 {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Contains(t, []string{long, longer}, string(content))
	}
}

func TestReplaceFails(t *testing.T) {
	folder := t.TempDir()
	require.ErrorIs(t, replace(filepath.Join(folder, "none", "token"), "x"), os.ErrNotExist)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "token"), 0o700))
	require.Error(t, replace(filepath.Join(folder, "token"), "x"), "a folder is in the way")
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, 1, "a token that can't be put in place isn't left behind, each time anew")
}

// lasting is a token that lasts so long; 0 for one that doesn't say.
func lasting(life time.Duration) string {
	if life == 0 {
		return testbed.JWT(`{"iss":"i"}`)
	}
	return testbed.JWT(fmt.Sprintf(`{"exp":%d}`, time.Now().Add(life).Unix()))
}

// A token is replaced when half of its life is over. What fails is tried again, but not at once.
func TestKeepFresh(t *testing.T) {
	for name, test := range map[string]struct {
		lives []time.Duration // below 0: refused
		want  []time.Duration // between the requests
	}{
		"by its end":      {[]time.Duration{10 * time.Minute, 20 * time.Minute, 10 * time.Minute}, []time.Duration{5 * time.Minute, 10 * time.Minute, 5 * time.Minute}},
		"without end":     {[]time.Duration{0, 0, 0}, []time.Duration{time.Minute, time.Minute, time.Minute}},
		"about to end":    {[]time.Duration{time.Second, time.Second}, []time.Duration{time.Second, time.Second}},
		"over, and fails": {[]time.Duration{8 * time.Second, -1, -1, 8 * time.Second}, []time.Duration{4 * time.Second, 5 * time.Second, 5 * time.Second, 4 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token")
			synctest.Test(t, func(t *testing.T) {
				var asked []time.Duration
				last, lives := time.Now(), test.lives
				ctx, cancel := context.WithCancel(t.Context())
				var said strings.Builder
				file := &TokenFile{Path: path, log: log.New(&said, "", 0), assertion: func(context.Context) (string, error) {
					asked = append(asked, time.Since(last))
					last = time.Now()
					if len(lives) == 0 {
						cancel()
						return "", context.Canceled
					}
					life := lives[0]
					lives = lives[1:]
					if life < 0 {
						return "", errors.New("refused")
					}
					return lasting(life), nil
				}}
				require.NoError(t, file.renew(ctx))
				require.ErrorIs(t, file.KeepFresh(ctx), context.Canceled)
				require.Equal(t, test.want, asked[1:])
				require.Equal(t, strings.Count(name, "fails")*2, strings.Count(said.String(), "couldn't be renewed, which is tried again: refused"))
				require.Equal(t, strings.Count(name, "fails")*2, strings.Count(said.String(), "\n"), said.String())
			})
		})
	}
}

func TestWarn(t *testing.T) {
	for life, warned := range map[time.Duration]bool{slowestReader: false, slowestReader - 1: true} {
		synctest.Test(t, func(t *testing.T) {
			var said strings.Builder
			file := &TokenFile{log: log.New(&said, "", 0), ends: time.Now().Add(life)}
			file.warn()
			require.Equal(t, warned, said.Len() > 0, life)
			said.Reset()
			file.ends = time.Time{}
			file.warn()
			require.Empty(t, said.String())
		})
	}
}

// It is there at once, warns of a short life, and goes with its folder.
func TestNewTokenFile(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("TMP", temp) // on Windows
	token := lasting(time.Minute)
	var said strings.Builder
	file, err := NewTokenFile(t.Context(), func(context.Context) (string, error) { return token, nil }, log.New(&said, "", 0))
	require.NoError(t, err)
	content, err := os.ReadFile(file.Path)
	require.NoError(t, err)
	require.Equal(t, token, string(content))
	require.Contains(t, said.String(), "warning: the OIDC token in AZURE_FEDERATED_TOKEN_FILE lives")
	file.Remove()
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}

// Without a first token there is no file, and no folder.
func TestNewTokenFileFails(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("TMP", temp) // on Windows
	refused := errors.New("refused")
	_, err := NewTokenFile(t.Context(), func(context.Context) (string, error) { return "", refused }, nil)
	require.ErrorIs(t, err, refused)
	_, err = NewTokenFile(t.Context(), func(context.Context) (string, error) { return "<html>", nil }, nil)
	require.ErrorContains(t, err, "the CI system's OIDC token: ")
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
	none := filepath.Join(temp, "none")
	t.Setenv("TMPDIR", none)
	t.Setenv("TMP", none)
	_, err = NewTokenFile(t.Context(), func(context.Context) (string, error) { return lasting(time.Hour), nil }, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	file := &TokenFile{Path: filepath.Join(none, "token"), assertion: func(context.Context) (string, error) { return lasting(time.Hour), nil }}
	require.ErrorIs(t, file.renew(t.Context()), os.ErrNotExist)
	require.True(t, file.ends.IsZero())
}
