package advice_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/advice"
)

func TestDescribeOffset(t *testing.T) {
	for offset, want := range map[time.Duration]string{
		0:                                "in step with the server's",
		1499 * time.Millisecond:          "in step with the server's",
		-1499 * time.Millisecond:         "in step with the server's",
		1500 * time.Millisecond:          "2s behind the server's",
		-1500 * time.Millisecond:         "2s ahead of the server's",
		11*time.Minute + time.Nanosecond: "11m0s behind the server's",
		-time.Hour:                       "1h0m0s ahead of the server's",
	} {
		require.Equal(t, want, advice.DescribeOffset(offset), offset)
	}
}
