// Writes src/generated from the contract and the table of error codes: types, operations, nouns with their methods.
// `--check` writes nothing and fails when a committed file differs.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const CONTRACT = "openapi/eventflow.json";
const PACKAGE = "sdk-js/package.json";
const ERROR_CODES = "core/src/error.rs";
const ROOT = new URL("../../", import.meta.url);
const OUTPUT = new URL("../src/generated/", import.meta.url);

/** Operations that the platform answers to others, and no client calls. */
const NOT_FOR_CLIENTS = ["webhooks.stripe"];
/** What a page may hold: keys of visitors, buyers' tokens, or nothing. */
const BROWSER_CREDENTIALS = ["publishable_key", "buyer_token"];
/** Options of a call share an object with the query, so their names must differ. */
const CALL_OPTIONS = callOptions(readFileSync(new URL("../src/client.ts", import.meta.url), "utf8"));
const METHODS = ["get", "post", "put", "patch", "delete"];

const contract = JSON.parse(readFileSync(new URL(CONTRACT, ROOT), "utf8"));
const { version } = JSON.parse(readFileSync(new URL(PACKAGE, ROOT), "utf8"));
const operations = Object.entries(contract.paths)
  .flatMap(([path, item]) => METHODS.filter((method) => item[method]).map((method) => read(path, method, item[method])))
  .filter((operation) => !NOT_FOR_CLIENTS.includes(operation.id))
  .sort((a, b) => (a.id < b.id ? -1 : 1));

const files = {
  "contract.ts": await contractTypes(),
  "errors.ts": errorCodes(),
  "operations.ts": operationTable(),
  "resources.ts": resources(),
  "webhook-events.ts": webhookEvents(),
};
let differing = 0;
for (const [name, text] of Object.entries(files)) {
  const file = new URL(name, OUTPUT);
  if (existsSync(file) && readFileSync(file, "utf8") === text) continue;
  differing++;
  if (process.argv.includes("--check")) console.error(`src/generated/${name} differs from the contract`);
  else {
    writeFileSync(file, text);
    console.log(`src/generated/${name} written`);
  }
}
if (differing && process.argv.includes("--check")) {
  console.error("run `npm run generate` in sdk-js and commit what it writes");
  process.exit(1);
}
if (!differing) console.log("src/generated is up to date");

/** The members of `CallOptions`. */
function callOptions(source) {
  const [, members = ""] = /^export interface CallOptions \{\n([^]*?)^\}/m.exec(source) ?? [];
  const names = [...members.matchAll(/^ {2}(\w+)\?:/gm)].map((match) => match[1]);
  if (!names.length) throw new Error("src/client.ts has no CallOptions");
  return names;
}

/** What the SDK has to know about an operation. */
function read(path, method, operation) {
  const id = operation.operationId;
  const [noun, verb, ...more] = id.split(".");
  if (!verb || more.length) throw new Error(`${id}: the id of an operation is \`noun.verb\``);
  const parameters = operation.parameters ?? [];
  const query = parameters.filter((parameter) => parameter.in === "query");
  const clash = query.find((parameter) => CALL_OPTIONS.includes(parameter.name));
  if (clash) throw new Error(`${id}: the query parameter ${clash.name} has the name of an option of every call`);
  const body = operation.requestBody?.content && Object.entries(operation.requestBody.content)[0];
  const [status, type, content] = success(operation);
  const answer = answerOf(type, content?.schema);
  return {
    id,
    noun,
    verb,
    path,
    method: method.toUpperCase(),
    ids: [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]),
    query: query.length > 0,
    queryRequired: query.some((parameter) => parameter.required),
    body: body?.[0],
    bodySchema: body?.[1].schema,
    status,
    answer,
    answerSchema: content?.schema,
    text: documentation(operation),
    browser: !operation.security?.length || operation.security.some((way) => BROWSER_CREDENTIALS.some((name) => name in way)),
  };
}

/** Status, media type and content of the answer that is no error. */
function success(operation) {
  const statuses = Object.keys(operation.responses).filter((status) => status.startsWith("2"));
  if (statuses.length !== 1) throw new Error(`${operation.operationId} has ${statuses.length} answers of success, not one`);
  const content = operation.responses[statuses[0]].content;
  return [statuses[0], ...(content ? Object.entries(content)[0] : [])];
}

function answerOf(type, schema) {
  if (!type) return "none";
  if (type === "text/event-stream") return "events";
  if (type !== "application/json") return type.startsWith("text/") || type === "image/svg+xml" ? "text" : "bytes";
  const properties = resolve(schema).properties ?? {};
  return "next_cursor" in properties && properties.data?.type === "array" ? "page" : "json";
}

function resolve(schema) {
  return schema?.$ref ? contract.components.schemas[nameOf(schema)] : (schema ?? {});
}

function nameOf(schema) {
  return schema.$ref.split("/").at(-1);
}

function documentation(operation) {
  const { summary = "", description = "" } = operation;
  const more = description.trim() === summary.trim() ? "" : description.trim();
  const permission = operation["x-permission"] ? `Permission: \`${operation["x-permission"]}\`.` : "";
  return [summary, more, permission].filter(Boolean).join("\n\n");
}

function comment(text, indent) {
  const lines = text.replaceAll("*/", "*\\/").split("\n");
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}`.trimEnd()).join("\n")}\n${indent} */\n`;
}

function header(...sources) {
  return `// @generated by \`npm run generate\` from ${sources.join(" and ")}. Do not edit.\n\n`;
}

function camel(name) {
  return name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
}

function pascal(name) {
  return camel(`_${name}`);
}

async function contractTypes() {
  const nodes = await openapiTS(contract, {
    alphabetize: true,
    // What has a default may be left out of a request.
    defaultNonNullable: false,
    rootTypes: true,
    rootTypesNoSchemaPrefix: true,
  });
  return header(CONTRACT) + astToString(nodes);
}

/** The codes of Problems: each with its HTTP status as its type. */
function errorCodes() {
  const source = readFileSync(new URL(ERROR_CODES, ROOT), "utf8");
  const table = source.slice(source.indexOf("\nerror_codes! {"));
  const rows = [...table.slice(0, table.indexOf("\n}")).matchAll(/^ {4}\w+ = "(\w+)", (\d{3}), "(.+)";$/gm)];
  if (!rows.length) throw new Error(`${ERROR_CODES} has no table of error codes`);
  const lines = rows.map(([, code, status, title]) => `  /** ${title}. */\n  ${code}: ${status};\n`);
  return `${header(ERROR_CODES)}/** Every \`code\` of a Problem, with its HTTP status. */\nexport interface ErrorCodes {\n${lines.join("")}}\n`;
}

function operationTable() {
  const row = ({ id, method, path, body, answer }) => {
    const parts = [`method: "${method}"`, `path: "${path}"`, ...(body ? [`body: "${body}"`] : []), `answer: "${answer}"`];
    return `  "${id}": { ${parts.join(", ")} },\n`;
  };
  const rows = (browser) => operations.filter((operation) => operation.browser === browser).map(row).join("");
  return (
    header(CONTRACT, PACKAGE) +
    `/** The version of this package. */\nexport const VERSION = "${version}";\n\n` +
    `/** The version of the contract. */\nexport const CONTRACT_VERSION = "${contract.info.version}";\n\n` +
    `/** The operations that a page may call, with a publishable key or a buyer's token. */\n` +
    `export const BROWSER_OPERATIONS = {\n${rows(true)}} as const;\n\n` +
    `/** Every operation. */\nexport const OPERATIONS = {\n  ...BROWSER_OPERATIONS,\n${rows(false)}} as const;\n`
  );
}

function resources() {
  const callable = operations.filter((operation) => operation.answer !== "events");
  const nouns = [...new Set(callable.map((operation) => operation.noun))];
  const of = (noun) => callable.filter((operation) => operation.noun === noun);
  const schemas = new Set();
  const interfaces = nouns.map((noun) => `export interface ${resource(noun)} {\n${of(noun).map((operation) => method(operation, schemas)).join("\n")}}\n`);
  const all = nouns.map((noun) => `  ${camel(noun)}: ${resource(noun)};\n`).join("");
  const browser = nouns.filter((noun) => of(noun).some((operation) => operation.browser)).map((noun) => {
    const verbs = of(noun).filter((operation) => operation.browser).map((operation) => `"${camel(operation.verb)}"`);
    return `  ${camel(noun)}: Pick<${resource(noun)}, ${verbs.join(" | ")}>;\n`;
  });
  return (
    header(CONTRACT) +
    `import type { Bytes, CallOptions } from "../client.ts";\nimport type { Pages } from "../pages.ts";\n` +
    `import type {\n${[...schemas].sort().map((name) => `  ${name},\n`).join("")}  operations,\n} from "./contract.ts";\n\n` +
    `/** The query of an operation, beside the options of every call. */\n` +
    `type Query<Id extends keyof operations> = NonNullable<operations[Id]["parameters"]["query"]> & CallOptions;\n\n` +
    `${interfaces.join("\n")}\n` +
    `/** Every noun of the API. */\nexport interface Resources {\n${all}}\n\n` +
    `/** What a page may call with a publishable key or a buyer's token. */\nexport interface BrowserResources {\n${browser.join("")}}\n`
  );
}

/** The bodies of webhooks, by type; what OpenAPI 3.1 calls `webhooks` is an extension in 3.0. */
function webhookEvents() {
  const objects = Object.entries(contract["x-webhooks"]).map(([type, { post }]) => {
    const { schema } = post.requestBody.content["application/json"];
    const object = schema.allOf?.[1].properties.data.properties.object;
    return { type, text: post.summary, object: object ? rootType(nameOf(object)) : undefined };
  });
  const names = [...new Set(objects.flatMap(({ object }) => object ?? []))].sort();
  const rows = objects.map(({ type, text, object }) => `  /** ${text} */\n  "${type}": ${object ?? "undefined"};\n`);
  return (
    `${header(CONTRACT)}import type {\n${[...names, "WebhookEvent"].map((name) => `  ${name},\n`).join("")}} from "./contract.ts";\n\n` +
    `/** What a fat payload has as \`data.object\`, by the type of the event. */\n` +
    `export interface WebhookObjects {\n${rows.join("")}}\n\n` +
    `/** The body of a webhook of one type. */\n` +
    `export type WebhookEventOf<Type extends keyof WebhookObjects> = Omit<WebhookEvent, "type" | "data"> & {\n` +
    `  type: Type;\n  data: Omit<WebhookEvent["data"], "object"> & { object?: WebhookObjects[Type] };\n};\n\n` +
    `/** The body of a webhook: \`type\` says which one. More types may come. */\n` +
    `export type AnyWebhookEvent = { [Type in keyof WebhookObjects]: WebhookEventOf<Type> }[keyof WebhookObjects];\n`
  );
}

function resource(noun) {
  return `${pascal(noun)}Resource`;
}

/** One method of a noun: the ids of the path, the body, then options with the query in them. */
function method(operation, schemas) {
  const named = (schema, inline) => {
    if (!schema?.$ref) return inline;
    schemas.add(rootType(nameOf(schema)));
    return rootType(nameOf(schema));
  };
  const parameters = operation.ids.map((id) => `${camel(id)}: string`);
  if (operation.body) {
    const json = operation.body === "application/json";
    const optional = json && !resolve(operation.bodySchema).required?.length;
    parameters.push(`body${optional ? "?" : ""}: ${json ? named(operation.bodySchema, bodyType(operation)) : "Bytes"}`);
  }
  parameters.push(`options${operation.queryRequired ? "" : "?"}: ${operation.query ? `Query<"${operation.id}">` : "CallOptions"}`);
  const answer = {
    none: () => "Promise<void>",
    bytes: () => "Promise<Uint8Array>",
    text: () => "Promise<string>",
    json: () => `Promise<${named(operation.answerSchema, answerType(operation))}>`,
    page: () => `Pages<${named(resolve(operation.answerSchema).properties.data.items, `${answerType(operation)}["data"][number]`)}>`,
  }[operation.answer]();
  return `${comment(operation.text, "  ")}  ${camel(operation.verb)}(${parameters.join(", ")}): ${answer};\n`;
}

/** The types of schemas without a name, by where they stand in the contract. */
function bodyType({ id, body }) {
  return `NonNullable<operations["${id}"]["requestBody"]>["content"]["${body}"]`;
}

function answerType({ id, status }) {
  return `operations["${id}"]["responses"][${status}]["content"]["application/json"]`;
}

/** The name that openapi-typescript gives to the alias of a schema. */
function rootType(name) {
  return pascal(name);
}
