// Lists the events with the client of hey-api.
import { client } from "./generated/hey-api/client.gen.js";
import { eventsList } from "./generated/hey-api/index.js";

declare const process: { env: Record<string, string> };

client.setConfig({ baseUrl: process.env["EVENTFLOW_URL"] });
const { data, error } = await eventsList({ auth: process.env["EVENTFLOW_SECRET_KEY"], query: { limit: 10 } });
if (error) throw new Error(`${error.code}: ${error.detail}`);
for (const event of data.data) console.log(event.name);
