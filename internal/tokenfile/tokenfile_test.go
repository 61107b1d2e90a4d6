package tokenfile

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
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
	require.Error(t, replace(filepath.Join(t.TempDir(), "none", "token"), "x"))
}
