package login

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/advice"
)

func TestClockWithoutAnswer(t *testing.T) {
	c := newClock(failing{})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://login.microsoftonline.com", nil)
	require.NoError(t, err)
	_, err = c.Do(request)
	require.Error(t, err)
	_, ok := c.offset()
	require.False(t, ok)
	c = newClock(&answering{status: http.StatusOK}) // which doesn't tell its time
	response, err := c.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	_, ok = c.offset()
	require.False(t, ok)
}

type failing struct{}

func (failing) Do(*http.Request) (*http.Response, error) { return nil, errors.New("no network") }

func TestTokenTimes(t *testing.T) {
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return now.Add(d) }
	for name, test := range map[string]struct {
		claims      azoidc.Claims
		want, doubt string
		err         string
	}{
		"new":          {azoidc.Claims{IssuedAt: at(-time.Second), NotBefore: at(-10 * time.Minute), ExpiresAt: at(5 * time.Minute)}, "lives for 5m0s", "", ""},
		"no times":     {azoidc.Claims{}, "", "no end", ""},
		"from a cache": {azoidc.Claims{IssuedAt: at(-23 * time.Hour), ExpiresAt: at(time.Hour)}, "", "23h0m0s old when it came, and ends in 1h0m0s", ""},
		"over":         {azoidc.Claims{IssuedAt: at(-time.Hour), ExpiresAt: at(-time.Minute)}, "", "", "it had ended 1m0s before it came"},
		"the future":   {azoidc.Claims{IssuedAt: at(time.Hour), ExpiresAt: at(2 * time.Hour)}, "", "", "issued 1h0m0s in the future"},
		"not yet":      {azoidc.Claims{IssuedAt: at(0), NotBefore: at(time.Hour), ExpiresAt: at(2 * time.Hour)}, "", "", "isn't valid for another 1h0m0s"},
		"just over":    {azoidc.Claims{IssuedAt: at(-time.Minute), ExpiresAt: at(-1)}, "", "", "it had ended 0s before it came"},
		"ends now":     {azoidc.Claims{IssuedAt: at(-time.Minute), ExpiresAt: at(0)}, "lives for 0s", "", ""},
		"a bit ahead":  {azoidc.Claims{IssuedAt: at(advice.WrongClock - 1), NotBefore: at(advice.WrongClock - 1), ExpiresAt: at(time.Hour)}, "lives for 1h0m0s", "", ""},
		"too far":      {azoidc.Claims{IssuedAt: at(advice.WrongClock), ExpiresAt: at(time.Hour)}, "", "", "issued 2m0s in the future"},
		"not soon":     {azoidc.Claims{NotBefore: at(advice.WrongClock), ExpiresAt: at(time.Hour)}, "", "", "isn't valid for another 2m0s"},
		"still new":    {azoidc.Claims{IssuedAt: at(-oldToken), ExpiresAt: at(time.Hour)}, "lives for 1h0m0s", "", ""},
		"only an end":  {azoidc.Claims{ExpiresAt: at(time.Hour)}, "lives for 1h0m0s", "", ""},
		"backwards":    {azoidc.Claims{IssuedAt: at(2 * time.Minute), ExpiresAt: at(time.Minute)}, "", "", "ends before it was issued"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &examination{claims: test.claims, received: now, clock: newClock(nil)}
			detail, err := e.tokenTimes()
			requireFound(t, detail, err, test.want, test.doubt, test.err)
		})
	}
}

// TestTokenTimesByTheServersClock: a slow machine's tokens come from the future, and are sane all the same.
func TestTokenTimesByTheServersClock(t *testing.T) {
	now := time.Now()
	e := &examination{received: now, clock: newClock(nil), claims: azoidc.Claims{IssuedAt: now.Add(time.Hour), ExpiresAt: now.Add(65 * time.Minute)}}
	_, err := e.tokenTimes()
	require.Error(t, err)
	e.clock.read(now.Add(time.Hour), now, time.Millisecond)
	detail, err := e.tokenTimes()
	require.NoError(t, err)
	require.Contains(t, detail, "lives for 5m0s")
	e.clock = newClock(nil)
	e.clock.read(now.Add(-time.Hour), now, time.Millisecond) // a proxy's
	e.claims = azoidc.Claims{IssuedAt: now, ExpiresAt: now.Add(5 * time.Minute)}
	detail, err = e.tokenTimes()
	require.NoError(t, err)
	require.Contains(t, detail, "lives for 5m0s")
}

// The sooner an answer comes, the better it tells when the server read its clock.
func TestTheClockGoesByTheFastestAnswer(t *testing.T) {
	now := time.Now()
	c := newClock(nil)
	for _, test := range []struct{ ahead, took, want time.Duration }{
		{time.Minute, 4 * time.Second, time.Minute + 500*time.Millisecond - 2*time.Second},
		{time.Hour, 5 * time.Second, time.Minute + 500*time.Millisecond - 2*time.Second},
		{2 * time.Minute, 0, 2*time.Minute + 500*time.Millisecond},
	} {
		c.read(now.Add(test.ahead), now, test.took)
		offset, ok := c.offset()
		require.True(t, ok)
		require.Equal(t, test.want, offset)
	}
}

func TestReadClock(t *testing.T) {
	e := &examination{clock: newClock(nil)}
	_, err := e.readClock()
	require.ErrorAs(t, err, new(skipped))
	require.Nil(t, e.found.ClockOffset)
	for diff, wrong := range map[time.Duration]bool{advice.WrongClock - 1: false, advice.WrongClock: true, 1 - advice.WrongClock: false, -advice.WrongClock: true} {
		e.clock.best, e.clock.diff = 1, diff
		detail, err := e.readClock()
		require.Equal(t, wrong, err != nil, diff)
		require.Equal(t, wrong, detail == "", diff)
		require.Equal(t, int64(diff.Round(time.Second).Seconds()), *e.found.ClockOffset)
	}
}
