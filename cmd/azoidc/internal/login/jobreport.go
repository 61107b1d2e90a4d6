package login

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/redact"
)

// TellJob, besides the mask, is the one place that prints commands to the CI system, so it writes past the gate. What is in
// them has passed it.
//
// It puts the findings into the job's summary, and what is wrong at the top of its run.
func (d *Diagnosis) TellJob(env ci.Variables, stdout io.Writer) error {
	system := ci.Running(env.Get)
	if system == nil {
		return nil
	}
	for _, line := range d.annotations(system) {
		if _, err := fmt.Fprintln(stdout, line); err != nil {
			return err
		}
	}
	if path := env.Get(system.SummaryFile); path != "" {
		return appendSummary(path, d)
	}
	if folder := env.Get(system.TempFolder); folder != "" && system.SummaryFile == "" {
		return uploadSummary(stdout, system, folder, d)
	}
	return nil
}

func (d *Diagnosis) annotations(system *ci.System) (lines []string) {
	for _, s := range d.Steps {
		text := redact.Line("azoidc doctor: " + s.Name + ": " + s.inShort())
		switch s.Result {
		case ResultFailed:
			lines = append(lines, system.Failure(text))
		case resultWarning:
			lines = append(lines, system.Warning(text))
		}
	}
	return lines
}

// headline is the first line of the detail.
func (s Step) headline() string {
	first, _, _ := strings.Cut(s.Detail, "\n")
	return first
}

// inShort is the detail on one line: of an error's report, what happened and what to do.
func (s Step) inShort() string {
	for line := range strings.Lines(s.Detail) {
		if do, found := strings.CutPrefix(strings.TrimSpace(line), "do:"); found {
			return s.headline() + "; do: " + strings.TrimSpace(do)
		}
	}
	return strings.ReplaceAll(strings.TrimRight(s.Detail, "\n"), "\n", "; ")
}

func appendSummary(path string, found *Diagnosis) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = errors.Join(found.WriteMarkdown(file), file.Close())
	}
	if err != nil {
		return fmt.Errorf("the job's summary: %w", err)
	}
	return nil
}

// uploadSummary leaves the file in folder: the system reads it after the command is over, and clears the folder after the
// job.
func uploadSummary(stdout io.Writer, system *ci.System, folder string, found *Diagnosis) error {
	file, err := os.CreateTemp(folder, "azoidc doctor *.md")
	if err == nil {
		err = errors.Join(found.WriteMarkdown(file), file.Close())
	}
	if err != nil {
		return fmt.Errorf("the run's summary: %w", err)
	}
	_, err = fmt.Fprintln(stdout, system.Summary(file.Name()))
	return err
}
