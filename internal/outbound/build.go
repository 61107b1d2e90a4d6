package outbound

import (
	"runtime/debug"
	"strings"
	"sync"
)

// Module is this module's path. Requests for assertions are labelled with it and the version of the [Build] that sends them.
const Module = "github.com/azoidc/azoidc"

// unknownVersion is the version of a build from a folder without one.
const unknownVersion = "v0.0.0-devel"

// A Build is what is known of a build of this module, by what the Go tool has written into the program. So no version is
// written down in the code.
type Build struct {
	Version  string // of this module, such as v1.2.3; always a semantic version without metadata
	Commit   string // that it was built from, "" where the Go tool had no repository
	Modified bool   // there were changes that aren't in Commit
}

// ReadBuild reads the running program's, which can be this module's own or one that imports it.
var ReadBuild = sync.OnceValue(func() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Build{Version: unknownVersion}
	}
	return buildOf(info)
})

func buildOf(info *debug.BuildInfo) Build {
	build := Build{Version: semanticVersion(versionIn(info))}
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

// semanticVersion leaves out what azcore doesn't take in a version: +dirty, +incompatible, (devel).
func semanticVersion(version string) string {
	version, _, _ = strings.Cut(version, "+")
	if !strings.HasPrefix(version, "v") {
		return unknownVersion
	}
	return version
}
