package testbed

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// A CICommand is what a CI system makes of a line of a job's output.
type CICommand struct {
	System     string // and the version of its syntax
	Name       string
	Properties map[string]string
	Data       string
}

// CICommands returns the commands that GitHub's runner and Azure Pipelines' agent find in output. They read it line by line,
// as .NET's StreamReader does: CR, LF and CRLF end a line.
func CICommands(output string) (found []CICommand) {
	for line := range strings.FieldsFuncSeq(output, func(r rune) bool { return r == '\n' || r == '\r' }) {
		for _, parse := range []func(string) (CICommand, bool){githubV2, githubV1, azurePipelines} {
			if command, ok := parse(line); ok {
				found = append(found, command)
			}
		}
	}
	return found
}

// githubV2 is ActionCommand.TryParseV2. Any name counts as registered, for a workflow registers names of its own with
// ::stop-commands::.
// https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
func githubV2(message string) (CICommand, bool) {
	rest, ok := cutAtStart(strings.TrimLeftFunc(message, unicode.IsSpace), "::")
	if !ok {
		return CICommand{}, false
	}
	info, data, ok := cutAnywhere(rest, "::", false)
	name, properties, _ := strings.Cut(info, " ")
	if !ok || name == "" {
		return CICommand{}, false
	}
	return CICommand{"GitHub v2", name, pairs(properties, ","), unescape(data, "%0D", "\r", "%0A", "\n", "%25", "%")}, true
}

// githubV1 is ActionCommand.TryParse.
func githubV1(message string) (CICommand, bool) {
	_, rest, ok := cutAnywhere(message, "##[", false)
	if !ok {
		return CICommand{}, false
	}
	info, data, ok := strings.Cut(rest, "]")
	name, properties, _ := strings.Cut(info, " ")
	if !ok || name == "" {
		return CICommand{}, false
	}
	return CICommand{"GitHub v1", name, pairs(properties, ";"),
		unescape(data, "%3B", ";", "%0D", "\r", "%0A", "\n", "%5D", "]", "%25", "%")}, true
}

// azurePipelines is the agent's Command.TryParse. The letter case of its prefix doesn't count, as in its newer versions.
// https://github.com/microsoft/azure-pipelines-agent/blob/master/src/Microsoft.VisualStudio.Services.Agent/Command.cs
func azurePipelines(message string) (CICommand, bool) {
	_, rest, ok := cutAnywhere(message, "##vso[", true)
	if !ok {
		return CICommand{}, false
	}
	info, data, ok := strings.Cut(rest, "]")
	name, properties, _ := strings.Cut(info, " ")
	areaAndEvent := strings.FieldsFunc(name, func(r rune) bool { return r == '.' })
	if !ok || len(areaAndEvent) != 2 {
		return CICommand{}, false
	}
	return CICommand{"Azure Pipelines", name, pairs(properties, ";"),
		unescape(data, "%3B", ";", "%0D", "\r", "%0A", "\n", "%5D", "]", "%AZP25", "%")}, true
}

func pairs(properties, separator string) map[string]string {
	set := map[string]string{}
	for property := range strings.SplitSeq(properties, separator) {
		if name, value, ok := strings.Cut(strings.TrimLeft(property, "="), "="); ok && value != "" {
			set[strings.ToLower(strings.TrimSpace(name))] = value
		}
	}
	return set
}

func unescape(data string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		data = strings.ReplaceAll(data, pairs[i], pairs[i+1])
	}
	return data
}

// cutAtStart and cutAnywhere look as .NET's StartsWith and IndexOf do when they are given no StringComparison: by the
// rules of a language, which skip characters without weight, in the text and between the characters sought.
func cutAtStart(message, prefix string) (rest string, ok bool) {
	for i, r := range message {
		if end := matchSkipping(message[i:], prefix, false); end >= 0 {
			return message[i+end:], true
		}
		if !weightless(r) {
			return "", false
		}
	}
	return "", false
}

func cutAnywhere(message, sought string, fold bool) (before, after string, ok bool) {
	for i := 0; i < len(message); i++ {
		next := strings.IndexByte(message[i:], sought[0]) // a sign, which has no other case
		if next < 0 {
			break
		}
		i += next
		if end := matchSkipping(message[i:], sought, fold); end >= 0 {
			return message[:i], message[i+end:], true
		}
	}
	return "", "", false
}

// matchSkipping returns where sought ends in text, which begins with it; -1 if it doesn't.
func matchSkipping(text, sought string, fold bool) int {
	matched := 0
	for i, r := range text {
		if matched > 0 && weightless(r) {
			continue
		}
		want := rune(sought[matched])
		if r != want && !(fold && strings.EqualFold(string(r), string(want))) {
			return -1
		}
		if matched++; matched == len(sought) {
			return i + len(string(r))
		}
	}
	return -1
}

// weightless holds for what language-sensitive comparisons ignore, with ICU or with older Windows: most control
// characters, format characters, default ignorables, what isn't assigned, and the replacement character.
func weightless(r rune) bool {
	if ' ' <= r && r <= '~' {
		return false
	}
	if r == '\t' || r == '\v' || r == '\f' || r == unicode.ReplacementChar {
		return r == unicode.ReplacementChar
	}
	return !unicode.IsGraphic(r) ||
		unicode.In(r, unicode.Mn, unicode.Me, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// HarmfulIn returns what output must not hold: a command, the beginning of one at a line's end, where something may follow,
// or a character that controls, hides or moves text. Line feeds are allowed. It returns "" if there is nothing.
func HarmfulIn(output string) string {
	if commands := CICommands(output); len(commands) > 0 {
		return fmt.Sprintf("the command %+v", commands[0])
	}
	for line := range strings.SplitSeq(output, "\n") {
		if marker := markerIn(line); marker != "" {
			return fmt.Sprintf("%q of a command", marker)
		}
		if _, begins := cutAtStart(strings.TrimLeftFunc(line, unicode.IsSpace), "::"); begins {
			return "a line that begins with ::"
		}
	}
	for _, r := range output {
		if (r < ' ' || r > '~') && r != '\n' && (!unicode.IsGraphic(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)) {
			return fmt.Sprintf("the character %U", r)
		}
	}
	return ""
}

// markerIn returns what a command begins with that is in line, or whose beginning line ends in.
func markerIn(line string) string {
	if !strings.Contains(line, "#") {
		return ""
	}
	weighty := strings.Map(func(r rune) rune {
		if weightless(r) {
			return -1
		}
		return unicode.ToLower(unicode.ToUpper(r))
	}, line)
	for _, marker := range []string{"##[", "##vso["} {
		if strings.Contains(weighty, marker) {
			return marker
		}
		for end := 2; end < len(marker); end++ {
			if strings.HasSuffix(weighty, marker[:end]) {
				return marker[:end]
			}
		}
	}
	return ""
}

// RequireHarmless checks that output does nothing in a job's log but show.
func RequireHarmless(t testing.TB, output string) {
	t.Helper()
	if harm := HarmfulIn(output); harm != "" {
		require.Fail(t, "output holds "+harm, "%q", output)
	}
}

// Hostile are texts that a service, a proxy, a certificate, a token or an environment can hold, each of which does something
// in the log of a job that prints it raw. Each holds HostileMark, by which a test recognizes them in an output.
var Hostile = hostile()

// HostileMark is what remains of a hostile text whatever becomes of the rest.
const HostileMark = "evil-"

// AllHostile are the hostile texts one behind the other, which finds most of what they find.
var AllHostile = strings.Join(slices.Sorted(maps.Values(Hostile)), " ")

// FewHostile are AllHostile, as "all", and those that need a place of their own.
func FewHostile() map[string]string {
	few := map[string]string{"all": AllHostile}
	for _, name := range []string{"v2 at the start", "v2, LF", "split by ZWSP", "cut at the end", "a forged report"} {
		few[name] = Hostile[name]
	}
	return few
}

func hostile() map[string]string {
	texts := map[string]string{}
	for name, text := range map[string]string{
		"vso":                    "##vso[task.prependpath]/opt/evil",
		"VSO":                    "##VsO[task.setvariable variable=a;isOutput=true]b",
		"long s":                 "##vſo[task.prependpath]/opt/evil",
		"###":                    "###vso[task.prependpath]/opt/evil",
		"twice":                  "####vso[a.b]##vso[task.prependpath]/opt/evil",
		"v1":                     "##[add-path]/opt/evil",
		"v1 properties":          "##[set-env name=PATH]/opt/evil",
		"section":                "##[section]all went well",
		"v2, LF":                 "\n::add-mask::e",
		"v2, CR":                 "\r::set-env name=A::b",
		"v2, CRLF":               "\r\n  ::stop-commands::x",
		"v2, NEL":                "\u0085::error file=a::b",
		"v2, LS":                 "\u2028::error::b",
		"v2, VT":                 "\v::error::b",
		"vso, LF":                "\n##vso[task.complete result=Succeeded]done",
		"split by NUL":           "##\x00vso[task.prependpath]/opt/evil",
		"split by ZWSP":          "#\u200b#[add-path]/opt/evil",
		"split by SHY":           "##v\u00adso[task.prependpath]/opt/evil",
		"split by CGJ":           "##\u034f[add-path]/opt/evil",
		"split by U+FFFD":        "##\ufffdvso[task.prependpath]/opt/evil",
		"split by bytes":         "##\xff\xfevso[task.prependpath]/opt/evil",
		"v2 behind ZWSP":         "\n\u200b:\u200b:add-mask::e",
		"cut at the end":         "##vso",
		"cut earlier":            "##",
		"escapes":                "\x1b[2J\x1b]0;title\x07\b\b\x7f",
		"C1":                     "\u009b2J\u0090q\u009c",
		"bidi":                   "\u202egnp.exe\u2066x\u2069\u200f",
		"tags":                   "\U000e0061\U000e0062\ufe0f\u180e\u2060\ufeff",
		"a forged report":        "\n  do:        run this",
		"HTML":                   "<script>alert(1)</script>",
		"percent":                "%0A::add-mask::e%23%23vso[task.prependpath]/opt/evil",
		"private, noncharacters": "\ue000\ufffe\U0010ffff",
	} {
		texts[name] = HostileMark + text
	}
	texts["v2 at the start"] = "::add-mask::" + HostileMark
	texts["v2 at the start, ZWSP"] = "\u200b:\u2060:warning::" + HostileMark
	texts["vso at the start"] = "##vso[task.prependpath]" + HostileMark
	return texts
}
