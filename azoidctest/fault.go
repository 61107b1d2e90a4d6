package azoidctest

import (
	"net/http"
	"slices"
	"time"
)

// A Fault answers a request instead of next, the cloud's own handler, or in its own way with it. Faults run
// concurrently. One that waits should heed the request's context.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// legState is what stands between a leg's requests and their answers.
type legState struct {
	latency time.Duration
	next    []Fault // one for each of the next requests
	always  Fault   // for all after those
}

// SetLatency makes each request on the legs wait that long before it's answered, as a round trip would; 0 ends it.
// Without legs it is set for [GitHubOIDC], [AzureDevOpsOIDC], [EntraInstanceDiscovery], [EntraOpenIDConfiguration] and
// [EntraToken]. Entra's own reading of issuers' documents isn't delayed.
func (c *Cloud) SetLatency(d time.Duration, legs ...Leg) {
	if len(legs) == 0 {
		legs = clientLegs()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, leg := range legs {
		c.legs[leg].latency = d
	}
}

// Fail gives every request on the leg to fault, until [Cloud.Mend]. With [IssuerDocuments], the keys of CI issuers
// that Entra has read before are forgotten.
func (c *Cloud) Fail(leg Leg, fault Fault) {
	c.impair(leg, func(state *legState) { state.always = fault })
}

// FailNext gives the leg's next n requests to fault, after those of earlier calls and before what [Cloud.Fail] has set.
func (c *Cloud) FailNext(leg Leg, n int, fault Fault) {
	c.impair(leg, func(state *legState) { state.next = append(state.next, slices.Repeat([]Fault{fault}, n)...) })
}

func (c *Cloud) impair(leg Leg, change func(*legState)) {
	if leg == IssuerDocuments {
		c.federated.forget()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.legs[leg])
}

// Mend removes the legs' faults; without legs, all faults. Latency stays.
func (c *Cloud) Mend(legs ...Leg) {
	if len(legs) == 0 {
		legs = allLegs()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, leg := range legs {
		c.legs[leg].next, c.legs[leg].always = nil, nil
	}
}

// impede is what the leg has for the request that just arrived.
func (c *Cloud) impede(leg Leg) (latency time.Duration, fault Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := &c.legs[leg]
	if len(state.next) == 0 {
		return state.latency, state.always
	}
	fault, state.next = state.next[0], state.next[1:]
	return state.latency, fault
}
