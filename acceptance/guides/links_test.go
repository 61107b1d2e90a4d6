package guides_test

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// maintainers are the pages that aren't guides.
var maintainers = map[string]bool{"docs/architecture.md": true, "docs/live.md": true, "docs/releases.md": true}

// TestLinks: what a page links to in this repository is there, sections included.
func TestLinks(t *testing.T) {
	links := 0
	for _, page := range append(pages(t), "SECURITY.md", "CONTRIBUTING.md", "BENCHMARKS.md", "CHANGELOG.md") {
		for _, match := range link.FindAllStringSubmatch(withoutBlocks(read(t, page)), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			links++
			path, anchor, _ := strings.Cut(match[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			info, err := os.Stat(filepath.Join(root, target))
			require.NoError(t, err, "%s links to %s", page, match[1])
			if anchor != "" {
				require.False(t, info.IsDir())
				require.Contains(t, anchors(read(t, target)), anchor, "%s links to %s", page, match[1])
			}
		}
	}
	require.Greater(t, links, 80)
}

var ownLink = regexp.MustCompile(`https://github\.com/azoidc/azoidc(?:/blob/main/([\w./-]+))?#?([\w-]*)`)

// TestLinksOfComments: what a doc comment links to in this repository is there, and each type by which programs begin has such a link.
func TestLinksOfComments(t *testing.T) {
	linked := 0
	for _, folder := range []string{".", "azoidctest", "tokenserver"} {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for line := range strings.Lines(read(t, strings.TrimPrefix(file, root+"/"))) {
				if !strings.HasPrefix(line, "//") && !strings.HasPrefix(line, "  ") {
					continue
				}
				for _, match := range ownLink.FindAllStringSubmatch(line, -1) {
					page := cmp.Or(match[1], "README.md")
					require.FileExists(t, filepath.Join(root, page), "%s: %s", file, line)
					if match[2] != "" {
						require.Contains(t, anchors(read(t, page)), match[2], "%s: %s", file, line)
					}
					linked++
				}
			}
		}
	}
	require.GreaterOrEqual(t, linked, 17)
}

// TestGuidesAreFound from the README, and lead back to it.
func TestGuidesAreFound(t *testing.T) {
	readme := read(t, "README.md")
	for _, page := range pages(t)[1:] {
		require.Contains(t, readme, "]("+page+")", page)
		if !maintainers[page] {
			require.Contains(t, read(t, page), "(../README.md#guides)", page)
		}
	}
}

var code = regexp.MustCompile("(?ms)^```.*?^```$")

func withoutBlocks(text string) string { return code.ReplaceAllString(text, "") }

// anchors are those that GitHub gives the headings of a page.
func anchors(text string) []string {
	var all []string
	for _, match := range heading.FindAllStringSubmatch(withoutBlocks(text), -1) {
		title := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(match[1]), "")
		all = append(all, strings.ReplaceAll(title, " ", "-"))
	}
	return all
}
