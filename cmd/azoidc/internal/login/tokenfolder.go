package login

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/redact"
)

const (
	folderPrefix = "azoidc-token-"
	lockName     = "lock"
)

// A tokenFolder holds a file with the job's OIDC token for as long as this process runs, and no longer: when it is killed, a
// shell removes the folder, and when that is killed, too, the next process that makes one.
type tokenFolder struct {
	path    string
	lock    *os.File // which nobody else can lock while this process runs
	release func()
}

func newTokenFolder() (*tokenFolder, error) {
	removeAbandoned(os.TempDir())
	folder, err := makeTokenFolder()
	return folder, redact.Error(err) // its path is the environment's
}

func makeTokenFolder() (*tokenFolder, error) {
	path, err := os.MkdirTemp("", folderPrefix) // 0700
	if err != nil {
		return nil, err
	}
	// Whoever finds the folder before it's locked finds no token in it, and leaves it alone.
	lock, err := proc.LockFile(filepath.Join(path, lockName))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return &tokenFolder{path, lock, proc.RemoveAtDeath(path)}, nil
}

func (f *tokenFolder) token() string { return filepath.Join(f.path, "token") }

func (f *tokenFolder) remove() {
	_ = f.lock.Close()
	_ = os.RemoveAll(f.path)
	f.release()
}

// removeAbandoned removes what processes that were killed have left of this user's. It is no reason not to go on when that
// can't be done.
func removeAbandoned(in string) {
	entries, _ := os.ReadDir(in)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.IsDir() && strings.HasPrefix(entry.Name(), folderPrefix) && proc.IsOwnFolder(info) {
			path := filepath.Join(in, entry.Name())
			if holdsToken(path) {
				proc.RemoveUnlessLocked(path, filepath.Join(path, lockName))
			}
		}
	}
}

// holdsToken tells whether there is anything but a lock in the folder.
func holdsToken(path string) bool {
	entries, err := os.ReadDir(path)
	return err == nil && len(entries) > 1
}
