// The unmodified OFREP provider for servers: node server.mjs URL KEY; prints what it was told as JSON.
import { OFREPProvider } from "@openfeature/ofrep-provider";
import { OpenFeature } from "@openfeature/server-sdk";

const [url, key] = process.argv.slice(2);
await OpenFeature.setProviderAndWait(
  new OFREPProvider({ baseUrl: url, headers: [["Authorization", `Bearer ${key}`]] }),
);
const client = OpenFeature.getClient();
const user = { targetingKey: "user-1", country: "DE" };
console.log(
  JSON.stringify({
    toggle: await client.getBooleanDetails("toggle", false, user),
    theme: await client.getStringDetails("theme", "none", user),
    whole: await client.getNumberDetails("whole", 0, user),
    share: await client.getNumberDetails("share", 0, user),
    layout: await client.getObjectDetails("layout", {}, user),
    ranker: await client.getObjectDetails("ranker", {}, user),
    asleep: await client.getStringDetails("asleep", "none", user),
    unheard: await client.getBooleanDetails("unheard-of", true, user),
    nobody: await client.getBooleanDetails("toggle", false, {}),
    mistyped: await client.getBooleanDetails("theme", false, user),
  }),
);
await OpenFeature.close();
