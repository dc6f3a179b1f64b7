// The unmodified GrowthBook SDK for servers: node answers.mjs URL KEY FILE FLAG…
// FILE holds an array of contexts as JSON; prints, for each flag, the values they get.
import { readFileSync } from "node:fs";
import { GrowthBookClient } from "@growthbook/growthbook";

const [url, key, file, ...flags] = process.argv.slice(2);
const contexts = JSON.parse(readFileSync(file, "utf8"));
const client = new GrowthBookClient({ apiHost: url, clientKey: key });
const { success, error } = await client.init({ timeout: 10_000 });
if (!success) throw error ?? new Error("no features");
const served = {};
for (const flag of flags) {
  served[flag] = contexts.map((attributes) => client.evalFeature(flag, { attributes }).value);
}
console.log(JSON.stringify(served));
client.destroy();
