package azoidctest

// Leg is a group of the cloud's endpoints: faults, latency and the record of requests are kept by leg.
type Leg int

const (
	Elsewhere                Leg = iota // no endpoint of the cloud: 404
	GitHubOIDC                          // where a GitHub job asks for OIDC tokens
	AzureDevOpsOIDC                     // where an Azure Pipelines job asks for OIDC tokens
	EntraInstanceDiscovery              // {authority}/common/discovery/instance
	EntraOpenIDConfiguration            // {authority}/{tenant}/v2.0/.well-known/openid-configuration, when read by clients
	EntraToken                          // {authority}/{tenant}/oauth2/v2.0/token
	IssuerDocuments                     // every issuer's discovery document and JWKS, when read by Entra and services; all JWKS
	Services                            // see [Cloud.Service]
	legCount
)

var legNames = [legCount]string{
	"Elsewhere", "GitHubOIDC", "AzureDevOpsOIDC", "EntraInstanceDiscovery", "EntraOpenIDConfiguration", "EntraToken",
	"IssuerDocuments", "Services",
}

// String is the name of the constant.
func (l Leg) String() string {
	if l < 0 || l >= legCount {
		return "Leg?"
	}
	return legNames[l]
}

// clientLegs are those that lie between a job and its access token.
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
