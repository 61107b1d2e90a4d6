package msal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	azruntime "github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/msal"
	"github.com/azoidc/azoidc/internal/testbed"
)

const (
	address  = "https://login.example/tenant/v2.0/.well-known/openid-configuration"
	document = `{"issuer":"i","authorization_endpoint":"a","token_endpoint":"t"}`
)

// A service answers with what answer says, and counts.
type service struct {
	msal.Documents
	answer func(*http.Request) (*http.Response, error)
	asked  atomic.Int32
}

func (s *service) Do(req *http.Request) (*http.Response, error) {
	s.asked.Add(1)
	return s.answer(req)
}

// always answers after a second.
func always(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		select {
		case <-time.After(time.Second):
		case <-req.Context().Done():
			return nil, context.Cause(req.Context())
		}
		return &http.Response{StatusCode: status, Header: http.Header{"Date": {"d"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// read asks for the document at url, through the pipeline of a credential.
func (s *service) read(ctx context.Context, url string, giveUp <-chan struct{}) (body string, status int, err error) {
	keeper := policyFunc(func(req *policy.Request) (*http.Response, error) { return s.Documents.Do(req, giveUp) })
	pipeline := azruntime.NewPipeline("m", "v", azruntime.PipelineOptions{}, &policy.ClientOptions{
		Transport: s, Retry: policy.RetryOptions{MaxRetries: -1}, PerCallPolicies: []policy.Policy{keeper}})
	req, err := azruntime.NewRequest(ctx, http.MethodGet, url)
	if err != nil {
		return "", 0, err
	}
	resp, err := pipeline.Do(req)
	if err != nil {
		return "", 0, err
	}
	read, err := io.ReadAll(resp.Body)
	return string(read), resp.StatusCode, err
}

type policyFunc func(*policy.Request) (*http.Response, error)

func (f policyFunc) Do(req *policy.Request) (*http.Response, error) { return f(req) }

func TestAsks(t *testing.T) {
	for url, want := range map[string]bool{
		address: true, address + "?x=1": true, "https://login.example/tenant/oauth2/v2.0/token": false,
		"https://login.example/common/discovery/instance?x=" + address: true, "https://login.example/x/common/discovery/instance": false,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		require.Equal(t, want, msal.AsksForDocument(req), url)
		req.Method = http.MethodPost
		require.False(t, msal.AsksForDocument(req))
	}
}

func TestADocumentIsReadOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: always(200, document)}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				body, status, err := s.read(t.Context(), address, nil)
				assert.NoError(t, err)
				assert.Equal(t, 200, status)
				assert.Equal(t, document, body, "each has a reader of its own")
			})
		}
		all.Wait()
		require.EqualValues(t, 1, s.asked.Load())

		began := time.Now()
		body, _, err := s.read(t.Context(), address, nil)
		require.NoError(t, err)
		require.Equal(t, document, body)
		require.Zero(t, time.Since(began))
		require.EqualValues(t, 1, s.asked.Load(), "it is kept")

		_, _, err = s.read(t.Context(), "https://other.example"+"/.well-known/openid-configuration", nil)
		require.NoError(t, err)
		require.EqualValues(t, 2, s.asked.Load(), "another is another")

		s.Forget(address)
		_, _, err = s.read(t.Context(), address, nil)
		require.NoError(t, err)
		require.EqualValues(t, 3, s.asked.Load(), "it was forgotten")
	})
}

func TestWhatIsOfNoUseIsSharedButNotKept(t *testing.T) {
	failed := func(*http.Request) (*http.Response, error) {
		time.Sleep(time.Second)
		return nil, errors.New("reset")
	}
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"failure": failed, "refusal": always(500, document), "empty": always(200, ""), "cut": always(200, document[:40]),
		"no issuer": always(200, strings.Replace(document, `"i"`, `""`, 1)), "no endpoint": always(200, strings.Replace(document, `"t"`, `""`, 1)),
		"no text":                   always(200, `{"tenant_discovery_endpoint":"x","issuer":1}`),
		"no authorization endpoint": always(200, strings.Replace(document, `"a"`, `""`, 1)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{answer: answer}
				var all sync.WaitGroup
				for range 3 {
					all.Go(func() { _, _, _ = s.read(t.Context(), address, nil) })
				}
				all.Wait()
				require.EqualValues(t, 1, s.asked.Load())
				require.Zero(t, s.Kept())
				_, _, _ = s.read(t.Context(), address, nil)
				require.EqualValues(t, 2, s.asked.Load())
			})
		})
	}
}

// TestAReadOutlivesItsFirstCaller while somebody else waits for it.
func TestAReadOutlivesItsFirstCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: always(200, document)}
		first, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, _, err := s.read(first, address, nil)
			assert.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		all.Go(func() {
			body, _, err := s.read(t.Context(), address, nil)
			assert.NoError(t, err)
			assert.Equal(t, document, body)
		})
		synctest.Wait()
		cancel()
		all.Wait()
		require.EqualValues(t, 1, s.asked.Load())
	})
}

// TestAReadEndsWithTheLastWhoWaits, and whoever comes then gets another one.
func TestAReadEndsWithTheLastWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		s := &service{answer: func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			close(ended)
			return nil, req.Context().Err()
		}}
		ctx, cancel := context.WithCancel(t.Context())
		giveUp := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			_, _, err := s.read(ctx, address, nil)
			assert.ErrorIs(t, err, context.Canceled)
		})
		all.Go(func() {
			_, _, err := s.read(t.Context(), address, giveUp)
			assert.ErrorIs(t, err, msal.ErrGivenUp)
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		select {
		case <-ended:
			t.Fatal("it ended while somebody waited")
		default:
		}
		close(giveUp)
		<-ended
		all.Wait()
		s.answer = always(200, document)
		body, _, err := s.read(t.Context(), address, nil)
		require.NoError(t, err)
		require.Equal(t, document, body)
	})
}

// TestReadsOfSeveralDocuments are each their own, and shared.
func TestReadsOfSeveralDocuments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: always(200, document)}
		var all sync.WaitGroup
		for _, host := range []string{"a", "b", "a", "b"} {
			all.Go(func() {
				_, _, err := s.read(t.Context(), "https://"+host+".example/.well-known/openid-configuration", nil)
				assert.NoError(t, err)
			})
			synctest.Wait()
		}
		all.Wait()
		require.EqualValues(t, 2, s.asked.Load())
	})
}

// TestAReadThatEndsSlowly, after the last who waited for it has left, is in nobody's way.
func TestAReadThatEndsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(*http.Request) (*http.Response, error) {
			time.Sleep(10 * time.Second)
			return nil, errors.New("the first one's end")
		}}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, _, err := s.read(ctx, address, nil)
			assert.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		cancel()
		all.Wait()
		s.answer = func(req *http.Request) (*http.Response, error) {
			time.Sleep(20 * time.Second)
			return always(200, document)(req)
		}
		for range 2 {
			all.Go(func() {
				body, _, err := s.read(t.Context(), address, nil)
				assert.NoError(t, err)
				assert.Equal(t, document, body)
			})
			time.Sleep(15 * time.Second) // the first one lands
		}
		all.Wait()
		require.EqualValues(t, 2, s.asked.Load())
	})
}

// TestWhoLeavesLate, when another read has begun, leaves that to those who wait for it.
func TestWhoLeavesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 { // for who can leave may be told the answer as well
			s := &service{answer: always(500, "")}
			var all sync.WaitGroup
			for start, ctx := range map[time.Duration]context.Context{
				0:                       late{context.WithoutCancel(t.Context()), 1500 * time.Millisecond},
				1200 * time.Millisecond: t.Context(),
				1800 * time.Millisecond: t.Context(),
			} {
				all.Go(func() {
					time.Sleep(start)
					_, _, _ = s.read(ctx, address, nil)
				})
			}
			all.Wait()
			require.EqualValues(t, 2, s.asked.Load())
		}
	})
}

// late has ended, and takes its time to say so.
type late struct {
	context.Context
	time.Duration
}

func (late) Err() error { return context.Canceled }

func (l late) Done() <-chan struct{} {
	time.Sleep(l.Duration)
	done := make(chan struct{})
	close(done)
	return done
}

// TestWhyAReadFailed is said to all who wait, and so is why its answer broke off.
func TestWhyAReadFailed(t *testing.T) {
	for want, answer := range map[string]func(*http.Request) (*http.Response, error){
		"reset": func(*http.Request) (*http.Response, error) { return nil, errors.New("reset") },
		"torn": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(iotest.ErrReader(errors.New("torn")))}, nil
		},
	} {
		s := &service{answer: answer}
		_, _, err := s.read(t.Context(), address, nil)
		require.ErrorContains(t, err, want)
	}
}

// TestWhyAnAnswerBrokeOff in the hands of the caller's own policies is said, too.
func TestWhyAnAnswerBrokeOff(t *testing.T) {
	s := &service{answer: always(200, document)}
	keeper := policyFunc(func(req *policy.Request) (*http.Response, error) { return s.Documents.Do(req, nil) })
	tearing := policyFunc(func(*policy.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(iotest.ErrReader(errors.New("torn")))}, nil
	})
	pipeline := azruntime.NewPipeline("m", "v", azruntime.PipelineOptions{}, &policy.ClientOptions{
		Transport: s, Retry: policy.RetryOptions{MaxRetries: -1},
		PerCallPolicies: []policy.Policy{keeper}, PerRetryPolicies: []policy.Policy{tearing}})
	req, err := azruntime.NewRequest(t.Context(), http.MethodGet, address)
	require.NoError(t, err)
	_, err = pipeline.Do(req)
	require.ErrorContains(t, err, "torn")
}

// TestAnswersAreTheirReadersOwn, whether kept or just come; and what read them is released.
func TestAnswersAreTheirReadersOwn(t *testing.T) {
	var sent context.Context
	s := &service{answer: func(req *http.Request) (*http.Response, error) {
		sent = req.Context()
		return &http.Response{StatusCode: 200, Header: http.Header{"A": {"1"}}, Body: io.NopCloser(strings.NewReader(document))}, nil
	}}
	spoiling := policyFunc(func(req *policy.Request) (*http.Response, error) {
		resp, err := s.Documents.Do(req, nil)
		if err == nil {
			require.Same(t, req.Raw(), resp.Request)
			require.NotContains(t, resp.Header, "Spoiled")
			resp.Header.Set("Spoiled", "yes")
		}
		return resp, err
	})
	pipeline := azruntime.NewPipeline("m", "v", azruntime.PipelineOptions{}, &policy.ClientOptions{Transport: s, PerCallPolicies: []policy.Policy{spoiling}})
	for range 3 {
		req, err := azruntime.NewRequest(t.Context(), http.MethodGet, address)
		require.NoError(t, err)
		_, err = pipeline.Do(req)
		require.NoError(t, err)
	}
	require.Error(t, sent.Err())
}

// TestTheDocumentsOfEverNewTenantsAreBounded, and the latest is kept.
func TestTheDocumentsOfEverNewTenantsAreBounded(t *testing.T) {
	testbed.NotShort(t, "reads very many documents")
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: always(200, document)}
		for i := range 1500 {
			url := fmt.Sprintf("https://login.example/%d/v2.0/.well-known/openid-configuration", i)
			for range 2 {
				_, _, err := s.read(t.Context(), url, nil)
				require.NoError(t, err)
			}
			require.EqualValues(t, i+1, s.asked.Load())
		}
		require.Equal(t, 1000, s.Kept())
	})
}

// TestAPanicIsAnError for all who wait, and so is the end of its goroutine.
func TestAPanicIsAnError(t *testing.T) {
	for want, end := range map[string]func(){"boom": func() { panic("boom") }, "ended its goroutine": runtime.Goexit} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{answer: func(*http.Request) (*http.Response, error) {
				time.Sleep(time.Second)
				end()
				return nil, nil
			}}
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					_, _, err := s.read(t.Context(), address, nil)
					assert.ErrorContains(t, err, want)
				})
			}
			all.Wait()
			require.EqualValues(t, 1, s.asked.Load())
		})
	}
}

// TestWhatIsSaidOfAnAuthorityIsKept, for each authority by itself.
func TestWhatIsSaidOfAnAuthorityIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: always(200, `{"tenant_discovery_endpoint":"https://login.private.example/x"}`)}
		for _, authority := range []string{"a", "b", "a", "b"} {
			_, _, err := s.read(t.Context(), "https://login.example/common/discovery/instance?authorization_endpoint="+authority, nil)
			require.NoError(t, err)
		}
		require.EqualValues(t, 2, s.asked.Load())
	})
}
