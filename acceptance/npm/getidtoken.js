// Exchanges an OIDC token of GitHub's own client, as a workflow's JavaScript does. @actions/core prints commands for the
// runner, so the token of interest is the last line.
import { getIDToken } from "@actions/core";
import { ClientAssertionCredential } from "@azure/identity";

const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_AUTHORITY_HOST } = process.env;
const credential = new ClientAssertionCredential(
  AZURE_TENANT_ID,
  AZURE_CLIENT_ID,
  () => getIDToken("api://AzureADTokenExchange"),
  { authorityHost: AZURE_AUTHORITY_HOST, disableInstanceDiscovery: true },
);
const { token } = await credential.getToken(process.argv[2]);
console.log(token);
