// The unmodified GrowthBook SDK, streaming: node stream.mjs URL KEY FLAG STREAM
// Prints the flag's value as a line of JSON, now and whenever it changes; ends with its standard input.
import { EventSource } from "eventsource";
import { GrowthBook, setPolyfills } from "@growthbook/growthbook";

const [url, key, flag, stream] = process.argv.slice(2);
setPolyfills({ EventSource });
const client = new GrowthBook({
  apiHost: url,
  clientKey: key,
  streamingHost: stream,
  attributes: { id: "user-1" },
});
await client.init({ timeout: 10_000, streaming: true });
let last;
const tell = () => {
  const value = client.getFeatureValue(flag, null);
  if (value === last) return;
  last = value;
  console.log(JSON.stringify(value));
};
tell();
client.setRenderer(tell);
process.stdin.on("end", () => process.exit(0)).resume();
