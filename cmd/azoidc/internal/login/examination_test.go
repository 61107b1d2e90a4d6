package login

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
)

func TestManagementScope(t *testing.T) {
	for host, want := range map[string]string{
		"https://login.microsoftonline.us/":         "https://management.usgovcloudapi.net/.default",
		"https://login.chinacloudapi.cn/":           "https://management.chinacloudapi.cn/.default",
		"https://login.partner.microsoftonline.cn/": "https://management.chinacloudapi.cn/.default",
		"https://login.microsoftonline.com/":        "https://management.azure.com/.default",
	} {
		require.Equal(t, want, managementScope(host), host)
	}
}

func TestHostOf(t *testing.T) {
	root, ok := hostOf("https://a.example:8443/b?c")
	require.True(t, ok)
	require.Equal(t, "https://a.example:8443/", root.String())
	for _, address := range []string{"", "a.example/b", "https://a b", "%"} {
		_, ok := hostOf(address)
		require.False(t, ok, address)
	}
}

// What isn't tried takes no time.
func TestStepsTellHowTheyWent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &examination{}
		for _, err := range []error{nil, errors.New("refused"), skipped("no need"), fmt.Errorf("%w", questionable("old"))} {
			e.step("a step", func() (string, error) {
				time.Sleep(1500 * time.Millisecond)
				return "fine", err
			})
		}
		require.Equal(t, []Step{
			{"a step", resultOK, 1500, "fine"}, {"a step", ResultFailed, 1500, "refused"},
			{"a step", resultSkipped, 0, "no need"}, {"a step", resultWarning, 1500, "old"},
		}, e.found.Steps)
	})
}

func TestLifeOf(t *testing.T) {
	now := time.Now()
	require.Equal(t, "without an end", lifeOf(azoidc.Claims{}, now))
	require.Equal(t, "ends in 5m0s", lifeOf(azoidc.Claims{ExpiresAt: now.Add(5 * time.Minute)}, now))
}

// The commands are for who lacks the credential, and not for who has another trouble.
func TestLacksFederation(t *testing.T) {
	for _, code := range []string{"AADSTS70021", "AADSTS700211", "AADSTS700212", "AADSTS700213", "AADSTS7002131", "AADSTS7002137", "AADSTS70025", "AADSTS7000226"} {
		require.True(t, lacksFederation(fmt.Errorf("%w", &azoidc.ExchangeError{Code: code})), code)
	}
	for _, err := range []error{nil, errors.New("AADSTS70021"), &azoidc.ExchangeError{Code: "AADSTS700016"}, &azoidc.ExchangeError{}} {
		require.False(t, lacksFederation(err), err)
	}
}

// Every request is seen by the clock. Only of the way that the environment tells is it known which proxy it takes.
func TestNewExamination(t *testing.T) {
	var l Login
	e := newExamination(nil, l)
	require.NotNil(t, e.proxy)
	require.Same(t, e.clock, e.login.Client.Transport)
	l.Client.Transport = failing{}
	e = newExamination(nil, l)
	require.Nil(t, e.proxy)
	require.Same(t, e.clock, e.login.Client.Transport)
}

func TestExamineWithoutHosts(t *testing.T) {
	l := Login{AuthorityHost: "%"}
	l.Client.Transport = failing{}
	for _, s := range Examine(t.Context(), nil, l, nil, false).Steps {
		require.NotContains(t, s.Name, "network")
	}
}

// requireFound is about a step's outcome: what it found, or else what is doubtful, or what is wrong.
func requireFound(t *testing.T, detail string, err error, want, doubt, wrong string) {
	t.Helper()
	switch {
	case wrong != "":
		require.ErrorContains(t, err, wrong)
		require.NotErrorAs(t, err, new(questionable))
	case doubt != "":
		require.ErrorContains(t, err, doubt)
		require.ErrorAs(t, err, new(questionable))
	default:
		require.NoError(t, err)
		require.Contains(t, detail, want)
	}
}
