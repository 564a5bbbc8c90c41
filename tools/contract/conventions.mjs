// Our conventions as rules of redocly: what a caller may rely on at every operation and in every object.

const NOUN_VERB = /^[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*$/;
const SNAKE = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
/** Moments end like this, besides some words of their own. */
const MOMENT = /(_at|_until|_since|_time)$|^(at|since|until|timestamp|not_before|not_after)$/;
/** Another standard names these. */
const FOREIGN = ["Last-Event-ID", "Idempotency-Key", "If-None-Match", "Stripe-Signature", "X-Request-Id"];
const PROBLEM = "application/problem+json";
/** Webhooks are sent by us, to servers that answer as they like. */
const WEBHOOKS = "#/x-webhooks";
/** Whose amount is it: the object says the currency, or whose money it is. */
const OWNERS = ["currency", "event_id"];

/** Operations: ids, credentials, answers. */
function Operations() {
  return {
    Operation(operation, { report, location }) {
      if (location.pointer.startsWith(WEBHOOKS)) return;
      const say = (message) => report({ message: `${operation.operationId}: ${message}` });
      if (!NOUN_VERB.test(operation.operationId ?? "")) say("an operationId is `noun.verb`");
      if (operation.tags?.length !== 1) say("an operation has one tag");
      for (const text of ["summary", "description"]) {
        if (!/[.:)`]$/.test((operation[text] ?? "").trim())) say(`the ${text} is a sentence`);
      }
      const takesSecret = operation.security?.some((way) => "secret_key" in way);
      if (takesSecret && !operation["x-permission"]) say("who takes a secret key says which permission it needs");
      if (!operation["x-error-codes"]?.length) say("`x-error-codes` says how it refuses");
      const statuses = Object.keys(operation.responses ?? {});
      if (statuses.filter((status) => status.startsWith("2")).length !== 1) say("an operation has one answer of success");
      if (!statuses.some((status) => status.startsWith("4"))) say("an operation says how it refuses");
    },
  };
}

/** Every error is a Problem, and nothing else. */
function Problems() {
  return {
    Response(response, { report, key, location }) {
      if (location.pointer.startsWith(WEBHOOKS)) return;
      const isError = /^[45]/.test(key) || (response.content && PROBLEM in response.content);
      const types = Object.keys(response.content ?? {});
      if (isError && types.join() !== PROBLEM) report({ message: `${key}: errors are ${PROBLEM} and nothing else, not ${types}` });
    },
  };
}

/** Names of members and parameters, and what names promise of values. */
function Members() {
  return {
    Parameter(parameter, { report }) {
      if (!SNAKE.test(parameter.name) && !FOREIGN.includes(parameter.name)) report({ message: `${parameter.name} is no snake_case` });
      if (!parameter.description && !parameter.schema?.description) report({ message: `${parameter.name}: what is it?` });
    },
    Schema(schema, { report, resolve }) {
      for (const [name, member] of Object.entries(schema.properties ?? {})) {
        const say = (message) => report({ message: `${name}: ${message}` });
        const { node = member } = member.$ref ? resolve(member) : {};
        if (!SNAKE.test(name)) say("is no snake_case");
        if (name.endsWith("_minor") && (node.type !== "integer" || node.format !== "int64")) say("amounts are integers of 64 bits in minor units");
        if (MOMENT.test(name) && node.format !== "date-time") say("moments are date-time");
        if (node.format === "date-time" && !MOMENT.test(name)) say("a moment is called `…_at`");
        if (/(_id|^id)$/.test(name) && !/^(object_id|resource_id|provider_message_id|request_id|client_id|kid)$/.test(name) && node.type === "string" && !node.pattern && !node.format && !node.maxLength) {
          say("ids have a pattern");
        }
      }
    },
  };
}

/** Objects that never stand alone: the answer around them has the currency, or the operation names the event. */
const PARTS = new Set(["HoldItem", "OrderItem", "Payment", "PriceAdjustment", "Totals", "PriceLimits"]);

/** An object of an answer that has amounts says their currency, or the event whose currency it is. */
function Currencies() {
  return {
    Response: {
      MediaType: {
        Schema(schema, { report }) {
          const names = Object.keys(schema.properties ?? {});
          if (!names.some((name) => name.endsWith("_minor")) || PARTS.has(schema.title)) return;
          if (OWNERS.some((owner) => names.includes(owner))) return;
          report({ message: `${schema.title}: amounts, and neither ${OWNERS.join(" nor ")}` });
        },
      },
    },
  };
}

/** Whatever a client sends has an end. */
function Bounds() {
  const visit = (schema, place, { report, resolve }, seen) => {
    const say = (message) => report({ message: `${place || "body"}: ${message}` });
    if (schema.$ref) {
      if (seen.has(schema.$ref)) return;
      seen.add(schema.$ref);
      return visit(resolve(schema).node ?? {}, place, { report, resolve }, seen);
    }
    if (schema.type === "array" && schema.maxItems === undefined) say("a list in a request has maxItems");
    const ends = ["maxLength", "enum", "pattern", "format", "allOf"].some((limit) => schema[limit] !== undefined);
    if (schema.type === "string" && !ends) say("a text in a request has maxLength");
    if (schema.type === "integer" && (schema.minimum === undefined || schema.maximum === undefined)) {
      say("a number in a request has minimum and maximum");
    }
    for (const part of [...(schema.allOf ?? []), ...(schema.items ? [schema.items] : [])]) visit(part, `${place}[]`, { report, resolve }, seen);
    for (const [name, member] of Object.entries(schema.properties ?? {})) visit(member, `${place}.${name}`, { report, resolve }, seen);
  };
  return {
    RequestBody(body, context) {
      if (context.location.pointer.startsWith(WEBHOOKS)) return;
      for (const { schema = {} } of Object.values(body.content ?? {})) visit(schema, "", context, new Set());
    },
    Parameter({ name, schema = {} }, context) {
      visit(schema, name, context, new Set());
    },
  };
}

/** Pages are `{data, next_cursor}`: whoever can go on takes `limit` and `cursor`, and says how long a page is. */
function Pages() {
  return {
    Operation(operation, { report, resolve }) {
      const schema = operation.responses?.["200"]?.content?.["application/json"]?.schema;
      if (!schema) return;
      const { node } = schema.$ref ? resolve(schema) : { node: schema };
      if (!node?.properties?.next_cursor) return;
      const names = (operation.parameters ?? []).map(({ name }) => name);
      const say = (message) => report({ message: `${operation.operationId}: ${message}` });
      if (names.includes("limit") !== (names.includes("cursor") || names.includes("after"))) say("a page has `limit` and where it begins, or neither");
      if (names.includes("limit") && !node.properties.data.maxItems) say("a page says how long it is");
    },
  };
}

export default function conventions() {
  return {
    id: "conventions",
    rules: { oas3: { operations: Operations, problems: Problems, members: Members, currencies: Currencies, bounds: Bounds, pages: Pages } },
  };
}
