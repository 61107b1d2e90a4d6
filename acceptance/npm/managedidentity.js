// Asks for tokens of a managed identity again and again, and prints them.
import { setTimeout as sleep } from "node:timers/promises";
import * as identity from "@azure/identity";

const [kind, scope, jobLength, askEvery] = process.argv.slice(2);
const credential = new identity[kind]();
for (const end = Date.now() + jobLength * 1000; Date.now() < end; await sleep(askEvery * 1000)) {
  const { token } = await credential.getToken(scope);
  console.log(`token: ${token}`);
}
