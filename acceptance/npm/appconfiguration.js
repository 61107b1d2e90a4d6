// Prints the scope that App Configuration's client asks for, and gives it no token.
import { AppConfigurationClient } from "@azure/app-configuration";

const credential = {
  async getToken(scopes) {
    console.log([scopes].flat().join(" "));
    throw new Error("no token");
  },
};
const client = new AppConfigurationClient("https://octo.azconfig.io", credential, { retryOptions: { maxRetries: 0 } });
await client.getConfigurationSetting({ key: "octo" }).catch(() => {});
