package background

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/redact"
)

// endTimeout is more than the end takes: answers that are under way have a second.
const endTimeout = 5 * time.Second

// AwaitLeaving waits for the owner's end, and helps where it doesn't come. It returns false if nothing helps.
func (h Home) AwaitLeaving(owner proc.Process, asked error) bool {
	if owner.State() == proc.Elsewhere {
		return asked == nil && h.awaitRemoval(owner)
	}
	if asked == nil && owner.AwaitEnd(endTimeout) {
		return true
	}
	owner.Signal(false)
	if owner.AwaitEnd(endTimeout) {
		return true
	}
	owner.Signal(true)
	return owner.AwaitEnd(endTimeout)
}

// awaitRemoval is for an owner in another container, which removes its home when it ends.
func (h Home) awaitRemoval(owner proc.Process) bool {
	for deadline := time.Now().Add(endTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if now, err := h.Owner(); err != nil || now != owner {
			return true
		}
	}
	return false
}

// GiveUp leaves the home that self has claimed, or that of the one it was passed to, which has ended. What is another's by
// now stays.
func (h Home) GiveUp(self proc.Process) error {
	owner, err := h.Owner()
	if err != nil || owner != self && owner.State() != proc.Ended {
		return nil
	}
	return h.LeaveFor(owner, self)
}

// Tidy removes what an owner that has ended has left, if it has left anything.
func (h Home) Tidy(owner proc.Process) error {
	self, err := proc.Find(os.Getpid())
	if err != nil {
		return err
	}
	if err := h.LeaveFor(owner, self.Process); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return redact.Error(err)
	}
	return nil
}
