package ci

import (
	"regexp"
	"strings"
	"sync"
)

// Both systems put values in place of these before a step runs; what they don't know, Azure Pipelines leaves as it is.
// https://learn.microsoft.com/azure/devops/pipelines/process/variables#understand-variable-syntax
// https://docs.github.com/actions/reference/workflows-and-actions/expressions
var (
	pipelinesMacro = lazily(`^\$(\([\w. -]{1,200}\)|\[[^\[\]#\r\n]{1,200}\])$`)
	expression     = lazily(`^\$\{\{[^{}#\r\n]{1,200}\}\}$`)
)

// lazily compiles the pattern when it is first needed, which takes half a millisecond for these, and hardly any process needs them.
func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// IsMacro tells whether value is the text of a macro or an expression that nobody put a value in place of.
func IsMacro(value string) bool {
	value = strings.TrimSpace(value)
	return strings.HasPrefix(value, "$") && (pipelinesMacro().MatchString(value) || expression().MatchString(value))
}

// Unexpanded says what happened to a setting whose value is a macro, and which line to write. A variable that none of the
// systems knows gets the line that sets any.
func Unexpanded(setting, macro string) (problem, remedy string) {
	problem = setting + " is literally " + strings.TrimSpace(macro) + ": the macro wasn't expanded"
	if line := lineOf(setting); line != "" {
		return problem, "write in the step: '" + line + "'; a variable's or a script's text isn't the place for it"
	}
	if expression().MatchString(strings.TrimSpace(macro)) {
		return problem, "${{ … }} is evaluated only in the workflow's or the pipeline's own YAML; write there, in GitHub Actions: 'env: " +
			setting + ": ${{ vars." + setting + " }}', in Azure Pipelines: 'env: " + setting + ": $(" + setting + ")'"
	}
	return problem, "Azure Pipelines leaves $(NAME) as it is where there is no variable NAME: define it in the pipeline, its stage or a variable group, " +
		"or write the value itself in the step: 'env: " + setting + ": VALUE'"
}

func lineOf(setting string) string {
	for _, s := range Systems() {
		if line := s.lines[setting]; line != "" {
			return line
		}
	}
	return ""
}
