package ci_test

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"
)

// TestCICommands holds what the systems' own tests and documentation say of their syntax.
func TestCICommands(t *testing.T) {
	type properties = map[string]string
	command := func(system, name string, with properties, data string) testbed.CICommand {
		return testbed.CICommand{System: system, Name: name, Properties: with, Data: data}
	}
	for output, want := range map[string][]testbed.CICommand{
		"##vso[area.event k1=v1;]msg":                   {command("Azure Pipelines", "area.event", properties{"k1": "v1"}, "msg")},
		"ab ##VSO[task.setsecret]a%AZP250A%3B%5D ":      {command("Azure Pipelines", "task.setsecret", properties{}, "a%0A;] ")},
		"##vso[area.event]":                             {command("Azure Pipelines", "area.event", properties{}, "")},
		"##vso[area]x":                                  nil,
		"##vso[area.event x":                            nil,
		"##v\u00adso\x00[a.b]":                          {command("Azure Pipelines", "a.b", properties{}, "")},
		"text ##[do-something k1=v1;k2=v2;]msg":         {command("GitHub v1", "do-something", properties{"k1": "v1", "k2": "v2"}, "msg")},
		"#\u200b#[add-path]x":                           {command("GitHub v1", "add-path", properties{}, "x")},
		"# #[add-path]x":                                nil,
		"##[]x":                                         nil,
		" \u00a0::do-something k1=v1,k2=a%3Ab,::msg%0A": {command("GitHub v2", "do-something", properties{"k1": "v1", "k2": "a%3Ab"}, "msg\n")},
		"::add-mask::x":                                 {command("GitHub v2", "add-mask", properties{}, "x")},
		"\u200b:\u2060:add-mask::x":                     {command("GitHub v2", "add-mask", properties{}, "x")},
		"text ::add-mask::x":                            nil,
		": :add-mask::x":                                nil,
		"::1":                                           nil,
		"one\rtwo\n\r\n::a::b\n##[c]d":                  {command("GitHub v2", "a", properties{}, "b"), command("GitHub v1", "c", properties{}, "d")},
	} {
		require.Equal(t, want, testbed.CICommands(output), "%q", output)
	}
}

func TestHarmfulIn(t *testing.T) {
	for name, text := range testbed.Hostile {
		if name != "HTML" && name != "percent" && name != "a forged report" { // harmless in a log
			require.NotEmpty(t, testbed.HarmfulIn(text), name)
		}
		require.Contains(t, text, testbed.HostileMark)
	}
	for name, text := range testbed.FewHostile() {
		require.True(t, name == "a forged report" || testbed.HarmfulIn(text) != "", name)
		require.Less(t, utf8.RuneCountInString(text), 1200, "an error quotes it whole")
	}
	for _, text := range []string{
		"", "two\nlines", "https://[::1]:443/", "# #vso[a.b]", ": :x::", "issue ##12", "a::b", "repo:o/r:ref:refs/heads/a##b", "größer 🙂",
		"https://management.core.windows.net//.default",
	} {
		require.Empty(t, testbed.HarmfulIn(text), text)
	}
}
