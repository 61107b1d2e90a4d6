package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// moveApart goes on in a copy, below folder, of the module and of the folder for temporary files: a changed program writes or
// removes files wherever a path that a change has spoilt leads. What git ignores isn't copied.
func moveApart(folder string) error {
	root, err := git("rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	here, err := git("rev-parse", "--show-prefix")
	if err != nil {
		return err
	}
	files, err := git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--full-name", root)
	if err != nil {
		return err
	}
	tree := filepath.Join(folder, "tree")
	for file := range strings.SplitSeq(strings.TrimRight(files, "\x00"), "\x00") {
		if err := copyFile(filepath.Join(tree, file), filepath.Join(root, file)); err != nil {
			return err
		}
	}
	temporary := filepath.Join(folder, "tmp")
	return errors.Join(os.Mkdir(temporary, 0o700), os.Setenv("TMPDIR", temporary), os.Chdir(filepath.Join(tree, here)))
}

func git(args ...string) (string, error) {
	output, err := exec.Command("git", args...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return string(bytes.TrimSuffix(output, []byte("\n"))), nil
}

// copyFile leaves out a file that git knows and the tree doesn't hold.
func copyFile(to, from string) error {
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.WriteFile(to, content, info.Mode().Perm())
}
