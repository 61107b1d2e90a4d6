package doctor

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
)

func TestClockWithoutAnswer(t *testing.T) {
	c := newClock(failing{})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://login.microsoftonline.com", nil)
	require.NoError(t, err)
	_, err = c.Do(request)
	require.Error(t, err)
	_, ok := c.offset()
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
		"backwards":    {azoidc.Claims{IssuedAt: at(2 * time.Minute), ExpiresAt: at(time.Minute)}, "", "", "ends before it was issued"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &examination{claims: test.claims, received: now, clock: newClock(nil)}
			detail, err := e.tokenTimes()
			switch {
			case test.err != "":
				require.ErrorContains(t, err, test.err)
				require.NotErrorAs(t, err, new(questionable))
			case test.doubt != "":
				require.ErrorContains(t, err, test.doubt)
				require.ErrorAs(t, err, new(questionable))
			default:
				require.NoError(t, err)
				require.Contains(t, detail, test.want)
			}
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
	_, err = e.tokenTimes()
	require.NoError(t, err)
}
