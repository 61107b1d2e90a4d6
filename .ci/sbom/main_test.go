package main

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// The document of this very test's binary, which Go has recorded the same things in.
func TestDocument(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	info, err := buildinfo.ReadFile(program)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "sbom.json")

	require.NoError(t, run([]string{program, file}))

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var d document
	require.NoError(t, json.Unmarshal(text, &d))
	require.Equal(t, "CycloneDX", d.Format)
	require.Equal(t, "github.com/azoidc/azoidc", d.Metadata.Component.Name)
	require.Contains(t, d.Metadata.Properties, property{"go:build:GOOS", runtime.GOOS})
	require.Len(t, d.Components, len(info.Deps)+1)
	require.Equal(t, "pkg:golang/std@"+info.GoVersion[2:], d.Components[0].PURL)
	for _, c := range d.Components[1:] {
		require.Regexp(t, "^pkg:golang/"+c.Name+"@v", c.PURL)
		require.Len(t, c.Hashes[0].Content, 64)
	}

	again := filepath.Join(t.TempDir(), "again.json")
	require.NoError(t, run([]string{program, again}))
	same, err := os.ReadFile(again)
	require.NoError(t, err)
	require.Equal(t, string(text), string(same))
}

func TestNoBinary(t *testing.T) {
	require.Error(t, run([]string{"main.go", filepath.Join(t.TempDir(), "sbom.json")}))
	require.ErrorContains(t, run(nil), "usage")
}
