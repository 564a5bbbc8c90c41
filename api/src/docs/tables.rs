//! The tables of the code as pages: error codes, permissions, limits. Every row has an anchor.

use eventflow_core::{
    ErrorCode,
    access::{self, Permission, Role},
    event_types::EventType,
};
use eventflow_plugin_host::limits as plugin_limits;
use poem::handler;

use super::{
    limits::{LIMITS, RATES},
    page::Page,
};
use crate::{
    hosting::escape,
    openapi,
    operations::{Credential, OPERATIONS, Operation},
};

/// `GET /docs/errors`: the page that the `type` of every Problem leads to.
#[handler]
pub fn errors() -> Page {
    let rows: String = ErrorCode::ALL
        .iter()
        .map(|code| {
            let name = code.code();
            let by: String = match openapi::refusals::operations_with(*code) {
                Some(operations) => operations.iter().map(|operation| link(operation)).collect::<Vec<_>>().join(", "),
                None => "every operation that can meet it".to_owned(),
            };
            format!(
                "<tr id=\"{name}\"><td>{}</td><td class=\"number\">{}</td><td>{}<br><span class=\"small\">{by}</span></td></tr>",
                anchor(name),
                code.status(),
                escape(code.title())
            )
        })
        .collect();
    let body = format!(
        "<main class=\"doc\"><h1>Error codes</h1><p>Every error is a Problem (RFC 9457): JSON of the type \
         <code>application/problem+json</code>. Branch on <code>code</code>; <code>detail</code> is for people and says \
         the way out, <code>param</code> names the field at fault, <code>objects</code> the seats, and \
         <code>request_id</code> helps us to help you. Where <code>Retry-After</code> comes with it, send the same \
         request again after so many seconds, with the same <code>Idempotency-Key</code>.</p>{}</main>",
        table(&["Code", "Status", "Meaning, and the operations that answer it"], &rows)
    );
    Page { path: "/docs/errors", title: "Error codes", body, has_viewer: false }
}

/// `GET /docs/scopes`
#[handler]
pub fn scopes() -> Page {
    let rows: String = Permission::ALL
        .iter()
        .map(|permission| {
            let name = permission.as_str();
            let holders: Vec<&str> = Role::ALL
                .iter()
                .filter(|role| role.permissions().contains(permission))
                .map(|role| role.as_str())
                .chain(access::PUBLISHABLE.contains(permission).then_some("publishable keys"))
                .chain(access::DEVICE.contains(permission).then_some("devices"))
                .collect();
            let needs = |operation: &&Operation| operation.permission == Some(*permission);
            let needed: Vec<String> = OPERATIONS.iter().filter(needs).map(|operation| link(operation.id)).collect();
            format!(
                "<tr id=\"{name}\"><td>{}</td><td>{}.<br><span class=\"small\">{}</span></td><td>{}</td></tr>",
                anchor(name),
                escape(permission.description()),
                needed.join(", "),
                holders.join(", ")
            )
        })
        .collect();
    let credentials: String = Credential::ALL
        .iter()
        .map(|credential| {
            let scheme = credential.scheme();
            let description = code(credential.description());
            format!("<tr id=\"{scheme}\"><td>{}</td><td>{description}</td></tr>", anchor(scheme))
        })
        .collect();
    let body = format!(
        "<main class=\"doc\"><h1>Scopes</h1><p>A secret key carries scopes: the permissions that it was made with, never more than its \
         maker had. Members have those of their role, or with <code>custom</code> a list of their own. An operation says \
         in the contract (<code>x-permission</code>) which one it needs; without it the answer is 403 \
         <a href=\"/docs/errors#permission_denied\"><code>permission_denied</code></a>.</p>{}<h2>Credentials</h2>\
         <p>All of them travel as <code>Authorization: Bearer …</code>. Those that are not secret keys have fixed rights.</p>{}</main>",
        table(&["Permission", "What it allows, and the operations that need it", "Who has it"], &rows),
        table(&["Credential", "What it is"], &credentials)
    );
    Page { path: "/docs/scopes", title: "Scopes", body, has_viewer: false }
}

/// `GET /docs/event-types`
#[handler]
pub fn event_types() -> Page {
    let rows: String = EventType::ALL
        .iter()
        .map(|kind| {
            let (name, resource) = (kind.as_str(), kind.resource());
            let permission = resource.permission();
            format!(
                "<tr id=\"{name}\"><td>{}</td><td>{}.</td><td>{}{}<br><span class=\"small\"><a \
                 href=\"/docs/scopes#{permission}\"><code>{permission}</code></a></span></td></tr>",
                anchor(name),
                escape(kind.description()),
                resource.as_str(),
                if resource.schema().is_some() { "" } else { ", by its id" },
            )
        })
        .collect();
    let body = format!(
        "<main class=\"doc\"><h1>Event types</h1><p>What {} sends, and what {} has. Types are never removed, and new ones \
         come: take no notice of those that you do not know. A fat payload has the object as its <code>GET</code> answers it, \
         unless the table says that it comes by its id.</p>{}</main>",
        link("webhook_endpoints.create"),
        link("events_log.list"),
        table(&["Type", "What happened", "What it is about"], &rows)
    );
    Page { path: "/docs/event-types", title: "Event types", body, has_viewer: false }
}

/// `GET /docs/limits`
#[handler]
pub fn limits() -> Page {
    let row = |name: &str, value: &str, why: &str| {
        format!(
            "<tr id=\"{name}\"><td>{}</td><td class=\"number\">{value}</td><td>{}</td></tr>",
            anchor(name),
            code(why)
        )
    };
    let general: String = LIMITS
        .iter()
        .map(|limit| row(limit.name, &format!("{} {}", grouped(limit.value), limit.unit), limit.reason))
        .collect();
    let rates: String = RATES
        .iter()
        .map(|(name, rate, reason)| {
            row(
                name,
                &format!(
                    "{}/s, {} at once",
                    grouped(rate.per_sec.get().into()),
                    grouped(rate.burst.get().into())
                ),
                reason,
            )
        })
        .collect();
    let plugins: String = plugin_limits::TABLE
        .iter()
        .map(|limit| {
            let name = limit.name.to_lowercase();
            row(&name, &format!("{} {}", grouped(limit.value), limit.unit), limit.reason.trim())
        })
        .collect();
    let head = ["Limit", "Value", "Reason"];
    let body = format!(
        "<main class=\"doc\"><h1>Limits</h1><p>The limit of a field (characters, items, smallest and largest number) stands beside it in \
         <a href=\"/docs\">the contract</a>. Whatever is beyond a limit is refused and changes nothing.</p>{}\
         <h2>Requests</h2><p>The headers <code>RateLimit</code> and <code>RateLimit-Policy</code> say what is left. Beyond \
         it the answer is 429 <a href=\"/docs/errors#rate_limited\"><code>rate_limited</code></a> with \
         <code>Retry-After</code>. Operators may scale these numbers.</p>{}<h2>Plugins</h2>{}</main>",
        table(&head, &general),
        table(&["Who", "Requests", "Reason"], &rates),
        table(&head, &plugins)
    );
    Page { path: "/docs/limits", title: "Limits", body, has_viewer: false }
}

fn table(head: &[&str], rows: &str) -> String {
    let head: String = head.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect();
    format!("<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
}

fn anchor(name: &str) -> String {
    format!("<a href=\"#{name}\"><code>{name}</code></a>")
}

/// To the operation in the viewer.
fn link(operation: &str) -> String {
    let described =
        openapi::operations(openapi::document()).find(|(.., found)| found["operationId"] == operation);
    let tag = described.and_then(|(.., found)| found["tags"][0].as_str()).unwrap_or_default().to_lowercase();
    format!("<a href=\"/docs#tag/{tag}/{operation}\"><code>{operation}</code></a>")
}

/// Text with `code` in backticks.
fn code(text: &str) -> String {
    let pieces = text.split('`').enumerate();
    pieces
        .map(
            |(at, piece)| if at % 2 == 1 { format!("<code>{}</code>", escape(piece)) } else { escape(piece) },
        )
        .collect()
}

/// 16777216 -> 16,777,216.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_code_is_marked() {
        assert_eq!([0, 999, 1_000, 16_777_216].map(grouped), ["0", "999", "1,000", "16,777,216"]);
        assert_eq!(code("`a<b` is & stays"), "<code>a&lt;b</code> is &amp; stays");
    }

    #[test]
    fn anchors_are_unique() {
        let mut names: Vec<String> = LIMITS.iter().map(|limit| limit.name.to_owned()).collect();
        names.extend(RATES.iter().map(|(name, ..)| (*name).to_owned()));
        names.extend(plugin_limits::TABLE.iter().map(|limit| limit.name.to_lowercase()));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
