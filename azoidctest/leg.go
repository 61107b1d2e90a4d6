package azoidctest

import (
	"slices"
	"time"
)

// Leg is a group of the cloud's endpoints. Faults, latency and the record of requests are kept by leg.
type Leg int

const (
	Elsewhere                Leg = iota // no endpoint of the cloud; the answer is 404
	GitHubOIDC                          // where a GitHub job requests OIDC tokens
	AzureDevOpsOIDC                     // where an Azure Pipelines job requests OIDC tokens
	EntraInstanceDiscovery              // {authority}/common/discovery/instance
	EntraOpenIDConfiguration            // {authority}/{tenant}/v2.0/.well-known/openid-configuration, read by a client
	EntraToken                          // {authority}/{tenant}/oauth2/v2.0/token
	IssuerDocuments                     // issuers' discovery documents, read by Entra or a service, and all JWKS
	Services                            // see [Cloud.Service]
	legCount
)

var legNames = [legCount]string{
	"Elsewhere", "GitHubOIDC", "AzureDevOpsOIDC", "EntraInstanceDiscovery", "EntraOpenIDConfiguration", "EntraToken",
	"IssuerDocuments", "Services",
}

// String returns the name of the constant, or "Leg?" if there is none.
func (l Leg) String() string {
	if l < 0 || l >= legCount {
		return "Leg?"
	}
	return legNames[l]
}

// clientLegs returns the legs that lie between a job and its access token.
func clientLegs() []Leg {
	return []Leg{GitHubOIDC, AzureDevOpsOIDC, EntraInstanceDiscovery, EntraOpenIDConfiguration, EntraToken}
}

func allLegs() []Leg {
	legs := make([]Leg, legCount)
	for i := range legs {
		legs[i] = Leg(i)
	}
	return legs
}

// legState is what stands between a leg's requests and their answers.
type legState struct {
	latency time.Duration
	next    []Fault // one for each of the next requests
	always  Fault   // for all after those
}

// SetLatency delays the answer to each request on the legs by d, as a round trip would. A d of 0 ends the delay. If no legs
// are given, it sets the latency of [GitHubOIDC], [AzureDevOpsOIDC], [EntraInstanceDiscovery], [EntraOpenIDConfiguration]
// and [EntraToken]. Entra's own reading of issuers' documents isn't delayed.
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

// Fail lets fault answer every request on the leg, until [Cloud.Mend]. If the leg is [IssuerDocuments], Entra also forgets
// the CI issuers' keys that it has read before.
func (c *Cloud) Fail(leg Leg, fault Fault) {
	c.impair(leg, func(state *legState) { state.always = fault })
}

// FailNext lets fault answer the leg's next n requests. Faults of earlier calls of FailNext come first; the fault that
// [Cloud.Fail] has set comes after all of them. If the leg is [IssuerDocuments], Entra forgets keys as with [Cloud.Fail].
func (c *Cloud) FailNext(leg Leg, n int, fault Fault) {
	c.impair(leg, func(state *legState) { state.next = append(state.next, slices.Repeat([]Fault{fault}, n)...) })
}

func (c *Cloud) impair(leg Leg, change func(*legState)) {
	if leg == IssuerDocuments {
		c.ciKeys.forget()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.legs[leg])
}

// Mend removes the faults of the legs. If no legs are given, it removes all faults. It doesn't change latency.
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

// impede returns what the leg has in store for the request that has just arrived.
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
