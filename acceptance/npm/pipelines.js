import { AzurePipelinesCredential } from "@azure/identity";

const env = process.env;
const credential = new AzurePipelinesCredential(
  env.AZURESUBSCRIPTION_TENANT_ID,
  env.AZURESUBSCRIPTION_CLIENT_ID,
  env.AZURESUBSCRIPTION_SERVICE_CONNECTION_ID,
  env.SYSTEM_ACCESSTOKEN,
  { authorityHost: env.AZURE_AUTHORITY_HOST, disableInstanceDiscovery: true },
);
const { token } = await credential.getToken(process.argv[2]);
console.log(token);
