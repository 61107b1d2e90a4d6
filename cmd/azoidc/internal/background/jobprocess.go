package background

import (
	"fmt"
	"slices"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/redact"
)

// A Watched is a process after whose end nobody needs tokens any more.
type Watched struct {
	Process proc.Process
	Name    string
}

// String names it for people.
func (w *Watched) String() string {
	return fmt.Sprintf("%s (process %d)", redact.Line(w.Name), w.Process.ID)
}

// Ended is false for what nobody watches.
func (w *Watched) Ended() bool { return w != nil && w.Process.State() == proc.Ended }

// otherJobProcesses run one job each, like those of ci.Systems.
var otherJobProcesses = []string{"act", "buildkite-agent"}

// JobProcess is, among the processes that this one descends from,
//
//   - in a CI system's job, the one that runs it. In a container there is none, and the container's end is enough;
//   - elsewhere the one that leads the session: the shell of a terminal, the command of a service, of ssh, of cron. It has the
//     variables itself, or who has them ends with it.
//
// It returns nil if there is none.
func JobProcess(env ci.Variables, self proc.Listed) *Watched {
	return jobProcessAmong(self.Ancestors(), env)
}

func jobProcessAmong(ancestors []proc.Listed, env ci.Variables) *Watched {
	names := slices.Clone(otherJobProcesses)
	for _, system := range ci.Systems() {
		names = append(names, system.JobProcess)
	}
	i := slices.IndexFunc(ancestors, func(a proc.Listed) bool { return slices.Contains(names, a.Name) })
	if i < 0 && ci.Running(env.Get) == nil {
		i = slices.IndexFunc(ancestors, func(a proc.Listed) bool { return a.LeadsSession })
	}
	if i < 0 {
		return nil
	}
	return &Watched{ancestors[i].Process, ancestors[i].Name}
}
