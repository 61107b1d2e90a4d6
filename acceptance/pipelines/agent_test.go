package pipelines_test

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A command is one that the agent executes.
type command struct {
	name       string // area.event
	properties map[string]string
	data       string
}

// What the agent undoes. https://github.com/microsoft/azure-pipelines-agent/blob/master/src/Agent.Sdk/CommandStringConvertor.cs
var unescapeCommand = strings.NewReplacer("%AZP25", "%", "%0D", "\r", "%0A", "\n", "%3B", ";", "%5D", "]")

// parseCommand has the rules of the agent: the first ##vso[ anywhere in the line, in any case, to the next ].
// https://github.com/microsoft/azure-pipelines-agent/blob/master/src/Microsoft.VisualStudio.Services.Agent/Command.cs
func parseCommand(line string) (command, bool) {
	start := strings.Index(strings.ToLower(line), "##vso[")
	if start < 0 {
		return command{}, false
	}
	inside, data, ok := strings.Cut(line[start+len("##vso["):], "]")
	name, properties, _ := strings.Cut(inside, " ")
	if !ok || strings.Count(name, ".") != 1 {
		return command{}, false
	}
	parsed := command{name: strings.ToLower(name), properties: map[string]string{}, data: unescapeCommand.Replace(data)}
	for property := range strings.SplitSeq(properties, ";") {
		if key, value, ok := strings.Cut(property, "="); ok {
			parsed.properties[strings.ToLower(strings.TrimSpace(key))] = unescapeCommand.Replace(value)
		}
	}
	return parsed, true
}

// An agent runs a job's steps one after the other.
type agent struct {
	t         *testing.T
	env       map[string]string // of each step
	variables map[string]string // that steps have set; not those that are secret, which steps have to map
	secrets   []string          // that the log doesn't show
	commands  []command
	log       bytes.Buffer // as it is shown
}

func newAgent(t *testing.T, env map[string]string) *agent {
	t.Helper()
	a := &agent{t: t, env: map[string]string{"PATH": os.Getenv("PATH"), "AGENT_TEMPDIRECTORY": t.TempDir(), "TF_BUILD": "True"}, variables: map[string]string{}}
	maps.Copy(a.env, env)
	return a
}

// run runs a step's script. task are the variables that only this step's task sets.
func (a *agent) run(step map[string]any, task map[string]string) error {
	a.t.Helper()
	process := exec.CommandContext(a.t.Context(), "bash", "--noprofile", "--norc", "-c", scriptOf(step))
	env := maps.Clone(a.env)
	for name, value := range a.variables {
		env[strings.ToUpper(strings.ReplaceAll(name, ".", "_"))] = value
	}
	mapped, _ := step["env"].(map[string]any)
	for name, value := range mapped {
		env[name] = value.(string)
		if value == "$(System.AccessToken)" {
			env[name] = task[name]
		}
	}
	for name, value := range task {
		if name != "SYSTEM_ACCESSTOKEN" {
			env[name] = value
		}
	}
	for name, value := range env {
		process.Env = append(process.Env, name+"="+value)
	}
	var printed bytes.Buffer
	process.Stdout, process.Stderr = &printed, &printed
	err := process.Run()
	for line := range strings.Lines(printed.String()) {
		a.read(strings.TrimRight(line, "\r\n"))
	}
	return err
}

// read is what the agent does with a line of output: a command isn't shown.
func (a *agent) read(line string) {
	parsed, ok := parseCommand(line)
	if !ok {
		for _, secret := range a.secrets {
			line = strings.ReplaceAll(line, secret, "***")
		}
		a.log.WriteString(line + "\n")
		return
	}
	a.commands = append(a.commands, parsed)
	switch parsed.name {
	case "task.setsecret":
		a.secrets = append(a.secrets, parsed.data)
	case "task.setvariable":
		if parsed.properties["issecret"] == "true" {
			a.secrets = append(a.secrets, parsed.data)
		} else {
			a.variables[parsed.properties["variable"]] = parsed.data
		}
	}
}

// scriptOf is a step's script, whichever task runs it.
func scriptOf(step map[string]any) string {
	if script, ok := step["bash"].(string); ok {
		return script
	}
	if inputs, ok := step["inputs"].(map[string]any); ok {
		script, _ := inputs["inlineScript"].(string)
		return script
	}
	return ""
}

func TestCommandsAreParsedAsTheAgentDoes(t *testing.T) {
	for line, want := range map[string]command{
		"##vso[task.setvariable variable=A;issecret=true]b": {"task.setvariable", map[string]string{"variable": "A", "issecret": "true"}, "b"},
		"x ##VSO[Task.SetSecret]50%AZP25%0A%3B%5D%0D":       {"task.setsecret", map[string]string{}, "50%\n;]\r"},
		"##vso[task.complete result=a%3Bb]":                 {"task.complete", map[string]string{"result": "a;b"}, ""},
	} {
		parsed, ok := parseCommand(line)
		require.True(t, ok, line)
		require.Equal(t, want, parsed)
	}
	for _, line := range []string{"##vso[task.setsecret a", "# #vso[task.a]b", "##[task.a]b", "##vso[nothing]b"} {
		_, ok := parseCommand(line)
		require.False(t, ok, line)
	}
}
