// Exchanges OIDC tokens of GitHub's own client again and again, and prints what it gets. @actions/core prints commands for
// the runner, too.
import { setTimeout as sleep } from "node:timers/promises";
import { getIDToken } from "@actions/core";
import { ClientAssertionCredential } from "@azure/identity";

const [scope, jobLength, askEvery] = process.argv.slice(3);
const { ARM_TENANT_ID, ARM_CLIENT_ID, AZURE_AUTHORITY_HOST } = process.env;
for (const end = Date.now() + jobLength * 1000; Date.now() < end; await sleep(askEvery * 1000)) {
  const credential = new ClientAssertionCredential(
    ARM_TENANT_ID,
    ARM_CLIENT_ID,
    () => getIDToken("api://AzureADTokenExchange"),
    { authorityHost: AZURE_AUTHORITY_HOST, disableInstanceDiscovery: true },
  );
  const { token } = await credential.getToken(scope);
  console.log(`\ntoken: ${token}`);
}
