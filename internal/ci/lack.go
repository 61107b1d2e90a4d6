package ci

import (
	"slices"
	"strings"
)

// A Lack is a setting that has no value, and what to do about it.
type Lack struct{ Setting, Remedy string }

// Lack says what to do about one of the system's variables that isn't set.
func (s *System) Lack(variable string) Lack { return Lack{variable, s.remedies[variable]} }

// Missing says which of the system's variables aren't set, and what to do about each.
func (s *System) Missing(variables ...string) string {
	var lacks []Lack
	for _, variable := range variables {
		lacks = append(lacks, s.Lack(variable))
	}
	return Missing(lacks...)
}

// Missing says all that is missing in one sentence, and each remedy once.
func Missing(lacks ...Lack) string { return MissingSettings(lacks...) + ": " + Remedies(lacks...) }

// MissingSettings says what is missing, without what to do.
func MissingSettings(lacks ...Lack) string {
	var settings []string
	for _, lack := range lacks {
		settings = append(settings, lack.Setting)
	}
	noun := "variable"
	if len(settings) > 1 {
		noun = "variables"
	}
	return "missing environment " + noun + " " + list(settings)
}

// Remedies are those of lacks, each once.
func Remedies(lacks ...Lack) string {
	var remedies []string
	for _, lack := range lacks {
		if !slices.Contains(remedies, lack.Remedy) {
			remedies = append(remedies, lack.Remedy)
		}
	}
	return strings.Join(remedies, "; ")
}

// list is an enumeration: "a", "a and b", "a, b and c".
func list(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
