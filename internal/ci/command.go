package ci

import "strings"

// A commandForm is how a system's log tells one of its commands from other output.
type commandForm struct {
	start  string
	escape *strings.Replacer // of the data
}

func (f commandForm) with(data string) string { return f.start + f.escape.Replace(data) }

// Mask returns the line by which a job tells the system to show *** in place of secret in its log from then on. Both
// systems take it from the standard output and from the standard error.
func (s *System) Mask(secret string) string { return s.mask.with(secret) }

// Failure returns the line by which a job shows a text as an error at the top of its run.
func (s *System) Failure(text string) string { return s.failure.with(text) }

// Warning returns the line by which a job shows a text as a warning at the top of its run.
func (s *System) Warning(text string) string { return s.warning.with(text) }

// Summary returns the line by which a job adds the Markdown file at path to its run's summary. The system reads the file
// after it has read the line. It returns "" in a system that has a SummaryFile.
func (s *System) Summary(path string) string {
	if s.summary.start == "" {
		return ""
	}
	return s.summary.with(path)
}

// What the systems undo in a command's data:
// https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
// https://github.com/microsoft/azure-pipelines-agent/blob/master/src/Agent.Sdk/CommandStringConvertor.cs
var (
	githubData    = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	pipelinesData = strings.NewReplacer("%", "%AZP25", "\r", "%0D", "\n", "%0A", ";", "%3B", "]", "%5D")
)
