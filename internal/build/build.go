// Package build tells which build of this module is running, by what the Go tool has written into the program. So no
// version is written down in the code.
package build

import (
	"runtime/debug"
	"strings"
	"sync"
)

// Module is this module's path.
const Module = "github.com/azoidc/azoidc"

// unknown is the version of a build from a folder without one.
const unknown = "v0.0.0-devel"

// Info is what is known of a build.
type Info struct {
	Version  string // of this module, such as v1.2.3; always a semantic version without metadata
	Commit   string // that it was built from, "" where the Go tool had no repository
	Modified bool   // there were changes that aren't in Commit
}

// Read reads the running program's. Its program can be this module's own or one that imports it.
var Read = sync.OnceValue(func() Info {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Info{Version: unknown}
	}
	return of(info)
})

func of(info *debug.BuildInfo) Info {
	build := Info{Version: semantic(versionIn(info))}
	if info.Main.Path != Module { // the repository that was built isn't this module's
		return build
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			build.Commit = setting.Value
		case "vcs.modified":
			build.Modified = setting.Value == "true"
		}
	}
	return build
}

func versionIn(info *debug.BuildInfo) string {
	if info.Main.Path == Module {
		return info.Main.Version
	}
	for _, dependency := range info.Deps {
		if dependency.Path != Module {
			continue
		}
		if dependency.Replace != nil {
			return dependency.Replace.Version
		}
		return dependency.Version
	}
	return ""
}

// semantic leaves out what azcore doesn't take in a version: +dirty, +incompatible, (devel).
func semantic(version string) string {
	version, _, _ = strings.Cut(version, "+")
	if !strings.HasPrefix(version, "v") {
		return unknown
	}
	return version
}
