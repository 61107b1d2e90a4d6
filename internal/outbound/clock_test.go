package outbound_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/outbound"
)

func dated(t time.Time) http.Header {
	return http.Header{"Date": {t.UTC().Format(http.TimeFormat)}}
}

func requireNoOffset(t *testing.T, service *outbound.Clock) {
	t.Helper()
	offset, told := service.Offset()
	require.False(t, told)
	require.Zero(t, offset)
}

func offsetOf(t *testing.T, service *outbound.Clock) time.Duration {
	t.Helper()
	offset, told := service.Offset()
	require.True(t, told)
	return offset
}

func TestAServicesClockGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var service outbound.Clock
		requireNoOffset(t, &service)
		service.Hear(http.Header{"Date": {"noon"}})
		requireNoOffset(t, &service)

		service.Hear(dated(time.Now().Add(-10 * time.Minute)))
		time.Sleep(3 * time.Hour)
		require.Equal(t, -10*time.Minute, offsetOf(t, &service))

		service.Hear(http.Header{})
		require.Equal(t, -10*time.Minute, offsetOf(t, &service), "what was heard last counts")
		service.Hear(dated(time.Now().AddDate(3, 0, 0)))
		require.InDelta(t, 3*365*24*time.Hour, offsetOf(t, &service), float64(48*time.Hour))
	})
}

func TestTheOffsetOfOneAnswer(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	offset, told := outbound.ClockOffset(dated(now.Add(time.Minute)), now)
	require.True(t, told)
	require.Equal(t, time.Minute, offset)
	offset, told = outbound.ClockOffset(http.Header{}, now)
	require.False(t, told)
	require.Zero(t, offset)
}
