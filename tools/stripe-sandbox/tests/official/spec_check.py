"""The sandbox and our provider against Stripe's own OpenAPI document.

    STRIPE_SPEC=spec3.yaml python spec_check.py [base_url]

Two questions: does every answer of the sandbox validate, and does every parameter name that our provider sends exist?
The document is not ours to ship; without STRIPE_SPEC the check is skipped, loudly. Any version that has Checkout Sessions
will do (github.com/stripe/openapi, openapi/spec3.yaml).
"""

import json
import os
import pathlib
import sys
import time
import urllib.parse

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from support.sandbox import Sandbox

REPOSITORY = pathlib.Path(__file__).resolve().parents[4]
REQUESTS = REPOSITORY / "payments/src/stripe/requests.json"
# Parameters that Stripe added after the document's version, with the API version of the official SDK that has them.
NEWER = {("post", "/v1/checkout/sessions", "allowed_payment_method_types[]"): "2026-09-30.endive"}


def main():
    path = os.environ.get("STRIPE_SPEC")
    if not path or not pathlib.Path(path).is_file():
        print("SKIPPED  spec_check: STRIPE_SPEC does not name Stripe's OpenAPI document; nothing was checked")
        return
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    spec = rewrite(yaml.load(pathlib.Path(path).read_text(), Loader=loader))
    problems = check_requests(spec)
    with Sandbox("--account", "acct_speccheck") as sandbox:
        problems += check_answers(Answers(spec, sandbox))
    for problem in problems:
        print(f"FAIL  {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


def rewrite(node):
    """`nullable: true` beside anyOf or enum means nothing to JSON Schema: S becomes anyOf [S, null]."""
    if isinstance(node, list):
        return [rewrite(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: rewrite(value) for key, value in node.items()}
    if node.pop("nullable", False) is True:
        return {"anyOf": [node, {"type": "null"}]}
    return node


# --- what we send


def check_requests(spec):
    problems, count = [], 0
    for request in json.loads(REQUESTS.read_text()):
        method, path = request["method"], request["path"]
        operation = spec["paths"].get(path, {}).get(method)
        if operation is None:
            problems.append(f"{method} {path} does not exist")
            continue
        schema = request_schema(operation)
        for name in request["names"]:
            count += 1
            parts = name.replace("]", "").split("[")
            if not exists(spec, schema, parts) and (method, path, name) not in NEWER:
                problems.append(f"{method} {path} has no parameter {name}")
    if not count:
        problems.append("no parameter names were checked")
    print(f"ok    {count} parameter names of our requests" if not problems else "parameter names differ")
    return problems


def request_schema(operation):
    """Body and query alike as one object."""
    content = operation.get("requestBody", {}).get("content", {})
    form = content.get("application/x-www-form-urlencoded", {}).get("schema", {})
    query = {one["name"]: one["schema"] for one in operation.get("parameters", []) if one["in"] == "query"}
    return {"anyOf": [form, {"type": "object", "properties": query}]}


def exists(spec, schema, parts):
    if not parts:
        return True
    if "$ref" in schema:
        return exists(spec, resolve(spec, schema["$ref"]), parts)
    if any(exists(spec, one, parts) for one in schema.get("anyOf", [])):
        return True
    first, rest = parts[0], parts[1:]
    if first == "" and "items" in schema:
        return exists(spec, schema["items"], rest)
    if first in schema.get("properties", {}):
        return exists(spec, schema["properties"][first], rest)
    return isinstance(schema.get("additionalProperties"), dict) and schema.get("type") == "object"


def resolve(spec, reference):
    node = spec
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


# --- what the sandbox answers


class Answers:
    def __init__(self, spec, sandbox):
        self.spec, self.sandbox = spec, sandbox
        resource = Resource.from_contents(spec, default_specification=DRAFT202012)
        self.registry = Registry().with_resource("urn:stripe", resource)
        self.problems, self.checked = [], {}

    def validate(self, what, pointer, value):
        schema = {"$ref": f"urn:stripe#{pointer}"}
        validator = Draft202012Validator(schema, registry=self.registry)
        self.checked[what] = self.checked.get(what, 0) + 1
        for error in best(validator.iter_errors(value)):
            at = "/".join(map(str, error.absolute_path))
            self.problems.append(f"{what}: at {at or 'the top'}: {error.message[:200]}")

    def call(self, method, template, status=200, params="", account=None, ids=None, **more):
        path = template.format(**(ids or {}), **more)
        headers = {"Stripe-Account": account} if account else {}
        body = None
        if method == "get":
            path += f"?{params}" if params else ""
        else:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = params.encode()
        code, answer = self.sandbox.call(method.upper(), path, body, headers)
        if code != status:
            self.problems.append(f"{method} {path}: {code} instead of {status}: {answer}")
            return answer
        response = "200" if code == 200 else "default"
        parts = ["paths", template, method, "responses", response, "content", "application/json", "schema"]
        pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
        # A pointer is part of a URL here.
        self.validate(f"{method} {template} {code}", urllib.parse.quote(pointer), answer)
        return answer


def best(errors):
    """Of a failed anyOf, what went wrong in the branch that fits best."""
    from jsonschema.exceptions import relevance

    for error in errors:
        while error.context:
            error = max(error.context, key=relevance)
        yield error


def check_answers(api):
    sandbox = api.sandbox
    sessions, session = "/v1/checkout/sessions", "/v1/checkout/sessions/{session}"

    def create(account=None, fee=""):
        return api.call("post", sessions, params=session_form() + fee, account=account)["id"]

    def pay(identifier, card="4242424242424242"):
        sandbox.control(f"sessions/{identifier}/pay", {"card": card})

    paid, expired, declined, delayed, failed, confirming = (create() for _ in range(6))
    connected = create("acct_speccheck", "&payment_intent_data[application_fee_amount]=100")
    pay(declined, "4000000000000002")
    pay(delayed, "delayed_success")
    pay(failed, "delayed_failure")
    pay(confirming, "4000002500003155")
    for state in (declined, delayed, failed, confirming):
        api.call("get", session, session=state, params="expand[]=payment_intent.latest_charge&expand[]=line_items")
    for state in (delayed, failed):
        sandbox.control(f"sessions/{state}/resolve", {})
        api.call("get", session, session=state, params="expand[]=payment_intent.latest_charge")
    pay(paid)
    pay(connected)
    api.call("post", session + "/expire", session=expired)
    api.call("post", session + "/expire", 400, session=paid)
    answer = api.call("get", session, session=paid)
    api.call("get", session + "/line_items", session=paid)
    api.call("get", session, 404, session="cs_test_none")
    api.call("get", sessions, params=f"payment_intent={answer['payment_intent']}&limit=3")
    api.call("post", sessions, 400, params="mode=payment")

    intent = api.call("get", "/v1/payment_intents/{intent}", intent=answer["payment_intent"])
    api.call("get", "/v1/payment_intents")
    api.call("post", "/v1/payment_intents/{intent}/cancel", 400, intent=intent["id"])
    api.call("get", "/v1/charges/{charge}", charge=intent["latest_charge"])
    api.call("get", "/v1/charges", params=f"payment_intent={intent['id']}")

    refund = api.call("post", "/v1/refunds", params=f"payment_intent={intent['id']}&amount=1000&reason=duplicate")
    api.call("post", "/v1/refunds", 400, params=f"payment_intent={intent['id']}&amount=9999999")
    api.call("get", "/v1/refunds/{refund}", refund=refund["id"])
    for status in ("pending", "failed"):
        sandbox.control("chaos", {"fault": "refund_status", "status": status, "next": 1})
        api.call("post", "/v1/refunds", params=f"payment_intent={intent['id']}&amount=100")
    api.call("get", "/v1/refunds", params=f"payment_intent={intent['id']}")

    dispute = sandbox.control("disputes", {"session": delayed})
    api.call("get", "/v1/disputes/{dispute}", dispute=dispute["id"])
    api.call("get", "/v1/disputes")
    api.call("post", "/v1/disputes/{dispute}/close", dispute=dispute["id"])

    account = api.call("post", "/v1/accounts", params="type=standard&country=DE")
    api.call("get", "/v1/accounts/{account}", ids={"account": account["id"]})
    api.call("get", "/v1/account")
    api.call("get", "/v1/accounts")

    for owner in (None, "acct_speccheck"):
        events = api.call("get", "/v1/events", params="limit=100&created[gt]=1", account=owner)["data"]
        api.call("get", "/v1/events/{id}", id=events[0]["id"], account=owner)
        for event in events:
            kind = event["data"]["object"]["object"]
            api.validate(f"event {event['type']}", f"/components/schemas/{kind}", event["data"]["object"])
    total = sum(api.checked.values())
    print(f"ok    {total} answers and event objects, {len(api.checked)} kinds" if not api.problems else "answers differ")
    return api.problems


def session_form():
    return urllib.parse.urlencode(
        {
            "mode": "payment",
            "client_reference_id": "ord_spec",
            "metadata[order_id]": "ord_spec",
            "payment_intent_data[metadata][order_id]": "ord_spec",
            "line_items[0][quantity]": 2,
            "line_items[0][price_data][currency]": "eur",
            "line_items[0][price_data][unit_amount]": 2100,
            "line_items[0][price_data][product_data][name]": "Row A",
            "success_url": "https://shop.example/done",
            "cancel_url": "https://shop.example/back",
            "expires_at": int(time.time()) + 31 * 60,
        }
    )


main()
