package background

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/proc"
)

func TestJobProcess(t *testing.T) {
	line := func(names ...string) (ancestors []proc.Listed) {
		for i, name := range names {
			ancestors = append(ancestors, proc.Listed{Process: proc.Process{ID: 10 - i}, Name: name, LeadsSession: name == "leader"})
		}
		return ancestors
	}
	inGitHub, inAzure := ci.Variables{"GITHUB_ACTIONS=true"}, ci.Variables{"TF_BUILD=True"}
	for name, test := range map[string]struct {
		ancestors []proc.Listed
		env       ci.Variables
		want      string
	}{
		"GitHub's":                {line("bash", "leader", "Runner.Worker", "Runner.Listener"), inGitHub, "Runner.Worker (process 8)"},
		"Azure's":                 {line("bash", "Agent.Worker", "leader"), inAzure, "Agent.Worker (process 9)"},
		"Buildkite's":             {line("leader", "buildkite-agent"), nil, "buildkite-agent (process 9)"},
		"act's":                   {line("act", "leader"), nil, "act (process 10)"},
		"nobody's, in a job":      {line("bash", "leader"), inGitHub, ""},
		"a session's":             {line("bash", "leader", "leader"), nil, "leader (process 9)"},
		"nobody's":                {line("bash"), nil, ""},
		"of those with no parent": {nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := jobProcessAmong(test.ancestors, test.env)
			if test.want == "" {
				require.Nil(t, got)
			} else {
				require.Equal(t, test.want, got.String())
			}
		})
	}
}

func TestWatched(t *testing.T) {
	require.False(t, (*Watched)(nil).Ended())
	require.False(t, (&Watched{Process: self(t)}).Ended())
	require.True(t, (&Watched{Process: deadOne(t, "1")}).Ended())
	listed, err := proc.Find(os.Getpid())
	require.NoError(t, err)
	if watched := JobProcess(nil, listed); watched != nil {
		require.False(t, watched.Ended())
	}
}
