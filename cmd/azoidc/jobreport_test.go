package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// TestTheSummaryIsAppendedTo: other steps have written there.
func TestTheSummaryIsAppendedTo(t *testing.T) {
	cloud := azoidctest.New(nil)
	path := filepath.Join(t.TempDir(), "summary.md")
	require.NoError(t, os.WriteFile(path, []byte("before\n"), 0o600))
	env := with(cloud.GitHubJob(nil).Env(), "GITHUB_STEP_SUMMARY", path)
	require.Equal(t, exitWell, run(t, inJob(cloud, env), "doctor").status)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Regexp(t, `^before\n## azoidc doctor: GitHub Actions\n`, string(content))
}

func TestOnlyTheTextIsForTheJob(t *testing.T) {
	for _, form := range []string{"json", "markdown"} {
		cloud := azoidctest.New(nil)
		folder := t.TempDir()
		env := with(with(cloud.PipelinesJob(&azoidctest.PipelinesJobOptions{Untrusted: true}).Env(), "AGENT_TEMPDIRECTORY", folder), "AZURE_CLIENT_ID", "")
		r := run(t, inJob(cloud, env), "doctor", "-o", form)
		require.Equal(t, exitNotWell, r.status)
		require.NotContains(t, r.stdout, "##vso[")
		files, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.Empty(t, files)
	}
}

func TestASummaryThatCannotBeWritten(t *testing.T) {
	cloud := azoidctest.New(nil)
	nowhere := filepath.Join(t.TempDir(), "no", "such", "folder")
	github := run(t, inJob(cloud, with(cloud.GitHubJob(nil).Env(), "GITHUB_STEP_SUMMARY", nowhere)), "doctor")
	require.Equal(t, exitNotWell, github.status)
	require.Contains(t, github.stderr, "the job's summary")
	pipelines := run(t, inJob(cloud, with(cloud.PipelinesJob(nil).Env(), "AGENT_TEMPDIRECTORY", nowhere)), "doctor")
	require.Equal(t, exitNotWell, pipelines.status)
	require.Contains(t, pipelines.stderr, "the run's summary")
}

// TestAnnotationsSayWhatToDo without all that an error tells.
func TestAnnotationsSayWhatToDo(t *testing.T) {
	s := step{Detail: "refused\n  asked:     POST\n  do:        this\n             az this\n"}
	require.Equal(t, "refused; do: this", s.inShort())
	require.Equal(t, "one; two", step{Detail: "one\ntwo\n"}.inShort())
}
