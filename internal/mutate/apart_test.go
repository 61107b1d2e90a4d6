package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheTreeStaysAsItIs(t *testing.T) {
	root, folder := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", os.TempDir()) // restored, as the working folder is
	t.Chdir(root)
	for file, content := range map[string]string{
		".gitignore": "ignored\n", "go.mod": "module m\n", "ignored": "", "a/known.go": "package a\n", "a/deleted.go": "package a\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	}
	require.NoError(t, exec.Command("git", "init").Run())
	require.NoError(t, exec.Command("git", "add", ".").Run())
	require.NoError(t, os.Remove("a/deleted.go"))
	require.NoError(t, os.WriteFile("a/new.go", nil, 0o700))
	t.Chdir("a")

	require.NoError(t, moveApart(folder))

	here, err := os.Getwd()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(folder, "tree", "a"), here)
	require.Equal(t, filepath.Join(folder, "tmp"), os.TempDir())
	require.DirExists(t, os.TempDir())
	require.NoError(t, os.WriteFile("known.go", []byte("changed"), 0o600))
	files, err := filepath.Glob("../*/*")
	require.NoError(t, err)
	require.Equal(t, []string{"../a/known.go", "../a/new.go"}, files)
	require.NoFileExists(t, "../ignored")
	content, err := os.ReadFile(filepath.Join(root, "a", "known.go"))
	require.NoError(t, err)
	require.Equal(t, "package a\n", string(content))
	info, err := os.Stat("new.go")
	require.NoError(t, err)
	require.EqualValues(t, 0o700, info.Mode(), "what can be run still can be")
}

func TestNoTreeOfGit(t *testing.T) {
	t.Chdir(t.TempDir())
	require.ErrorContains(t, moveApart(t.TempDir()), "git rev-parse")
}
