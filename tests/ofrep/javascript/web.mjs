// The unmodified OFREP provider for browsers: node web.mjs URL KEY; prints what it was told as JSON.
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { OpenFeature } from "@openfeature/web-sdk";

const [url, key] = process.argv.slice(2);
await OpenFeature.setContext({ targetingKey: "user-1", country: "DE" });
await OpenFeature.setProviderAndWait(
  new OFREPWebProvider({ baseUrl: url, pollInterval: 0, headers: [["Authorization", `Bearer ${key}`]] }),
);
const client = OpenFeature.getClient();
console.log(
  JSON.stringify({
    toggle: client.getBooleanDetails("toggle", false),
    theme: client.getStringDetails("theme", "none"),
    whole: client.getNumberDetails("whole", 0),
    share: client.getNumberDetails("share", 0),
    layout: client.getObjectDetails("layout", {}),
    ranker: client.getObjectDetails("ranker", {}),
    asleep: client.getStringDetails("asleep", "none"),
    unheard: client.getBooleanDetails("unheard-of", true),
    mistyped: client.getBooleanDetails("theme", false),
  }),
);
await OpenFeature.close();
process.exit(0);
