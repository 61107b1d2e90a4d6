// Command sbom writes the software bill of materials of a Go binary, in CycloneDX, from what Go itself recorded in it: the
// modules with their checksums, and the standard library. The same binary always gives the same document.
//
//	sbom BINARY DOCUMENT
package main

import (
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: sbom BINARY DOCUMENT")
	}
	info, err := buildinfo.ReadFile(args[0])
	if err != nil {
		return err
	}
	d, err := describe(info)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(args[1], append(text, '\n'), 0o644)
}

// document is as in https://cyclonedx.org/docs/1.6/json/.
type document struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Component  component  `json:"component"`
	Properties []property `json:"properties"`
}

type component struct {
	Type    string   `json:"type"`
	Ref     string   `json:"bom-ref"`
	Name    string   `json:"name"`
	Version string   `json:"version"`
	PURL    string   `json:"purl"`
	Hashes  []digest `json:"hashes,omitempty"`
}

type digest struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func describe(info *debug.BuildInfo) (document, error) {
	program, err := moduleOf(&info.Main, "application")
	if err != nil {
		return document{}, err
	}
	d := document{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata:   metadata{Component: program, Properties: settings(info)},
		Components: []component{newComponent("library", "std", strings.TrimPrefix(info.GoVersion, "go"))},
	}
	for _, dependency := range info.Deps {
		if dependency.Replace != nil {
			dependency = dependency.Replace
		}
		c, err := moduleOf(dependency, "library")
		if err != nil {
			return document{}, err
		}
		d.Components = append(d.Components, c)
	}
	return d, nil
}

func newComponent(kind, name, version string) component {
	purl := "pkg:golang/" + name + "@" + strings.ReplaceAll(version, "+", "%2B")
	return component{Type: kind, Ref: purl, Name: name, Version: version, PURL: purl}
}

// moduleOf takes a module's checksum, of all its files as go.sum has it, for its hash; so does CycloneDX' own tool for Go.
func moduleOf(module *debug.Module, kind string) (component, error) {
	c := newComponent(kind, module.Path, module.Version)
	encoded, ok := strings.CutPrefix(module.Sum, "h1:")
	if !ok {
		return c, nil // a build from a folder has no checksum of the program's own module
	}
	sum, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return component{}, fmt.Errorf("the checksum of %s: %w", module.Path, err)
	}
	c.Hashes = []digest{{"SHA-256", hex.EncodeToString(sum)}}
	return c, nil
}

// settings are how the binary was built.
func settings(info *debug.BuildInfo) []property {
	var properties []property
	for _, setting := range info.Settings {
		properties = append(properties, property{"go:build:" + setting.Key, setting.Value})
	}
	return properties
}
