package main

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

// homesPath is below the folder that the CI system empties after the job, else where the user's processes keep what
// they need while they run.
func (p *program) homesPath() string {
	var parents []string
	for _, system := range ci.Systems() {
		parents = append(parents, system.TempFolder)
	}
	if parent := p.env.first(append(parents, "XDG_RUNTIME_DIR")...); parent != "" {
		return filepath.Join(parent, "azoidc")
	}
	return filepath.Join(os.TempDir(), "azoidc-"+userName())
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
	case !isOwn(folder):
		return errors.New("is another user's")
	case !isClosed(folder):
		return errors.New("is open to other users")
	}
	return nil
}

// nameForm is what can be a file's name everywhere. What begins with a dot is in nobody's use any more, or not yet.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,79}$`)

// nameFlag is the flag by which several are told apart.
type nameFlag string

func (n *nameFlag) String() string { return string(*n) }

func (n *nameFlag) Set(name string) error {
	if !nameForm.MatchString(name) {
		return errors.New("it has 1 to 80 letters, digits, dots, dashes and underscores, and begins with no dot or dash")
	}
	*n = nameFlag(name)
	return nil
}

const defaultName = nameFlag("default")

// A home is the folder of one name. Whose it is is told by the name of a file in it, so that taking it over from somebody who
// has died is one step of the file system, which only one can make.
type home struct {
	homes *homes
	name  string
}

// What is in a home.
const (
	ownerPrefix = "owner."
	logFile     = "log"
	controlFile = "control"
)

// errOccupied is the error when another process lives there.
type errOccupied struct{ owner proc.Process }

func (e errOccupied) Error() string { return fmt.Sprintf("process %d has it", e.owner.ID) }

// claimHome makes the home of that name self's: a new one, or that of a process that has ended without leaving.
func (p *program) claimHome(name nameFlag, self proc.Process) (h home, err error) {
	for range 100 {
		s, openErr := openHomes(p.homesPath(), true)
		if openErr != nil {
			return home{}, openErr
		}
		s.sweep()
		h, err = s.claim(name, self)
		if err == nil || errors.As(err, &errOccupied{}) {
			return h, err
		}
		_ = s.Close()
		time.Sleep(time.Millisecond) // somebody has left just now, perhaps as the last one
	}
	return home{}, redact.Error(err)
}

func (s *homes) claim(name nameFlag, self proc.Process) (home, error) {
	h := home{s, string(name)}
	built := h.build(self)
	if built == nil {
		return h, nil
	}
	owner, err := h.owner()
	switch {
	case err != nil:
		return home{}, errors.Join(built, err)
	case owner.State() != proc.Ended:
		return home{}, errOccupied{owner}
	}
	return h, errors.Join(h.pass(owner, self), h.clear())
}

// build makes the whole home under another name first.
func (h home) build(self proc.Process) error {
	site := "." + self.String()
	if err := h.homes.Mkdir(site, 0o700); err != nil {
		return err
	}
	err := h.homes.WriteFile(filepath.Join(site, ownerPrefix+self.String()), nil, 0o600)
	if err == nil {
		err = h.homes.Rename(site, h.name) // fails when there is one with something in it
	}
	if err != nil {
		return errors.Join(err, h.homes.RemoveAll(site))
	}
	return nil
}

// owner fails with fs.ErrNotExist when there is no such home.
func (h home) owner() (proc.Process, error) {
	entries, err := fs.ReadDir(h.homes.FS(), h.name)
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

// pass fails when it isn't from's any more.
func (h home) pass(from, to proc.Process) error {
	return h.homes.Rename(h.file(ownerPrefix+from.String()), h.file(ownerPrefix+to.String()))
}

func (h home) clear() error {
	return errors.Join(h.homes.RemoveAll(h.file(logFile)), h.homes.RemoveAll(h.file(controlFile)))
}

// leaveFor is leave for an owner that can't do it any more.
func (h home) leaveFor(owner, self proc.Process) error {
	if err := h.pass(owner, self); err != nil {
		return err
	}
	return h.leave(self)
}

// leave removes the home, which is self's, in one step for all others, and then the folder if this was the last.
func (h home) leave(self proc.Process) error {
	gone := "." + self.String()
	if err := h.homes.Rename(h.name, gone); err != nil {
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
func (h home) file(name string) string { return filepath.Join(h.name, name) }

func (h home) path() string { return redact.Line(filepath.Join(h.homes.path, h.name)) }
