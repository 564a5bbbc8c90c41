//! What a stranger reads when the demo runs: links, keys, and a sale to paste into a shell.

use std::path::Path;

use super::seed::Seed;
use super::server::Server;

pub fn print(server: &Server, seed: &Seed, data_dir: &Path, site: &str) {
    let (url, sandbox) = (server.url(), server.sandbox_url());
    println!(
        "
EventFlow is running.

  partner's site  {site}/   (German; {site}/en.html English)
                  {site}/react.html   {site}/frame.html (in a frame)
  hosted shop     {url}/e/{concert}?key={publishable}

  API             {url}/v1
  documentation   {url}/docs   (search, try it; {url}/docs/errors   /docs/scopes   /docs/limits   /docs/event-types)
  contract        {url}/openapi.json
  health          {url}/healthz   {url}/readyz
  Stripe sandbox  {sandbox}
  data and logs   {data}   (server.log, log/)

  tenant          {tenant}
  secret key      {secret}
  publishable key {publishable}
  bootstrap token {bootstrap}
  concert         {concert}   (about 2,100 seats)
  party           {party}   (500 standing places; prices follow demand)
  check-in list   {list}

  for the SDKs    export EVENTFLOW_URL={url} EVENTFLOW_SECRET_KEY={secret} EVENT_ID={concert}

A sale, to paste into another shell (it uses curl and jq):

  API={url}; SK={secret}; PK={publishable}; EVENT={concert}; LIST={list}
  JSON='content-type: application/json'

  # the buyer: hold the best two seats, then check out
  HOLD=$(curl -s $API/v1/events/$EVENT/holds -H \"authorization: Bearer $PK\" -H \"$JSON\" \\
    -d '{{\"best_available\": {{\"quantity\": 2}}}}'); echo \"$HOLD\" | jq
  ORDER=$(echo \"$HOLD\" | jq '{{hold_id: .id, hold_token: .token, buyer: {{email: \"you@example.com\", name: \"You\"}},
      success_url: \"{url}/docs\", cancel_url: \"{url}/docs\"}}' |
    curl -s $API/v1/orders -H \"authorization: Bearer $PK\" -H \"$JSON\" -d @-); echo \"$ORDER\" | jq

  # open the pay page in a browser (card 4242 4242 4242 4242), or pay from here
  echo \"$ORDER\" | jq -r .checkout_url
  SESSION=$(echo \"$ORDER\" | jq -r .checkout_url | grep -o 'cs_[A-Za-z0-9_]*')
  curl -s {sandbox}/_sandbox/sessions/$SESSION/pay -H \"$JSON\" -d '{{\"card\": \"4242424242424242\"}}' | jq

  # the tickets, and one as a QR code
  ID=$(echo \"$ORDER\" | jq -r .id)
  TICKETS=$(curl -s \"$API/v1/tickets?order_id=$ID\" -H \"authorization: Bearer $SK\"); echo \"$TICKETS\" | jq
  TICKET=$(echo \"$TICKETS\" | jq -r '.data[0].id')
  curl -s $API/v1/tickets/$TICKET/qr.svg -H \"authorization: Bearer $SK\" > ticket.svg

  # the door: admitted, and the second time already_admitted
  scan() {{ echo \"$TICKETS\" | jq --arg id $(cat /proc/sys/kernel/random/uuid) --arg list $LIST --arg at $(date -u +%FT%TZ) \\
      '{{check_in_list_id: $list, scans: [{{id: $id, token: .data[0].token, kind: \"entry\", scanned_at: $at}}]}}' |
    curl -s $API/v1/check-ins -H \"authorization: Bearer $SK\" -H \"$JSON\" -d @- | jq; }}
  scan; scan

  # give the money back; the seats are free again
  curl -s $API/v1/orders/$ID/refunds -H \"authorization: Bearer $SK\" -H \"$JSON\" \\
    -d '{{\"reason\": \"requested_by_buyer\"}}' | jq

  # prices that follow demand: each change is itemised; hold and order five tickets, and the next hold costs more
  curl -s $API/v1/events/{party}/holds -H \"authorization: Bearer $PK\" -H \"$JSON\" \\
    -d '{{\"items\": [{{\"ga_area\": \"club\", \"quantity\": 2}}], \"locale\": \"en\"}}' | jq '{{items, adjustments, totals}}'
  # the same in the picker: {site}/en.html?event={party}   (and four seats of the concert cost less)
  # the plugin's calls, each with what it took; the order's adjustments say why
  PLUGIN=$(curl -s $API/v1/plugins -H \"authorization: Bearer $SK\" | jq -r '.data[] | select(.name == \"demand-pricing\").id')
  curl -s $API/v1/plugins/$PLUGIN/receipts -H \"authorization: Bearer $SK\" | jq '.data[0]'

Ctrl-C stops everything. The data stays; `cargo xtask demo --fresh` starts over.",
        data = data_dir.display(),
        tenant = seed.tenant_id,
        secret = seed.secret_key,
        publishable = seed.publishable_key,
        bootstrap = server.bootstrap_token(),
        concert = seed.concert_id,
        party = seed.party_id,
        list = seed.concert_list_id,
    );
}
