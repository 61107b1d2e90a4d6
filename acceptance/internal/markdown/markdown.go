// Package markdown reads the code of README.md and the guides, for the tests that run it.
package markdown

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Block is one of code in a page.
type Block struct {
	Page     string // from the repository's root
	Heading  string // under which it stands
	Line     int    // in the page
	Language string
	Text     string
}

// At names the block's place for a message.
func (b Block) At() string { return fmt.Sprintf("%s:%d", b.Page, b.Line) }

// A Kind is what a block of YAML is for.
type Kind int

const (
	Other    Kind = iota
	Workflow      // of GitHub Actions
	Steps         // of a workflow's job
	Pipeline      // of Azure
)

// Kind tells what a block of YAML is for; what can't be parsed is an error.
func (b Block) Kind() (Kind, error) {
	var document any
	if err := yaml.Unmarshal([]byte(b.Text), &document); err != nil {
		return Other, fmt.Errorf("%s: %w", b.At(), err)
	}
	switch document := document.(type) {
	case map[string]any:
		if document["on"] != nil && document["jobs"] != nil {
			return Workflow, nil
		}
		if document["steps"] != nil || document["extends"] != nil || document["stages"] != nil {
			return Pipeline, nil
		}
	case []any:
		for _, step := range document {
			if step, ok := step.(map[string]any); ok && (step["run"] != nil || step["uses"] != nil) {
				return Steps, nil
			}
		}
	}
	return Other, nil
}

// Pages are the names of all that users read, from the repository's root.
func Pages(root string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		return nil, err
	}
	names := []string{"README.md"}
	for _, path := range found {
		names = append(names, "docs/"+filepath.Base(path))
	}
	return names, nil
}

var fence = regexp.MustCompile("^```([a-z]*)$")

// Blocks are those of a page, in their order.
func Blocks(root, page string) ([]Block, error) {
	content, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		return nil, err
	}
	var (
		found   []Block
		heading string
		in      *Block
	)
	for i, line := range strings.Split(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n") {
		marks := fence.FindStringSubmatch(line)
		switch {
		case in != nil && line == "```":
			found, in = append(found, *in), nil
		case in != nil:
			in.Text += line + "\n"
		case marks != nil:
			in = &Block{Page: page, Heading: heading, Line: i + 1, Language: marks[1]}
		case strings.HasPrefix(line, "#"):
			heading = strings.TrimLeft(line, "# ")
		}
	}
	if in != nil {
		return nil, fmt.Errorf("%s: the block has no end", in.At())
	}
	return found, nil
}

// All are the blocks of all pages in a language.
func All(root, language string) ([]Block, error) {
	pages, err := Pages(root)
	if err != nil {
		return nil, err
	}
	var all []Block
	for _, page := range pages {
		blocks, err := Blocks(root, page)
		if err != nil {
			return nil, err
		}
		for _, b := range blocks {
			if b.Language == language {
				all = append(all, b)
			}
		}
	}
	return all, nil
}
