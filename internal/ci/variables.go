package ci

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Variables are an environment as a value: that of this process, or of one that it starts. They are as in [os.Environ]:
// NAME=VALUE each. Of several with the same name the last one counts.
type Variables []string

// Get returns a variable's value, without the white space that pasted values end in.
func (v Variables) Get(name string) string {
	value, _ := v.Look(name)
	return strings.TrimSpace(value)
}

// Look returns a variable's value as it is, and whether it is set.
func (v Variables) Look(name string) (string, bool) {
	for _, variable := range slices.Backward(v) { // the last one counts, as in os/exec
		if n, value, _ := strings.Cut(variable, "="); SameVariable(n, name) {
			return value, true
		}
	}
	return "", false
}

// First returns the value of the first of the variables that is set.
func (v Variables) First(names ...string) string {
	for _, name := range names {
		if value := v.Get(name); value != "" {
			return value
		}
	}
	return ""
}

// Unless returns the flag's value if it has one, else that of the first of the variables that is set, and where it's from.
func (v Variables) Unless(flag, value string, variables []string) (result, from string) {
	if value != "" {
		return value, flag
	}
	return v.First(variables...), strings.Join(variables, " or ")
}

// IsTrue tells whether the variable says so, in one of the ways that [strconv.ParseBool] knows.
func (v Variables) IsTrue(name string) bool { return isTrue(v.Get(name)) }

func isTrue(value string) bool {
	is, err := strconv.ParseBool(strings.ToLower(value)) // Azure Pipelines writes True
	return err == nil && is
}

// Without returns a copy that lacks the variables.
func (v Variables) Without(names ...string) Variables {
	return slices.DeleteFunc(slices.Clone(v), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.ContainsFunc(names, func(n string) bool { return SameVariable(n, name) })
	})
}

// With returns a copy in which the variables are set.
func (v Variables) With(variables map[string]string) Variables {
	changed := slices.Clone(v)
	for name, value := range variables {
		changed = append(changed.Without(name), name+"="+value)
	}
	return changed
}

// SameVariable tells whether two names are the same variable's: on Windows their case doesn't matter.
func SameVariable(a, b string) bool {
	if runtime.GOOS == "windows" {
		return strings.EqualFold(a, b)
	}
	return a == b
}
