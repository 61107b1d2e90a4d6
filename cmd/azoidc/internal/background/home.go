// Package background is about the process that azoidc start leaves behind: where it lives, how it is started without anything of
// its starter's, how others ask it, what it writes down, and after whose end it ends. What it does there is the command's affair.
package background

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/redact"
)

// homes is the folder in which each azoidc that runs in the background has its home, by its name. Only its user gets into
// it, so a socket in it needs no secret.
type homes struct {
	*os.Root
	path string
}

// HomesIn is where env has them: below the folder that the CI system empties after the job, else where the user's processes keep what
// they need while they run.
func HomesIn(env ci.Variables) string {
	var parents []string
	for _, system := range ci.Systems() {
		parents = append(parents, system.TempFolder)
	}
	if parent := env.First(append(parents, "XDG_RUNTIME_DIR")...); parent != "" {
		return filepath.Join(parent, "azoidc")
	}
	return filepath.Join(os.TempDir(), "azoidc-"+proc.UserName())
}

// openHomes fails with fs.ErrNotExist where there is none, unless it may make it.
func openHomes(path string, create bool) (*homes, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%s is no absolute path: RUNNER_TEMP, AGENT_TEMPDIRECTORY or XDG_RUNTIME_DIR must hold one", redact.Line(path))
	}
	if create {
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, redact.Error(err)
		}
	}
	// Others may write to the folder that it is in: what is there may be a link to another one.
	named, err := os.Lstat(path)
	if err != nil {
		return nil, redact.Error(err)
	}
	if err := private(named); err != nil {
		return nil, fmt.Errorf("%s %w: remove it, or point XDG_RUNTIME_DIR to a folder of your own", redact.Line(path), err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, redact.Error(err)
	}
	if opened, err := root.Stat("."); err != nil || !os.SameFile(named, opened) {
		return nil, errors.Join(fmt.Errorf("%s was replaced just now", redact.Line(path)), root.Close())
	}
	return &homes{root, path}, nil
}

func private(folder fs.FileInfo) error {
	switch {
	case !folder.IsDir():
		return errors.New("is no folder")
	case !proc.IsOwnFolder(folder):
		return errors.New("is another user's")
	case !proc.IsClosedFolder(folder):
		return errors.New("is open to other users")
	}
	return nil
}

// nameForm is what can be a file's name everywhere. What begins with a dot is in nobody's use any more, or not yet.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,79}$`)

// Name is the flag by which several are told apart.
type Name string

// String implements [flag.Value].
func (n *Name) String() string { return string(*n) }

// Set implements [flag.Value].
func (n *Name) Set(name string) error {
	if !nameForm.MatchString(name) {
		return errors.New("it has 1 to 80 letters, digits, dots, dashes and underscores, and begins with no dot or dash")
	}
	*n = Name(name)
	return nil
}

const DefaultName = Name("default")

// A Home is the folder of one name. Whose it is is told by the name of a file in it, so that taking it over from somebody who
// has died is one step of the file system, which only one can make.
type Home struct {
	homes *homes
	Name  string
}

// What is in a home.
const (
	ownerPrefix = "owner."
	logFile     = "log"
	controlFile = "control"
)

// OccupiedError is the error when another process lives there.
type OccupiedError struct{ Owner proc.Process }

// Error names the process.
func (e OccupiedError) Error() string { return fmt.Sprintf("process %d has it", e.Owner.ID) }

// Claim makes the home of that name, in the folder at path, self's: a new one, or that of a process that has ended without leaving. With an
// OccupiedError comes the home that is the other's.
func Claim(path string, name Name, self proc.Process) (h Home, err error) {
	for range 100 {
		s, openErr := openHomes(path, true)
		if openErr != nil {
			return Home{}, openErr
		}
		s.sweep()
		h, err = s.claim(name, self)
		if err == nil || errors.As(err, &OccupiedError{}) {
			return h, err
		}
		_ = s.Close()
		time.Sleep(time.Millisecond) // somebody has left just now, perhaps as the last one
	}
	return Home{}, redact.Error(err)
}

func (s *homes) claim(name Name, self proc.Process) (Home, error) {
	h := Home{s, string(name)}
	built := h.build(self)
	if built == nil {
		return h, nil
	}
	owner, err := h.Owner()
	switch {
	case err != nil:
		return Home{}, errors.Join(built, err)
	case owner.State() != proc.Ended:
		return h, OccupiedError{owner}
	}
	return h, errors.Join(h.Pass(owner, self), h.clear())
}

// build makes the whole home under another name first.
func (h Home) build(self proc.Process) error {
	site := "." + self.String()
	if err := h.homes.Mkdir(site, 0o700); err != nil {
		return err
	}
	err := h.homes.WriteFile(filepath.Join(site, ownerPrefix+self.String()), nil, 0o600)
	if err == nil {
		err = h.homes.Rename(site, h.Name) // fails when there is one with something in it
	}
	if err != nil {
		return errors.Join(err, h.homes.RemoveAll(site))
	}
	return nil
}

// Owner fails with fs.ErrNotExist when there is no such home.
func (h Home) Owner() (proc.Process, error) {
	entries, err := fs.ReadDir(h.homes.FS(), h.Name)
	if err != nil {
		return proc.Process{}, err
	}
	for _, entry := range entries {
		if process, ok := strings.CutPrefix(entry.Name(), ownerPrefix); ok {
			return proc.Parse(process)
		}
	}
	return proc.Process{}, fs.ErrNotExist
}

// Pass fails when it isn't from's any more.
func (h Home) Pass(from, to proc.Process) error {
	return h.homes.Rename(h.file(ownerPrefix+from.String()), h.file(ownerPrefix+to.String()))
}

func (h Home) clear() error {
	return errors.Join(h.homes.RemoveAll(h.file(logFile)), h.homes.RemoveAll(h.file(controlFile)))
}

// LeaveFor is leave for an owner that can't do it any more.
func (h Home) LeaveFor(owner, self proc.Process) error {
	if err := h.Pass(owner, self); err != nil {
		return err
	}
	return h.Leave(self)
}

// Leave removes the home, which is self's, in one step for all others, and then the folder if this was the last.
func (h Home) Leave(self proc.Process) error {
	gone := "." + self.String()
	if err := h.homes.Rename(h.Name, gone); err != nil {
		return err
	}
	err := h.homes.RemoveAll(gone)
	_ = os.Remove(h.homes.path) // fails when somebody else lives there
	return err
}

// sweep removes what those left who died while they built or left a home.
func (s *homes) sweep() {
	entries, err := fs.ReadDir(s.FS(), ".")
	if err != nil {
		return // whatever is wrong, claim will meet it, too
	}
	for _, entry := range entries {
		text, ok := strings.CutPrefix(entry.Name(), ".")
		if process, err := proc.Parse(text); ok && err == nil && process.State() == proc.Ended {
			_ = s.RemoveAll(entry.Name()) // it does no harm, so the next one may try
		}
	}
}

// file is the path of a file in it, below homes.
func (h Home) file(name string) string { return filepath.Join(h.Name, name) }

// Path is where it is, for people.
func (h Home) Path() string { return redact.Line(filepath.Join(h.homes.path, h.Name)) }

// Find finds the home of that name, in the folder at path, and whose it is. It fails with fs.ErrNotExist when there is none.
func Find(path string, name Name) (h Home, owner proc.Process, err error) {
	if h, err = Open(path, name); err != nil {
		return Home{}, proc.Process{}, err
	}
	owner, err = h.Owner()
	return h, owner, err
}

// Open is for who knows that it is there.
func Open(path string, name Name) (Home, error) {
	s, err := openHomes(path, false)
	if err != nil {
		return Home{}, err
	}
	return Home{s, string(name)}, nil
}

// Folder is the one that all homes are in.
func (h Home) Folder() string { return h.homes.path }
