package tokenserver

// Env are the environment variables by which programs find a Handler that is served at endpoint, an http URL on
// loopback without a path. They hold the Handler's secrets.
//
// IDENTITY_ENDPOINT and IDENTITY_HEADER are for the Azure SDKs of today; MSI_ENDPOINT and MSI_SECRET for older clients,
// such as Azure CLI 2.45, which wants APPSETTING_WEBSITE_SITE_NAME to be set too; ARM_USE_MSI, ARM_MSI_ENDPOINT and
// ARM_MSI_API_VERSION for Terraform's azurerm provider. That sends no secret header
// (https://github.com/hashicorp/terraform-provider-azurerm/issues/33001), so its endpoint has a secret of its own in the path.
func (h *Handler) Env(endpoint string) map[string]string {
	return map[string]string{
		"IDENTITY_ENDPOINT":            endpoint + path,
		"IDENTITY_HEADER":              string(h.secret),
		"MSI_ENDPOINT":                 endpoint + path,
		"MSI_SECRET":                   string(h.secret),
		"APPSETTING_WEBSITE_SITE_NAME": "azoidc",
		"ARM_USE_MSI":                  "true",
		"ARM_MSI_ENDPOINT":             endpoint + path + "/" + string(h.addressSecret),
		"ARM_MSI_API_VERSION":          version2019,
	}
}
