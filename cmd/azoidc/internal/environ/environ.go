// Package environ is an environment as a value: that of this process, or of one that it starts.
package environ

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Variables are as in [os.Environ]: NAME=VALUE each. Of several with the same name the last one counts.
type Variables []string

// Get returns a variable's value, without the white space that pasted values end in.
func (e Variables) Get(name string) string {
	value, _ := e.Look(name)
	return strings.TrimSpace(value)
}

// Look returns a variable's value as it is, and whether it is set.
func (e Variables) Look(name string) (string, bool) {
	for _, variable := range slices.Backward(e) { // the last one counts, as in os/exec
		if n, value, _ := strings.Cut(variable, "="); SameName(n, name) {
			return value, true
		}
	}
	return "", false
}

// First returns the value of the first of the variables that is set.
func (e Variables) First(names ...string) string {
	for _, name := range names {
		if value := e.Get(name); value != "" {
			return value
		}
	}
	return ""
}

// Unless returns the flag's value if it has one, else that of the first of the variables that is set, and where it's from.
func (e Variables) Unless(flag, value string, variables []string) (result, from string) {
	if value != "" {
		return value, flag
	}
	return e.First(variables...), strings.Join(variables, " or ")
}

// IsTrue tells whether the variable says so, in one of the ways that [strconv.ParseBool] knows.
func (e Variables) IsTrue(name string) bool {
	value, err := strconv.ParseBool(strings.ToLower(e.Get(name))) // Azure Pipelines writes True
	return err == nil && value
}

// Without returns a copy that lacks the variables.
func (e Variables) Without(names ...string) Variables {
	return slices.DeleteFunc(slices.Clone(e), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.ContainsFunc(names, func(n string) bool { return SameName(n, name) })
	})
}

// With returns a copy in which the variables are set.
func (e Variables) With(variables map[string]string) Variables {
	changed := slices.Clone(e)
	for name, value := range variables {
		changed = append(changed.Without(name), name+"="+value)
	}
	return changed
}

// SameName tells whether two names are the same variable's: on Windows their case doesn't matter.
func SameName(a, b string) bool {
	if runtime.GOOS == "windows" {
		return strings.EqualFold(a, b)
	}
	return a == b
}
