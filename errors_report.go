package azoidc

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A report is an error's text: a headline, then one labelled line for each thing that is known.
type report struct {
	headline string
	lines    []string
}

func (r *report) line(label string, parts ...string) {
	parts = slices.DeleteFunc(slices.Clone(parts), func(part string) bool { return part == "" })
	if len(parts) > 0 {
		r.lines = append(r.lines, fmt.Sprintf("\n  %-11s%s", label+":", strings.Join(parts, ", ")))
	}
}

func (r *report) claims(label string, c *Claims) {
	if c == nil {
		return
	}
	r.line(label,
		labelled("issuer", c.Issuer),
		labelled("subject", c.Subject),
		labelled("audience", strings.Join(c.Audience, " ")),
		labelled("issued", timestamp(c.IssuedAt)),
		labelled("expires", timestamp(c.ExpiresAt)),
		labelled("job_workflow_ref", c.JobWorkflowRef))
}

func (r *report) attempts(n int) {
	if n > 1 {
		r.line("attempts", fmt.Sprint(n))
	}
}

func (r *report) String() string { return r.headline + strings.Join(r.lines, "") }

func labelled(label, value string) string {
	if value == "" {
		return ""
	}
	return label + " " + value
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func scopeList(scopes []string) string {
	return labelled("scope", strings.Join(scopes, " "))
}
