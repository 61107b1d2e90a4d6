package main

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestDoctorFindsAWrongClock(t *testing.T) {
	for name, test := range map[string]struct {
		ahead time.Duration // the servers' clocks
		want  string
		well  bool
	}{
		"slow":          {10 * time.Minute, "behind the server's: set it", false},
		"fast":          {-10 * time.Minute, "ahead of the server's: set it", false},
		"a little slow": {30 * time.Second, "behind the server's", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := azoidctest.New(nil)
				job := cloud.GitHubJob(nil)
				p := inJob(cloud, job.Env())
				p.transport = shifted{cloud, test.ahead}
				d, _ := diagnose(t, p)
				require.Equal(t, test.well, d.Well)
				require.Contains(t, d.resultOf(t, "clock").Detail, test.want)
				require.InDelta(t, test.ahead.Seconds(), *d.ClockOffset, 1)
			})
		})
	}
}

// shifted is a cloud whose clocks are ahead.
type shifted struct {
	cloud *azoidctest.Cloud
	ahead time.Duration
}

func (s shifted) Do(r *http.Request) (*http.Response, error) {
	response, err := s.cloud.Do(r)
	if err == nil {
		response.Header.Set("Date", time.Now().Add(s.ahead).UTC().Format(http.TimeFormat))
	}
	return response, err
}

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
