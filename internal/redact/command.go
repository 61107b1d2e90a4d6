package redact

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// disarmed puts a space where a CI system would take line for a command:
//
//   - into the :: that line begins with, white space aside: GitHub's runner looks for ::name k=v::data there;
//   - between the # of ##[, ##vso[ and the like anywhere: GitHub's runner looks for ##[name k=v]data, Azure Pipelines'
//     agent for ##vso[area.event k=v]data, TeamCity for ##teamcity[. Where line ends in the beginning of one, too, for
//     something may follow.
//
// Both systems look by comparisons that skip characters without weight, so these count as absent.
// https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
// https://github.com/microsoft/azure-pipelines-agent/blob/master/src/Microsoft.VisualStudio.Services.Agent/Command.cs
func disarmed(line string) string {
	at := markers(line)
	if colon := leadingColons(line); colon >= 0 {
		at = slices.Insert(at, 0, colon)
	}
	if len(at) == 0 {
		return line
	}
	var b strings.Builder
	from := 0
	for _, to := range at {
		b.WriteString(line[from:to])
		b.WriteByte(' ')
		from = to
	}
	b.WriteString(line[from:])
	return b.String()
}

// leadingColons returns where the second colon is of a line that begins with two; -1 for any other.
func leadingColons(line string) int {
	first := strings.TrimLeftFunc(line, func(r rune) bool { return unicode.IsSpace(r) || absent(r) })
	if !strings.HasPrefix(first, ":") {
		return -1
	}
	second := strings.TrimLeftFunc(first[1:], absent)
	if !strings.HasPrefix(second, ":") {
		return -1
	}
	return len(line) - len(second)
}

// markers returns where all but the first # are of each run of them that begins a command.
func markers(line string) (at []int) {
	for i := 0; ; {
		next := strings.IndexByte(line[i:], '#')
		if next < 0 {
			return at
		}
		i += next
		run := len(at)
		for first := true; i < len(line); {
			r, size := utf8.DecodeRuneInString(line[i:])
			if r == '#' && !first {
				at = append(at, i)
			} else if r != '#' && !absent(r) {
				break
			}
			first = false
			i += size
		}
		if len(at) > run && !commandFollows(line[i:]) {
			at = at[:run]
		}
	}
}

// commandFollows tells whether rest, behind ##, is [ or a word and [, or ends within a known one.
func commandFollows(rest string) bool {
	behind := strings.TrimLeftFunc(rest, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || absent(r) })
	if behind != "" {
		return behind[0] == '['
	}
	word := strings.Map(func(r rune) rune {
		if absent(r) {
			return -1
		}
		return r
	}, rest)
	return begins("vso", word) || begins("teamcity", word)
}

func begins(name, word string) bool {
	n := utf8.RuneCountInString(word)
	return n <= len(name) && strings.EqualFold(name[:n], word)
}

// absent holds for what a comparison by a language's rules may skip.
func absent(r rune) bool { return r == unicode.ReplacementChar || unicode.IsMark(r) || hidden(r) }
