package tokencache

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/azoidc/azoidc/internal/redact"
)

// JoinByCause joins the errors of scopes that were asked for together, errs[i] being that of scopes[i], or nil. The text
// has each cause once, after the scopes that failed of it.
func JoinByCause(scopes []string, errs []error) error {
	var causes []*cause
	joined := &joinedError{}
	for i, err := range errs {
		if err == nil {
			continue
		}
		scope := named(scopes[i])
		joined.errs = append(joined.errs, fmt.Errorf("%s: %w", scope, err))
		likeness := likenessOf(err.Error(), scopes[i])
		at := slices.IndexFunc(causes, func(c *cause) bool { return c.likeness == likeness })
		if at < 0 {
			at = len(causes)
			causes = append(causes, &cause{likeness: likeness, text: err.Error(), first: scopes[i]})
		}
		if !slices.Contains(causes[at].scopes, scope) {
			causes[at].scopes = append(causes[at].scopes, scope)
		}
	}
	if len(causes) == 0 {
		return nil
	}
	texts := make([]string, len(causes))
	for i, c := range causes {
		texts[i] = c.String()
	}
	joined.text = redact.Text(strings.Join(texts, "\n"))
	return joined
}

// named makes a scope fit for an error.
func named(scope string) string {
	if strings.TrimSpace(scope) == "" {
		return fmt.Sprintf("%q", scope)
	}
	return redact.Line(scope)
}

// A joinedError holds an error for each scope that failed.
type joinedError struct {
	text string
	errs []error
}

func (e *joinedError) Error() string   { return e.text }
func (e *joinedError) Unwrap() []error { return e.errs }

// A cause is that of one or more errors.
type cause struct {
	likeness string
	text     string // of the error of the first scope
	first    string
	scopes   []string
}

func (c *cause) String() string {
	text := c.text
	if len(c.scopes) > 1 {
		text = withoutScope(text, c.first) // they all stand before it
	}
	return strings.Join(c.scopes, ", ") + ": " + text
}

// unalike is what differs between two errors of one cause: identifiers of a request, times, and the report's lines of those.
var unalike = regexp.MustCompile(`(?m)^ +(trace|attempts):.*$|` +
	`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|` +
	`\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?Z?`)

// likenessOf is the same for errors of the same cause.
func likenessOf(text, scope string) string {
	return unalike.ReplaceAllString(withoutScope(text, scope), "")
}

// withoutScope takes out of a text where this library's errors name the scope that was asked for. A service's own words
// about a scope may be about that one only.
func withoutScope(text, scope string) string {
	text = strings.ReplaceAll(text, ", scope "+scope, "")
	return strings.ReplaceAll(text, quoted([]string{scope}), "it")
}
