// Lists the events with openapi-fetch and the types of openapi-typescript.
import createClient from "openapi-fetch";
import type { paths } from "./generated/contract.d.ts";

declare const process: { env: Record<string, string> };

const client = createClient<paths>({
  baseUrl: process.env["EVENTFLOW_URL"],
  headers: { authorization: `Bearer ${process.env["EVENTFLOW_SECRET_KEY"]}` },
});
const { data, error } = await client.GET("/v1/events", { params: { query: { limit: 10 } } });
if (error) throw new Error(`${error.code}: ${error.detail}`);
for (const event of data.data) console.log(event.name);
