package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/redact"
)

// tellJob, besides the mask, is the one place that prints commands to the CI system, so it writes past the gate. What is in
// them has passed it.
//
// It puts the findings into the job's summary, and what is wrong at the top of its run.
func (p *program) tellJob(found *diagnosis) error {
	system := ci.Running(p.env.get)
	if system == nil {
		return nil
	}
	for _, line := range found.annotations(system) {
		if _, err := fmt.Fprintln(p.direct.stdout, line); err != nil {
			return err
		}
	}
	if path := p.env.get(system.SummaryFile); path != "" {
		return appendSummary(path, found)
	}
	if folder := p.env.get(system.TempFolder); folder != "" && system.SummaryFile == "" {
		return p.uploadSummary(system, folder, found)
	}
	return nil
}

func (d *diagnosis) annotations(system *ci.System) (lines []string) {
	for _, s := range d.Steps {
		text := redact.Line("azoidc doctor: " + s.Name + ": " + s.inShort())
		switch s.Result {
		case resultFailed:
			lines = append(lines, system.Failure(text))
		case resultWarning:
			lines = append(lines, system.Warning(text))
		}
	}
	return lines
}

// headline is the first line of the detail.
func (s step) headline() string {
	first, _, _ := strings.Cut(s.Detail, "\n")
	return first
}

// inShort is the detail on one line: of an error's report, what happened and what to do.
func (s step) inShort() string {
	for line := range strings.Lines(s.Detail) {
		if do, found := strings.CutPrefix(strings.TrimSpace(line), "do:"); found {
			return s.headline() + "; do: " + strings.TrimSpace(do)
		}
	}
	return strings.ReplaceAll(strings.TrimRight(s.Detail, "\n"), "\n", "; ")
}

func appendSummary(path string, found *diagnosis) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the job's summary: %w", err)
	}
	if err := found.writeMarkdown(file); err != nil {
		_ = file.Close()
		return fmt.Errorf("the job's summary: %w", err)
	}
	return file.Close()
}

// uploadSummary leaves the file in folder: the system reads it after the command is over, and clears the folder after the
// job.
func (p *program) uploadSummary(system *ci.System, folder string, found *diagnosis) error {
	file, err := os.CreateTemp(folder, "azoidc doctor *.md")
	if err != nil {
		return fmt.Errorf("the run's summary: %w", err)
	}
	if err := found.writeMarkdown(file); err != nil {
		_ = file.Close()
		return fmt.Errorf("the run's summary: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("the run's summary: %w", err)
	}
	_, err = fmt.Fprintln(p.direct.stdout, system.Summary(file.Name()))
	return err
}
