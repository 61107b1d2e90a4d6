package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneLine(t *testing.T) {
	require.Equal(t, "a ::add-mask::b", oneLine("a\n::add-mask::b\r\n"))
}
