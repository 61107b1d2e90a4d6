package clock_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/clock"
)

func dated(t time.Time) http.Header {
	return http.Header{"Date": {t.UTC().Format(http.TimeFormat)}}
}

func requireUnknown(t *testing.T, service *clock.Service) {
	t.Helper()
	offset, told := service.Offset()
	require.False(t, told)
	require.Zero(t, offset)
}

func offset(t *testing.T, service *clock.Service) time.Duration {
	t.Helper()
	offset, told := service.Offset()
	require.True(t, told)
	return offset
}

func TestAServicesClockGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var service clock.Service
		requireUnknown(t, &service)
		service.Hear(http.Header{"Date": {"noon"}})
		requireUnknown(t, &service)

		service.Hear(dated(time.Now().Add(-10 * time.Minute)))
		time.Sleep(3 * time.Hour)
		require.Equal(t, -10*time.Minute, offset(t, &service))

		service.Hear(http.Header{})
		require.Equal(t, -10*time.Minute, offset(t, &service), "what was heard last counts")
		service.Hear(dated(time.Now().AddDate(3, 0, 0)))
		require.InDelta(t, 3*365*24*time.Hour, offset(t, &service), float64(48*time.Hour))
	})
}

func TestTheOffsetOfOneAnswer(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	offset, told := clock.Offset(dated(now.Add(time.Minute)), now)
	require.True(t, told)
	require.Equal(t, time.Minute, offset)
	offset, told = clock.Offset(http.Header{}, now)
	require.False(t, told)
	require.Zero(t, offset)
}
