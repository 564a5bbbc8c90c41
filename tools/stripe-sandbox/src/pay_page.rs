//! The hosted pay page: plain HTML that works without scripts. The only script counts the time down.

use std::fmt::Write;

use poem::Response;
use poem::http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use crate::Sandbox;
use crate::form::Params;
use crate::payments::{self, Outcome};
use crate::sessions::{line_item_list, offers_delayed};
use crate::state::new_id;
use crate::texts::{CARDS, Texts, language, money};

const STYLE: &str = include_str!("pay_page.css");
const COUNTDOWN: &str = include_str!("pay_page.js");

/// What the page shows of a session.
struct View {
    session: Value,
    lines: Value,
    seconds_left: i64,
    /// A card waits for the bank's confirmation.
    confirming: bool,
}

pub fn respond(
    sandbox: &Sandbox,
    method: &str,
    segments: &[&str],
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let accept =
        headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, action) = match segments {
        [id] => (*id, ""),
        [id, action] => (*id, *action),
        _ => ("", ""),
    };
    let Some(view) = view(sandbox, id) else {
        let texts = language(None, accept);
        return page(
            404,
            texts,
            texts.not_found_title,
            &message(texts, texts.not_found_title, texts.not_found_text, None),
        );
    };
    let texts = language(view.session["locale"].as_str(), accept);
    if view.session["status"] != "open" {
        return closed(texts, &view);
    }
    let form = std::str::from_utf8(body).ok().and_then(|body| Params::parse(body).ok()).unwrap_or_default();
    match (method, action) {
        ("POST", "") => submit(sandbox, texts, id, &form),
        ("POST", "confirm") => {
            let approve = form.value("approve") == "true";
            let outcome = sandbox.with(|state, chaos| payments::confirm(state, chaos, id, approve));
            after(sandbox, texts, id, outcome.ok())
        }
        ("GET" | "HEAD", _) if view.confirming && action == "confirm" => confirm_page(texts, &view),
        ("GET" | "HEAD", _) => pay_page(200, texts, &view, None),
        _ => page(405, texts, texts.title, ""),
    }
}

fn view(sandbox: &Sandbox, id: &str) -> Option<View> {
    sandbox.with(|state, _| {
        let session = state.find(id).filter(|object| object.kind() == "checkout.session")?;
        let intent = session.json["payment_intent"].as_str().and_then(|id| state.find(id));
        Some(View {
            session: session.json.clone(),
            lines: line_item_list(id, &session.hidden)["data"].clone(),
            seconds_left: session.json["expires_at"].as_i64().unwrap_or_default() - state.now(),
            confirming: intent.is_some_and(|intent| intent.json["status"] == "requires_action"),
        })
    })
}

fn submit(sandbox: &Sandbox, texts: &Texts, id: &str, form: &Params) -> Response {
    let chosen = form.value("card").as_str().unwrap_or_default();
    let typed = form.value("number").as_str().unwrap_or_default();
    // Whoever types a number means it, also without choosing the button beside it.
    let card = if chosen == "other" || !typed.is_empty() { typed } else { chosen };
    let outcome = sandbox.with(|state, chaos| payments::pay(state, chaos, id, card));
    match outcome {
        // The session is still open, so the input was at fault.
        Err(_) if view(sandbox, id).is_some_and(|view| view.session["status"] == "open") => {
            let Some(view) = view(sandbox, id) else { return redirect(&format!("/pay/{id}")) };
            pay_page(422, texts, &view, Some(texts.unknown_card))
        }
        outcome => after(sandbox, texts, id, outcome.ok()),
    }
}

/// Where the buyer goes next.
fn after(sandbox: &Sandbox, texts: &Texts, id: &str, outcome: Option<Outcome>) -> Response {
    let Some(view) = view(sandbox, id) else { return redirect(&format!("/pay/{id}")) };
    match outcome {
        Some(Outcome::Paid | Outcome::Processing) => redirect(&success_url(&view.session)),
        Some(Outcome::NeedsConfirmation) => redirect(&format!("/pay/{id}/confirm")),
        Some(Outcome::Declined { code, .. }) => {
            let reason = texts.decline_reasons.iter().find(|(name, _)| *name == code);
            pay_page(402, texts, &view, Some(reason.map_or(texts.declined, |(_, reason)| reason)))
        }
        // It expired, or was paid in another window, while the buyer was choosing.
        None => redirect(&format!("/pay/{id}")),
    }
}

fn success_url(session: &Value) -> String {
    let id = session["id"].as_str().unwrap_or_default();
    session["success_url"].as_str().unwrap_or_default().replace("{CHECKOUT_SESSION_ID}", id)
}

fn redirect(url: &str) -> Response {
    Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header(header::LOCATION, url)
        .header(header::CACHE_CONTROL, "no-store")
        .finish()
}

fn closed(texts: &Texts, view: &View) -> Response {
    let session = &view.session;
    if session["status"] == "complete" {
        let shop = success_url(session);
        let body = message(texts, texts.complete_title, texts.complete_text, Some(&shop));
        return page(200, texts, texts.complete_title, &body);
    }
    let body = message(texts, texts.expired_title, texts.expired_text, session["cancel_url"].as_str());
    page(410, texts, texts.expired_title, &body)
}

fn message(texts: &Texts, title: &str, text: &str, link: Option<&str>) -> String {
    let link = link.map_or_else(String::new, |url| {
        format!(r#"<p><a class="button" href="{}">{}</a></p>"#, escape(url), texts.to_shop)
    });
    format!(r#"<section class="card single"><h1>{title}</h1><p>{text}</p>{link}</section>"#)
}

fn pay_page(status: u16, texts: &Texts, view: &View, problem: Option<&str>) -> Response {
    let session = &view.session;
    let amount = amount(session, texts);
    let mut body = summary(texts, view, &amount);
    let problem = problem.map_or_else(String::new, |problem| {
        format!(r#"<p class="problem" role="alert"><strong>{}</strong> {problem}</p>"#, texts.declined)
    });
    let delayed = offers_delayed(session);
    let mut choices = String::new();
    for (index, (card, (name, what))) in CARDS.iter().zip(texts.cards).enumerate() {
        if card.starts_with("delayed") && !delayed {
            continue;
        }
        let checked = if index == 0 { " checked" } else { "" };
        let note =
            if card.starts_with("delayed") { what.to_owned() } else { format!("{} · {what}", spaced(card)) };
        _ = write!(
            choices,
            r#"<label class="choice"><input type="radio" name="card" value="{card}"{checked}>
<span class="what"><span class="name">{name}</span><span class="note">{note}</span></span></label>"#
        );
    }
    let note = if delayed { String::new() } else { format!("<p class=\"note\">{}</p>", texts.cards_only) };
    let cancel = session["cancel_url"].as_str().map_or_else(String::new, |url| {
        format!(r#"<p class="center"><a href="{}">{}</a></p>"#, escape(url), texts.back)
    });
    _ = write!(
        body,
        r#"<section class="card"><form method="post" action="/pay/{id}">
{problem}<fieldset><legend>{choose}</legend>{choices}
<div class="choice"><input type="radio" name="card" value="other" id="other">
<span class="what"><label class="name" for="other">{own}</label>
<input class="typed" type="text" name="number" inputmode="numeric" autocomplete="off" maxlength="40" placeholder="0000 0000 0000 0000" aria-label="{hint}"></span></div>
</fieldset>{note}
<button class="button" type="submit">{pay} {amount}</button></form>{cancel}</section>"#,
        id = escape(session["id"].as_str().unwrap_or_default()),
        choose = texts.choose,
        own = texts.own_card,
        hint = texts.own_card_hint,
        pay = texts.pay,
    );
    page(status, texts, &format!("{} {amount}", texts.title), &body)
}

fn confirm_page(texts: &Texts, view: &View) -> Response {
    let body = format!(
        r#"<section class="card single"><h1>{title}</h1><p>{text}</p><p class="amount">{amount}</p>
<form method="post" action="/pay/{id}/confirm" class="stack">
<button class="button" type="submit" name="approve" value="true">{yes}</button>
<button class="button plain" type="submit" name="approve" value="false">{no}</button></form></section>"#,
        title = texts.confirm_title,
        text = texts.confirm_text,
        amount = amount(&view.session, texts),
        id = escape(view.session["id"].as_str().unwrap_or_default()),
        yes = texts.confirm_yes,
        no = texts.confirm_no,
    );
    page(200, texts, texts.confirm_title, &body)
}

fn summary(texts: &Texts, view: &View, amount: &str) -> String {
    let mut lines = String::new();
    for line in view.lines.as_array().into_iter().flatten() {
        let currency = line["currency"].as_str().unwrap_or_default();
        let quantity = match line["quantity"].as_i64() {
            None | Some(1) => String::new(),
            Some(quantity) => format!(r#"<span class="note">{}: {quantity}</span>"#, texts.quantity),
        };
        _ = write!(
            lines,
            r#"<li><span>{}{quantity}</span><span class="price">{}</span></li>"#,
            escape(line["description"].as_str().unwrap_or_default()),
            money(line["amount_total"].as_i64().unwrap_or_default(), currency, texts),
        );
    }
    let left = view.seconds_left.max(0);
    let (hours, minutes, seconds) = (left / 3600, left / 60 % 60, left % 60);
    let clock = if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    };
    format!(
        r#"<section class="summary"><h1><span class="small">{pay_to}</span><span class="amount">{amount}</span></h1>
<p class="clock">{time_left}: <span id="left" role="timer" data-seconds="{left}">{clock}</span></p>
<ul>{lines}<li class="total"><span>{total}</span><span class="price">{amount}</span></li></ul></section>"#,
        pay_to = texts.pay_to,
        time_left = texts.time_left,
        total = texts.total,
    )
}

fn amount(session: &Value, texts: &Texts) -> String {
    let currency = session["currency"].as_str().unwrap_or_default();
    money(session["amount_total"].as_i64().unwrap_or_default(), currency, texts)
}

fn spaced(number: &str) -> String {
    let groups: Vec<&str> = (0..number.len()).step_by(4).filter_map(|at| number.get(at..at + 4)).collect();
    groups.join(" ")
}

fn page(status: u16, texts: &Texts, title: &str, body: &str) -> Response {
    let nonce = new_id("", 22);
    let html = format!(
        r#"<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>{title} · {badge}</title><style nonce="{nonce}">{STYLE}</style></head>
<body><header role="banner"><strong class="badge">{badge}</strong><span>{note}</span></header>
<main>{body}</main><script nonce="{nonce}">{COUNTDOWN}</script></body></html>
"#,
        lang = texts.lang,
        badge = texts.badge,
        note = texts.badge_note,
    );
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'"
    );
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, policy)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::REFERRER_POLICY, "no-referrer")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::VARY, "accept-language")
        .body(html)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char => escaped.push(char),
        }
    }
    escaped
}
