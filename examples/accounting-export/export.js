// Writes the ledger of a month as a CSV file for the accountants: one line for each line of a posting.
//
//     EVENTFLOW_URL=… EVENTFLOW_SECRET_KEY=… node export.js 2030-10 > 2030-10.csv

import { EventFlow } from "@eventflow/sdk";

const { EVENTFLOW_URL, EVENTFLOW_SECRET_KEY } = process.env;
const eventflow = new EventFlow({ baseUrl: EVENTFLOW_URL, key: EVENTFLOW_SECRET_KEY, appInfo: "accounting-export/1.0" });
const month = process.argv[2] ?? "";
if (!/^\d{4}-\d\d$/.test(month)) throw new Error("say which month: node export.js 2030-10");
const { time_zone: timeZone } = await eventflow.tenant.get();

console.log("date,event,order,posting,account,debit,credit,currency");
const sums = new Map();
for await (const entry of eventflow.ledger.list({ limit: 100 })) {
  // The month of the books is that of the organizer's clock.
  const date = new Date(entry.at).toLocaleDateString("sv-SE", { timeZone });
  if (!date.startsWith(month)) continue;
  const amount = decimal(Math.abs(entry.amount_minor), entry.currency);
  const columns = entry.amount_minor >= 0 ? [amount, ""] : ["", amount];
  console.log([date, entry.event_id, entry.order_id, entry.posting, entry.account, ...columns, entry.currency].join(","));
  sums.set(entry.currency, (sums.get(entry.currency) ?? 0) + entry.amount_minor);
}
for (const [currency, sum] of sums) {
  console.error(`${currency}: debits and credits ${sum === 0 ? "balance" : `differ by ${decimal(Math.abs(sum), currency)}`}`);
  if (sum !== 0) process.exitCode = 1;
}

/** Minor units as a decimal number: 4200 cents are 42.00, 4200 yen are 4200. */
function decimal(minor, currency) {
  const digits = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
  const text = String(minor).padStart(digits + 1, "0");
  return digits ? `${text.slice(0, -digits)}.${text.slice(-digits)}` : text;
}
