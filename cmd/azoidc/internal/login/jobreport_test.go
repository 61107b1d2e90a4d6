package login

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
)

// The summary goes where the system reads it, and nowhere else.
func TestTellJob(t *testing.T) {
	warned := &Diagnosis{Steps: []Step{{Name: "a step", Result: resultWarning, Detail: "old"}}}
	for name, test := range map[string]struct {
		env       ci.Variables // FOLDER is one of the test's
		want      string
		summaries int
	}{
		"outside CI":                 {ci.Variables{"AGENT_TEMPDIRECTORY=FOLDER", "RUNNER_TEMP=FOLDER"}, "", 0},
		"GitHub Actions":             {ci.Variables{"GITHUB_ACTIONS=true", "RUNNER_TEMP=FOLDER", "GITHUB_STEP_SUMMARY=FOLDER/s"}, "::warning title=azoidc::azoidc doctor: a step: old\n", 1},
		"GitHub Actions, no summary": {ci.Variables{"GITHUB_ACTIONS=true", "RUNNER_TEMP=FOLDER"}, "::warning title=azoidc::azoidc doctor: a step: old\n", 0},
		"Azure Pipelines":            {ci.Variables{"TF_BUILD=True", "AGENT_TEMPDIRECTORY=FOLDER"}, "##vso[task.logissue type=warning]azoidc doctor: a step: old\n##vso[task.uploadsummary]", 1},
		"Azure Pipelines, no folder": {ci.Variables{"TF_BUILD=True"}, "##vso[task.logissue type=warning]azoidc doctor: a step: old\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for i := range test.env {
				test.env[i] = strings.ReplaceAll(test.env[i], "FOLDER", folder)
			}
			var stdout strings.Builder
			err := warned.TellJob(test.env, &stdout)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(stdout.String(), test.want), stdout.String())
			require.Equal(t, test.want == "", stdout.String() == "")
			files, err := os.ReadDir(folder)
			require.NoError(t, err)
			require.Len(t, files, test.summaries)
			for _, file := range files {
				content, err := os.ReadFile(filepath.Join(folder, file.Name()))
				require.NoError(t, err)
				require.Contains(t, string(content), "a step")
				info, err := file.Info()
				require.NoError(t, err)
				require.True(t, runtime.GOOS == "windows" || info.Mode().Perm() == 0o600, info.Mode())
			}
		})
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// Who asked for a report is told that it didn't arrive.
func TestTheJobCannotBeTold(t *testing.T) {
	pipelines := ci.Variables{"TF_BUILD=True", "AGENT_TEMPDIRECTORY=" + t.TempDir()}
	require.ErrorContains(t, (&Diagnosis{Steps: []Step{{Result: ResultFailed}}}).TellJob(pipelines, broken{}), "broken pipe")
	require.ErrorContains(t, (&Diagnosis{}).TellJob(pipelines, broken{}), "broken pipe", "the summary's command")
	require.ErrorContains(t, (&Diagnosis{Steps: []Step{{Result: ResultFailed}}}).TellJob(ci.Variables{"GITHUB_ACTIONS=true"}, broken{}), "broken pipe")
	for said, env := range map[string]ci.Variables{
		"the run's summary": {"TF_BUILD=True", "AGENT_TEMPDIRECTORY=/none/such"},
		"the job's summary": {"GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY=/none/such"},
	} {
		err := (&Diagnosis{}).TellJob(env, broken{})
		require.ErrorContains(t, err, said)
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	if _, err := os.Stat("/dev/full"); err == nil {
		require.ErrorContains(t, (&Diagnosis{}).TellJob(ci.Variables{"GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY=/dev/full"}, broken{}), "the job's summary")
	}
}

// TestAnnotationsSayWhatToDo without all that an error tells.
func TestAnnotationsSayWhatToDo(t *testing.T) {
	s := Step{Detail: "refused\n  asked:     POST\n  do:        this\n             az this\n"}
	require.Equal(t, "refused; do: this", s.inShort())
	require.Equal(t, "one; two", Step{Detail: "one\ntwo\n"}.inShort())
}
