package advice

// PublicAudience is what federated identity credentials hold in the public cloud.
const PublicAudience = "api://AzureADTokenExchange"

// ExchangeAudience is what Microsoft Entra recommends as the audience of federated identity credentials in the cloud of
// this authority host, which is lower-case.
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust
func ExchangeAudience(authorityHost string) string {
	switch authorityHost {
	case "login.microsoftonline.us", "login.usgovcloudapi.net", "login-us.microsoftonline.com":
		return PublicAudience + "USGov"
	case "login.partner.microsoftonline.cn", "login.chinacloudapi.cn":
		return PublicAudience + "China"
	}
	return PublicAudience
}
