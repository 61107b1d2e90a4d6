package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneLine(t *testing.T) {
	require.Equal(t, "a ::add-mask::b", oneLine("a\n::add-mask::b\r\n"))
	require.Len(t, []rune(oneLine(strings.Repeat("é", maxQuote+1))), maxQuote+1)
}
