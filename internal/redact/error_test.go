package redact_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/internal/testbed"
)

func TestErrorIsStillWhatItWas(t *testing.T) {
	cause := &net.DNSError{Err: "no such host\n::error::x", Name: "##vso[a.b]", IsNotFound: true}
	err := redact.Error(&url.Error{Op: "Get", URL: "https://x", Err: cause})
	var found *net.DNSError
	require.ErrorAs(t, err, &found)
	require.Same(t, cause, found)
	require.ErrorIs(t, redact.Error(fmt.Errorf("\x1b%w", context.Canceled)), context.Canceled)
	require.Equal(t, `Get "https://x": lookup # #vso[a.b]: no such host ::error::x`, err.Error())
	for form, text := range testbed.Printed(err) {
		require.Empty(t, testbed.HarmfulIn(text), "%s: %s", form, text)
	}
	require.NotContains(t, testbed.Reachable(err), "##vso")
	require.Equal(t, "two\nlines of [redacted]", redact.Against("a-secret-token").Report(errors.New("two\r\nlines of a-secret-token")).Error())
}

// TestCleanErrorsAreUntouched, but for those of which JSON shows more than the text.
func TestCleanErrorsAreUntouched(t *testing.T) {
	for _, err := range []error{nil, errors.New("plain"), context.DeadlineExceeded, fmt.Errorf("w: %w", context.Canceled), syscall.ENOENT} {
		require.Equal(t, err, redact.Error(err))
	}
	for _, err := range []error{list{"\u200b"}, fields{"\u200b"}, names{"\u200b": "\u200b"}, &fields{"\u200b"}} {
		document, marshalled := json.Marshal(redact.Error(err))
		require.NoError(t, marshalled)
		require.Empty(t, testbed.HarmfulIn(string(document)))
		require.EqualError(t, redact.Error(err), "clean")
	}
	quoted := &url.Error{Op: "parse", URL: "\u200b", Err: errors.New("bad")}
	document, err := json.Marshal(redact.Error(quoted))
	require.NoError(t, err)
	require.Empty(t, testbed.HarmfulIn(string(document)))
	require.Equal(t, quoted.Error(), redact.Error(quoted).Error())
}

// Errors that say nothing amiss, and of which JSON shows more.
type (
	list   []string
	fields struct{ Name string }
	names  map[string]string
)

func (list) Error() string   { return "clean" }
func (fields) Error() string { return "clean" }
func (names) Error() string  { return "clean" }

func TestSecret(t *testing.T) {
	kept := redact.Keep("a-secret-token")
	require.Equal(t, "a-secret-token", kept.Reveal())
	require.Empty(t, redact.Secret{}.Reveal())
	require.Zero(t, redact.Keep(""))
	require.Equal(t, " [redacted]", fmt.Sprint(redact.Secret{}, kept))
	require.Equal(t, "[redacted]", kept.LogValue().String())
	document, err := json.Marshal([]redact.Secret{kept, {}})
	require.NoError(t, err)
	require.Equal(t, `["[redacted]",""]`, string(document))
	testbed.RequirePrintsNone(t, kept, "a-secret-token")
	testbed.RequirePrintsNone(t, struct{ Kept, kept redact.Secret }{kept, kept}, "a-secret-token")
}
