package testkit

import (
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
)

// A Day is a job of 24 hours in which something is wrong again and again: connections that die, services that are busy or
// broken, throttling, and this machine's clock. All of it follows from the seed. It runs in a bubble.
type Day struct {
	Seed   uint64
	System System
	// Change, if set, changes the credential's options.
	Change func(*azoidc.CredentialOptions)
	// Restart is after how long another credential takes over, as of another process; 0: never.
	Restart time.Duration
}

// A Record is what became of a day.
type Record struct {
	Errors    []error
	Worst     time.Duration // of any wait after the first minute
	Exchanges int
	Troubles  int
}

// clocks are how far the services' clocks are ahead of this machine's.
var clocks = []time.Duration{0, -11 * time.Minute, 11 * time.Minute, -5 * time.Hour, 5 * time.Hour, -26280 * time.Hour, 26280 * time.Hour}

// troubles are what can be wrong on a leg.
var troubles = []azoidctest.Fault{
	azoidctest.Drop(), azoidctest.Hang(), azoidctest.Hang(), azoidctest.Truncate(), azoidctest.Empty(), Failing("EOF"), Failing("DNS"), Failing("TLS"),
	azoidctest.Status(http.StatusServiceUnavailable, http.Header{"Retry-After": {"20"}}, ""),
	azoidctest.Status(http.StatusInternalServerError, nil, "oops"),
	azoidctest.Status(http.StatusTooManyRequests, nil, ""),
	azoidctest.Status(http.StatusTooManyRequests, http.Header{"Retry-After": {"60"}}, ""),
	azoidctest.Status(http.StatusTooManyRequests, http.Header{"Retry-After": {"86400"}}, ""),
}

// Live lets the job ask for three scopes once a minute.
func (d Day) Live(t *testing.T) Record {
	t.Helper()
	l := d.begin(t)
	for minute := range 24 * 60 {
		time.Sleep(time.Until(l.began.Add(time.Duration(minute) * time.Minute)))
		l.change()
		if d.Restart > 0 && minute > 0 && minute%int(d.Restart.Minutes()) == 0 && !l.wrong {
			l.cred = l.make()
		}
		for _, scope := range []string{ManagementScope, VaultScope, StorageScope} {
			l.ask(t, scope)
		}
	}
	l.cloud.Mend()
	time.Sleep(10 * time.Minute) // until what hung has given up
	l.had.Exchanges = l.cloud.Count(azoidctest.EntraToken)
	return l.had
}

// A life is a day as it goes on.
type life struct {
	cloud  *azoidctest.Cloud
	legs   []azoidctest.Leg
	random *rand.Rand
	make   func() azcore.TokenCredential
	cred   azcore.TokenCredential
	offset atomic.Int64 // how far the services' clocks are ahead
	began  time.Time
	next   time.Time // when the trouble begins or ends
	wrong  bool
	had    Record
}

func (d Day) begin(t *testing.T) *life {
	t.Helper()
	l := &life{
		cloud:  azoidctest.New(&azoidctest.Options{AccessTokenLifetime: time.Hour, KeyBits: KeyBits}),
		legs:   d.System.Legs(),
		random: rand.New(rand.NewPCG(d.Seed, 0)),
		began:  time.Now(),
		next:   time.Now(),
		wrong:  true,
	}
	options := CredentialOptions(l.cloud)
	options.Transport = l.byItsClock(options.Transport)
	if d.Change != nil {
		d.Change(&options)
	}
	l.make = d.maker(t, l.cloud, options)
	l.cred = l.make()
	return l
}

// byItsClock dates the answers.
func (l *life) byItsClock(inner policy.Transporter) testbed.TransportFunc {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := inner.Do(r)
		if err == nil {
			resp.Header.Set("Date", time.Now().Add(time.Duration(l.offset.Load())).UTC().Format(http.TimeFormat))
		}
		return resp, err
	}
}

// change begins a trouble, or ends one, and then sets this machine's clock.
func (l *life) change() {
	if time.Now().Before(l.next) {
		return
	}
	if l.wrong = !l.wrong; l.wrong {
		l.cloud.Fail(l.legs[l.random.IntN(len(l.legs))], troubles[l.random.IntN(len(troubles))])
		l.next = time.Now().Add(time.Duration(1+l.random.IntN(8)) * time.Minute)
		l.had.Troubles++
		return
	}
	l.cloud.Mend()
	offset := clocks[l.random.IntN(len(clocks))]
	l.offset.Store(int64(offset))
	l.cloud.SetAssertionLifetime(5*time.Minute + offset)
	l.cloud.SetClockTolerance(offset.Abs() + 5*time.Minute)
	l.next = time.Now().Add(time.Duration(5+l.random.IntN(20)) * time.Minute)
}

func (l *life) ask(t *testing.T, scope string) {
	t.Helper()
	asked := time.Now()
	token, err := l.cred.GetToken(t.Context(), ForScope(scope))
	if err != nil {
		l.had.Errors = append(l.had.Errors, err)
		return
	}
	require.Positive(t, time.Until(token.ExpiresOn))
	if asked.Sub(l.began) >= time.Minute {
		l.had.Worst = max(l.had.Worst, time.Since(asked))
	}
}

// maker makes credentials for a job in cloud.
func (d Day) maker(t *testing.T, cloud *azoidctest.Cloud, options azoidc.CredentialOptions) func() azcore.TokenCredential {
	const aDay = 25 * time.Hour
	if d.System.Leg == azoidctest.GitHubOIDC {
		job := cloud.GitHubJob(&azoidctest.GitHubJobOptions{RequestTokenLifetime: aDay})
		return func() azcore.TokenCredential {
			cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), &azoidc.GitHubActionsCredentialOptions{
				CredentialOptions: options, RequestURL: job.RequestURL, RequestToken: job.RequestToken})
			require.NoError(t, err)
			return cred
		}
	}
	job := cloud.PipelinesJob(&azoidctest.PipelinesJobOptions{RequestTokenLifetime: aDay})
	return func() azcore.TokenCredential {
		cred, err := azoidc.NewAzurePipelinesCredential(cloud.TenantID(), cloud.ClientID(), job.ServiceConnectionID, job.SystemAccessToken,
			&azoidc.AzurePipelinesCredentialOptions{CredentialOptions: options, RequestURI: job.RequestURI})
		require.NoError(t, err)
		return cred
	}
}
