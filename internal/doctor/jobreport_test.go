package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAnnotationsSayWhatToDo without all that an error tells.
func TestAnnotationsSayWhatToDo(t *testing.T) {
	s := Step{Detail: "refused\n  asked:     POST\n  do:        this\n             az this\n"}
	require.Equal(t, "refused; do: this", s.inShort())
	require.Equal(t, "one; two", Step{Detail: "one\ntwo\n"}.inShort())
}
