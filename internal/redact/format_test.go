package redact_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/redact"
)

type options struct {
	Name, Token string
}

func (o options) Format(s fmt.State, verb rune) {
	type shown options
	self := o
	o.Token = redact.Hide(o.Token)
	redact.FormatStruct(s, verb, self, shown(o))
}

type Embedding struct {
	options
	Timeout time.Duration
	path    string
}

type embeddingTwice struct {
	Embedding
	Note  string
	other *options
}

type holding struct {
	Options options
	Any     any
}

// TestFormatStruct: neither the secret nor the fields of who embeds it are lost.
func TestFormatStruct(t *testing.T) {
	o := options{"n", "SECRET"}
	e := Embedding{o, time.Second, "/p"}
	twice := embeddingTwice{e, "note", nil}
	for _, test := range []struct {
		format string
		value  any
		want   string
	}{
		{"%v", o, "{n [redacted]}"},
		{"%v", &o, "{n [redacted]}"},
		{"%+v", o, "{Name:n Token:[redacted]}"},
		{"%v", []options{o}, "[{n [redacted]}]"},
		{"%v", e, "{{n [redacted]} 1s /p}"},
		{"%+v", e, "{options:{Name:n Token:[redacted]} Timeout:1s path:/p}"},
		{"%+v", &e, "&{options:{Name:n Token:[redacted]} Timeout:1s path:/p}"},
		{"%+v", twice, "{Embedding:{options:{Name:n Token:[redacted]} Timeout:1s path:/p} Note:note other:<nil>}"},
		{"%+v", map[string]Embedding{"k": e}, "map[k:{options:{Name:n Token:[redacted]} Timeout:1s path:/p}]"},
		{"%#v", Embedding{options{}, 1, "/p"}, `redact_test.Embedding{options:redact_test.shown{Name:"", Token:""}, Timeout:1, path:"/p"}`},
		{"%+v", struct {
			options
			holding
		}{o, holding{o, o}}, "{options:{Name:n Token:[redacted]} holding:{Options:{Name:n Token:[redacted]} Any:{Name:n Token:[redacted]}}}"},
		{"%v", embeddingPause{o, time.Second}, "{{n [redacted]} 1000000000}"},
		{"%v", (*Embedding)(nil), "<nil>"},
	} {
		require.Equal(t, test.want, fmt.Sprintf(test.format, test.value))
	}
}

// embeddingPause's fields are printed as fmt prints them: of one that isn't exported no method is called.
type embeddingPause struct {
	options
	pause time.Duration
}

// Printers of somebody else's, that have what was looked for in fmt's own.
type (
	printer struct {
		strings.Builder
		arg any
	}
	wordy string
	bare  struct{ *printer }
)

func (*printer) Width() (int, bool)     { return 0, false }
func (*printer) Precision() (int, bool) { return 0, false }
func (*printer) Flag(int) bool          { return false }

func (*wordy) Width() (int, bool)     { return 0, false }
func (*wordy) Precision() (int, bool) { return 0, false }
func (*wordy) Flag(int) bool          { return false }
func (w *wordy) Write(p []byte) (int, error) {
	*w += wordy(p)
	return len(p), nil
}

// TestFormatStructForAnotherPrinter prints self alone.
func TestFormatStructForAnotherPrinter(t *testing.T) {
	o := options{"n", "SECRET"}
	var words wordy
	o.Format(&words, 'v')
	require.EqualValues(t, "{n [redacted]}", words)
	p := &printer{arg: Embedding{o, time.Second, "/p"}}
	o.Format(p, 'v')
	require.Equal(t, "{n [redacted]}", p.String())
	o.Format(bare{p}, 'v')
	require.Equal(t, "{n [redacted]}{n [redacted]}", p.String())
}

type told string

func (w told) Format(s fmt.State, verb rune) { redact.FormatText(s, verb, "told", string(w)) }

// TestFormatText: fmt's verbs, widths and flags mean what they mean for a string.
func TestFormatText(t *testing.T) {
	for format, want := range map[string]string{
		"%v": "words", "%s": "words", "%+v": "words", "%q": `"words"`, "%8s": "   words", "%-8v|": "words   |", "%x": "776f726473",
		"%#v": `told("words")`, "%#q": "`words`",
	} {
		require.Equal(t, want, fmt.Sprintf(format, told("words")), format)
	}
}
