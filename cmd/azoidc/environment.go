package main

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// environment is as in os.Environ.
type environment []string

// get returns a variable's value, without the white space that pasted values end in.
func (e environment) get(name string) string {
	value, _ := e.look(name)
	return strings.TrimSpace(value)
}

// look returns a variable's value as it is, and whether it is set.
func (e environment) look(name string) (string, bool) {
	for _, variable := range slices.Backward(e) { // the last one counts, as in os/exec
		if n, value, _ := strings.Cut(variable, "="); sameName(n, name) {
			return value, true
		}
	}
	return "", false
}

// first returns the value of the first of the variables that is set.
func (e environment) first(names ...string) string {
	for _, name := range names {
		if value := e.get(name); value != "" {
			return value
		}
	}
	return ""
}

// unless returns the flag's value if it has one, else that of the first of the variables that is set, and where it's from.
func (e environment) unless(flag, value string, variables []string) (result, from string) {
	if value != "" {
		return value, flag
	}
	return e.first(variables...), strings.Join(variables, " or ")
}

func (e environment) isTrue(name string) bool {
	value, err := strconv.ParseBool(strings.ToLower(e.get(name))) // Azure Pipelines writes True
	return err == nil && value
}

// without returns a copy that lacks the variables.
func (e environment) without(names ...string) environment {
	return slices.DeleteFunc(slices.Clone(e), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.ContainsFunc(names, func(n string) bool { return sameName(n, name) })
	})
}

// with returns a copy in which the variables are set.
func (e environment) with(variables map[string]string) environment {
	changed := slices.Clone(e)
	for name, value := range variables {
		changed = append(changed.without(name), name+"="+value)
	}
	return changed
}

func sameName(a, b string) bool {
	if runtime.GOOS == "windows" {
		return strings.EqualFold(a, b)
	}
	return a == b
}
