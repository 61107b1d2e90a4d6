package advice

import (
	"fmt"
	"slices"
	"strings"
)

// Quote makes text one word of a command line. Both bash and PowerShell take it so, whatever is in it but a ' together
// with what is special between double quotes: that takes bash.
func Quote(text string) string {
	switch {
	case text != "" && !strings.ContainsFunc(text, isNotPlain):
		return text
	case !strings.Contains(text, "'"):
		return "'" + text + "'"
	case !strings.ContainsAny(text, "\"$`\\!"):
		return `"` + text + `"`
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// QuoteForPowerShell makes text one word of a command line of PowerShell's, whatever is in it. It doubles all that PowerShell
// takes for the end of a string in single quotes.
// https://github.com/PowerShell/PowerShell/blob/master/src/System.Management.Automation/engine/parser/CharTraits.cs
func QuoteForPowerShell(text string) string { return "'" + powerShellQuotes.Replace(text) + "'" }

var powerShellQuotes = strings.NewReplacer("'", "''", "‘", "‘‘", "’", "’’", "‚", "‚‚", "‛", "‛‛")

func isNotPlain(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./:", r))
}

// literal makes an object of names and values one word of a command line, as Azure CLI takes JSON from shells that
// swallow double quotes: with single ones, as Python writes it. What any of bash, PowerShell and cmd would change is
// written by its number, so that all of them take the same line.
// https://github.com/Azure/azure-cli/blob/dev/src/azure-cli-core/azure/cli/core/util.py (shell_safe_json_parse)
func literal(namesAndValues ...any) string {
	return `"` + object(namesAndValues...) + `"`
}

func object(namesAndValues ...any) string {
	var members []string
	for member := range slices.Chunk(namesAndValues, 2) {
		members = append(members, value(member[0])+":"+value(member[1]))
	}
	return "{" + strings.Join(members, ",") + "}"
}

// A member is the text of an object within another.
type member string

func value(v any) string {
	switch v := v.(type) {
	case member:
		return string(v)
	case []string:
		var elements []string
		for _, element := range v {
			elements = append(elements, value(element))
		}
		return "[" + strings.Join(elements, ",") + "]"
	case string:
		return "'" + escaped(v) + "'"
	}
	return fmt.Sprint(v)
}

func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\'':
			b.WriteString(`\'`)
		case r < ' ' || strings.ContainsRune("\"$`\\!%^&|<>", r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
