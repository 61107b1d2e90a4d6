package outbound_test

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/outbound"
)

func TestBuildVersion(t *testing.T) {
	other := debug.Module{Path: "example.com/deploy", Version: "v9.9.9"}
	for name, test := range map[string]struct {
		info debug.BuildInfo
		want string
	}{
		"a release":            {debug.BuildInfo{Main: debug.Module{Path: outbound.Module, Version: "v1.2.3"}}, "v1.2.3"},
		"a commit":             {debug.BuildInfo{Main: debug.Module{Path: outbound.Module, Version: "v1.2.4-0.20261121150405-abcdef123456+dirty"}}, "v1.2.4-0.20261121150405-abcdef123456"},
		"a folder":             {debug.BuildInfo{Main: debug.Module{Path: outbound.Module, Version: "(devel)"}}, "v0.0.0-devel"},
		"nothing":              {debug.BuildInfo{}, "v0.0.0-devel"},
		"imported":             {debug.BuildInfo{Main: other, Deps: []*debug.Module{{Path: "a"}, {Path: outbound.Module, Version: "v1.2.3"}}}, "v1.2.3"},
		"imported, replaced":   {debug.BuildInfo{Main: other, Deps: []*debug.Module{{Path: outbound.Module, Version: "v1.2.3", Replace: &debug.Module{Path: "b", Version: "v1.3.0"}}}}, "v1.3.0"},
		"imported from a path": {debug.BuildInfo{Main: other, Deps: []*debug.Module{{Path: outbound.Module, Version: "v1.2.3", Replace: &debug.Module{Path: "../azoidc"}}}}, "v0.0.0-devel"},
		"not imported":         {debug.BuildInfo{Main: other, Deps: []*debug.Module{{Path: "a", Version: "v1.0.0"}}}, "v0.0.0-devel"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, outbound.BuildOf(&test.info).Version) })
	}
}

// The commit of a program that imports this module says nothing about this module.
func TestBuildCommit(t *testing.T) {
	settings := []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}
	own := debug.BuildInfo{Main: debug.Module{Path: outbound.Module, Version: "v1.2.3"}, Settings: settings}
	require.Equal(t, outbound.Build{Version: "v1.2.3", Commit: "abc", Modified: true}, outbound.BuildOf(&own))
	others := debug.BuildInfo{Main: debug.Module{Path: "example.com/deploy"}, Settings: settings,
		Deps: []*debug.Module{{Path: outbound.Module, Version: "v1.2.3"}}}
	require.Equal(t, outbound.Build{Version: "v1.2.3"}, outbound.BuildOf(&others))
}

// azcore takes the version of this very build.
func TestReadBuild(t *testing.T) {
	require.Regexp(t, `^v\d+\.\d+\.\d+(-[a-zA-Z0-9_.-]+)?$`, outbound.ReadBuild().Version)
}
