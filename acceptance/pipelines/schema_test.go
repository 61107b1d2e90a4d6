package pipelines_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/azoidc/azoidc/acceptance/internal/markdown"
)

const root = "../.."

// readSchema is Microsoft's for azure-pipelines.yml, from github.com/microsoft/azure-pipelines-vscode (MIT). setup downloads
// it; where that can't be, the tests that need it are skipped, but not in this project's own CI.
func readSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	const file = "service-schema.json"
	content, err := os.ReadFile(file)
	if os.IsNotExist(err) && os.Getenv("GITHUB_REPOSITORY") != "azoidc/azoidc" {
		t.Skip("NOT CHECKED: " + file + " isn't here; setup downloads it")
	}
	require.NoError(t, err)
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource(file, schema))
	compiled, err := compiler.Compile(file)
	require.NoError(t, err)
	return compiled
}

// validate holds a document to the schema, which knows no template expressions.
func validate(t *testing.T, schema *jsonschema.Schema, document any) error {
	t.Helper()
	text, err := json.Marshal(unconditional(document))
	require.NoError(t, err)
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	return shortened(schema.Validate(instance))
}

// shortened keeps of an error what it says of the innermost places: the schema has an alternative for each task, all of which
// fail.
func shortened(err error) error {
	var failed *jsonschema.ValidationError
	if !errors.As(err, &failed) {
		return err
	}
	depth, said := 0, map[string]bool{}
	var visit func(*jsonschema.ValidationError)
	visit = func(e *jsonschema.ValidationError) {
		if len(e.InstanceLocation) > depth {
			depth, said = len(e.InstanceLocation), map[string]bool{}
		}
		if len(e.InstanceLocation) == depth && len(e.Causes) == 0 {
			said[e.Error()] = true
		}
		for _, cause := range e.Causes {
			visit(cause)
		}
	}
	visit(failed)
	return fmt.Errorf("%s", strings.Join(slices.Sorted(maps.Keys(said)), "\n"))
}

// unconditional takes each ${{ if … }} as fulfilled: what it holds stands in its place. Scalars are strings, as the schema has
// them, except in tasks' inputs.
func unconditional(value any) any {
	switch value := value.(type) {
	case []any:
		all := []any{}
		for _, item := range value {
			if held, ok := heldByIf(item); ok {
				all = append(all, unconditional(held).([]any)...)
				continue
			}
			all = append(all, unconditional(item))
		}
		return all
	case map[string]any:
		all := map[string]any{}
		for name, item := range value {
			all[name] = item
			if name != "inputs" {
				all[name] = unconditional(item)
			}
		}
		return all
	case bool, int:
		return fmt.Sprint(value)
	}
	return value
}

func heldByIf(item any) (held any, ok bool) {
	if single, isMap := item.(map[string]any); isMap && len(single) == 1 {
		for key, value := range single {
			if strings.HasPrefix(key, "${{ if ") {
				return value, true
			}
		}
	}
	return nil, false
}

func parse(t *testing.T, text string) any {
	t.Helper()
	var document any
	require.NoError(t, yaml.Unmarshal([]byte(text), &document))
	return document
}

// TestPipelinesAreValid: this repository's own, and those of README.md and the guides.
func TestPipelinesAreValid(t *testing.T) {
	schema := readSchema(t)
	content, err := os.ReadFile(filepath.Join(root, "azure-pipelines.yml"))
	require.NoError(t, err)
	require.NoError(t, validate(t, schema, parse(t, string(content))))
	all, err := markdown.All(root, "yaml")
	require.NoError(t, err)
	checked := 0
	for _, b := range all {
		kind, err := b.Kind()
		require.NoError(t, err)
		if kind == markdown.Pipeline {
			require.NoError(t, validate(t, schema, parse(t, b.Text)), b.At())
			checked++
		}
	}
	require.GreaterOrEqual(t, checked, 6)
}

// TestGuidesGiveTheTemplatesWhatTheyTake: parameters that they have, of their types, and none that they need is left out.
func TestGuidesGiveTheTemplatesWhatTheyTake(t *testing.T) {
	all, err := markdown.All(root, "yaml")
	require.NoError(t, err)
	used := 0
	for _, b := range all {
		eachTemplate(parse(t, b.Text), func(name string, arguments map[string]any) {
			t.Log(b.At(), name)
			readTemplate(t, name).bind(t, arguments)
			used++
		})
	}
	require.GreaterOrEqual(t, used, 4)
}

// eachTemplate visits what refers to this repository's templates.
func eachTemplate(value any, visit func(name string, arguments map[string]any)) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			eachTemplate(item, visit)
		}
	case map[string]any:
		if path, ok := value["template"].(string); ok {
			if name, ours := strings.CutSuffix(path, "@azoidc"); ours {
				arguments, _ := value["parameters"].(map[string]any)
				visit(strings.TrimPrefix(name, "templates/"), arguments)
			}
		}
		for _, item := range value {
			eachTemplate(item, visit)
		}
	}
}

// TestTemplatesAreValid when they are expanded, whatever the parameters say.
func TestTemplatesAreValid(t *testing.T) {
	schema := readSchema(t)
	for _, more := range []map[string]any{nil, {"azLogin": false}, {"scopes": []any{"https://vault.azure.net/.default"}, "subscription": "octo", "binary": "/opt/azoidc"}} {
		require.NoError(t, validate(t, schema, map[string]any{"steps": listOf(steps(t, more))}))
	}
	jobs := expandJobs(t, "azoidc-extends.yml", map[string]any{"serviceConnection": connection, "jobs": []any{
		map[string]any{"job": "deploy", "pool": map[string]any{"vmImage": "ubuntu-latest"}, "steps": []any{map[string]any{"script": "make"}}},
	}})
	for _, job := range jobs {
		job["steps"] = listOf(job["steps"].([]map[string]any))
	}
	require.NoError(t, validate(t, schema, map[string]any{"jobs": listOf(jobs)}))
}

// TestTheSchemaRefuses what isn't a pipeline, so that the other tests can fail.
func TestTheSchemaRefuses(t *testing.T) {
	schema := readSchema(t)
	require.NoError(t, validate(t, schema, parse(t, "steps:\n- script: make\n")))
	for _, text := range []string{
		"steps:\n- script: make\n  conditions: always()\n",
		"steps:\n- task: AzureCLI@2\n  inputs:\n    azureSubscription: x\n    scriptType: perl\n    scriptLocation: inlineScript\n    inlineScript: az version\n",
		"steps:\n  script: make\n",
		"jobs:\n- job: a\n  step: []\n",
	} {
		require.Error(t, validate(t, schema, parse(t, text)), text)
	}
}

func listOf(maps []map[string]any) []any {
	var all []any
	for _, item := range maps {
		all = append(all, item)
	}
	return all
}
