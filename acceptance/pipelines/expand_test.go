package pipelines_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const templates = "../../templates"

// A template is expanded as Azure Pipelines documents it, as far as this repository's templates use it:
// https://learn.microsoft.com/azure/devops/pipelines/process/template-expressions
type template struct {
	Parameters []parameter
	Steps      []any
	Jobs       []any
}

type parameter struct {
	Name    string
	Type    string
	Default any
}

func readTemplate(t *testing.T, name string) template {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(templates, name))
	require.NoError(t, err)
	var parsed template
	require.NoError(t, yaml.Unmarshal(content, &parsed))
	return parsed
}

// scope are the names that an expression knows.
type scope map[string]any

func (s scope) with(name string, value any) scope {
	inner := maps.Clone(s)
	inner[name] = value
	return inner
}

// bind checks the arguments against the parameters, and fills in the defaults.
func (p template) bind(t *testing.T, arguments map[string]any) scope {
	t.Helper()
	bound := map[string]any{}
	for _, parameter := range p.Parameters {
		value, given := arguments[parameter.Name]
		if !given {
			require.NotNil(t, parameter.Default, "parameter %s is needed", parameter.Name)
			value = parameter.Default
		}
		switch parameter.Type {
		case "string":
			require.IsType(t, "", value, parameter.Name)
		case "boolean":
			require.IsType(t, true, value, parameter.Name)
		case "stepList", "jobList", "object":
			require.IsType(t, []any{}, value, parameter.Name)
		default:
			t.Fatalf("parameter %s has the type %s", parameter.Name, parameter.Type)
		}
		bound[parameter.Name] = value
	}
	for name := range arguments {
		require.Contains(t, bound, name, "an argument without a parameter")
	}
	return scope{"parameters": bound}
}

// expandSteps returns a template's steps, those of templates that it refers to in their places.
func expandSteps(t *testing.T, name string, arguments map[string]any) []map[string]any {
	t.Helper()
	parsed := readTemplate(t, name)
	return inline(t, expandList(t, parsed.Steps, parsed.bind(t, arguments)))
}

// expandJobs is the same for jobs.
func expandJobs(t *testing.T, name string, arguments map[string]any) []map[string]any {
	t.Helper()
	parsed := readTemplate(t, name)
	var jobs []map[string]any
	for _, item := range expandList(t, parsed.Jobs, parsed.bind(t, arguments)) {
		job := item.(map[string]any)
		job["steps"] = inline(t, job["steps"].([]any))
		jobs = append(jobs, job)
	}
	return jobs
}

func inline(t *testing.T, steps []any) []map[string]any {
	t.Helper()
	var inlined []map[string]any
	for _, item := range steps {
		step := item.(map[string]any)
		if name, ok := step["template"].(string); ok {
			inlined = append(inlined, expandSteps(t, name, step["parameters"].(map[string]any))...)
			continue
		}
		inlined = append(inlined, step)
	}
	return inlined
}

var (
	directive  = regexp.MustCompile(`^\$\{\{ (if|each (\w+) in) (.+) \}\}$`)
	whole      = regexp.MustCompile(`^\$\{\{ ([^}]+) \}\}$`)
	expression = regexp.MustCompile(`\$\{\{ ([^}]+) \}\}`)
	call       = regexp.MustCompile(`^(\w+)\((.+), (.+)\)$`)
)

func expand(t *testing.T, value any, in scope) any {
	t.Helper()
	switch value := value.(type) {
	case string:
		if match := whole.FindStringSubmatch(value); match != nil {
			return evaluate(t, match[1], in)
		}
		return expression.ReplaceAllStringFunc(value, func(text string) string {
			return fmt.Sprint(evaluate(t, expression.FindStringSubmatch(text)[1], in))
		})
	case []any:
		return expandList(t, value, in)
	case map[string]any:
		return expandMap(t, value, in)
	}
	return value
}

func expandList(t *testing.T, list []any, in scope) []any {
	t.Helper()
	expanded := []any{}
	for _, item := range list {
		key, body, ok := directiveOf(item)
		if !ok {
			expanded = append(expanded, expand(t, item, in))
			continue
		}
		each(t, key, in, func(inner scope) { expanded = append(expanded, expandList(t, body.([]any), inner)...) })
	}
	return expanded
}

func expandMap(t *testing.T, value map[string]any, in scope) map[string]any {
	t.Helper()
	expanded := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(value)) {
		body := value[key]
		if !directive.MatchString(key) {
			expanded[expand(t, key, in).(string)] = expand(t, body, in)
			continue
		}
		each(t, key, in, func(inner scope) {
			switch body := body.(type) {
			case map[string]any:
				maps.Copy(expanded, expandMap(t, body, inner))
			default:
				t.Fatalf("%s has something else than a map in it", key)
			}
		})
	}
	return expanded
}

// directiveOf tells a list's item that is an if or an each.
func directiveOf(item any) (key string, body any, ok bool) {
	single, isMap := item.(map[string]any)
	if !isMap || len(single) != 1 {
		return "", nil, false
	}
	for key, body := range single {
		if _, isList := body.([]any); isList && directive.MatchString(key) {
			return key, body, true
		}
	}
	return "", nil, false
}

// each calls f as often as the directive says, with the names that it sees.
func each(t *testing.T, key string, in scope, f func(scope)) {
	t.Helper()
	match := directive.FindStringSubmatch(key)
	value := evaluate(t, match[3], in)
	if match[1] == "if" {
		if value.(bool) {
			f(in)
		}
		return
	}
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			f(in.with(match[2], element))
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			f(in.with(match[2], map[string]any{"key": key, "value": value[key]}))
		}
	default:
		t.Fatalf("each over %T", value)
	}
}

func evaluate(t *testing.T, text string, in scope) any {
	t.Helper()
	if match := call.FindStringSubmatch(text); match != nil {
		first, second := evaluate(t, match[2], in), evaluate(t, match[3], in)
		switch match[1] {
		case "eq":
			return first == second
		case "ne":
			return first != second
		case "join":
			var parts []string
			for _, part := range second.([]any) {
				parts = append(parts, fmt.Sprint(part))
			}
			return strings.Join(parts, first.(string))
		}
		t.Fatalf("function %s", match[1])
	}
	if literal, ok := strings.CutPrefix(text, "'"); ok {
		return strings.TrimSuffix(literal, "'")
	}
	if text == "true" {
		return true
	}
	var value any = map[string]any(in)
	for name := range strings.SplitSeq(text, ".") {
		fields, ok := value.(map[string]any)
		require.True(t, ok, text)
		value, ok = fields[name]
		require.True(t, ok, "%s: there is no %s", text, name)
	}
	return value
}
