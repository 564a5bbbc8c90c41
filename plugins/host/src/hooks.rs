//! The hooks as types: what goes in, what comes out, and what of it is believed.

use serde::{Serialize, de::DeserializeOwned};
use wasmtime::component::{ComponentType, Lift, Lower};

use crate::{
    facts, limits,
    manifest::Manifest,
    pricing::is_sensible,
    upload::Hook,
    values::{Adjustment, Cart, Change, Decision, Field, HttpRequest, Notice, TicketFacts, Violation},
};

/// Runs an expression with a type that stands for the hook.
macro_rules! with_hook {
    ($hook:expr, $type:ident => $body:expr) => {
        with_hook!(@each $hook, $type, $body, [Pricing, CartRequests, Validation, Notification, NoticeRequests, Ticket])
    };
    (@each $hook:expr, $type:ident, $body:expr, [$($name:ident),*]) => {
        match $hook {
            $($crate::upload::Hook::$name => {
                type $type = $crate::hooks::$name;
                $body
            })*
        }
    };
}
pub(crate) use with_hook;

/// One hook.
pub trait HookType: 'static {
    const HOOK: Hook;
    /// Whether a call may set values in the key-value store.
    const WRITES: bool = false;
    type Input: ComponentType + Lower + Serialize + DeserializeOwned;
    type Output: ComponentType + Lift + Serialize + DeserializeOwned + 'static;

    /// What the work grows with.
    fn lines(input: &Self::Input) -> usize;

    /// What the plugin is told, if that is less than there is.
    fn seen(_: &Manifest, _: &Self::Input) -> Option<Self::Input> {
        None
    }

    /// What is wrong with an answer, for the plugin's author.
    fn check(input: &Self::Input, output: &Self::Output) -> Result<(), String>;
}

/// `pricing`: a cart in, changes of its prices out. What they come to is worked out in [`crate::pricing`].
pub struct Pricing;
/// `cart-requests`: what to fetch before pricing or validating a cart.
pub struct CartRequests;
/// `validation`: a cart in, what speaks against it out.
pub struct Validation;
/// `notification`: something that happened in, what is sent out.
pub struct Notification;
/// `notice-requests`: what to fetch before deciding about messages.
pub struct NoticeRequests;
/// `ticket`: a ticket in, more fields for it out.
pub struct Ticket;

impl HookType for Pricing {
    const HOOK: Hook = Hook::Pricing;
    type Input = Cart;
    type Output = Vec<Adjustment>;

    fn lines(cart: &Cart) -> usize {
        cart.lines.len()
    }

    fn seen(manifest: &Manifest, cart: &Cart) -> Option<Cart> {
        manifest.pricing_facts.as_ref().map(|facts| facts::seen(facts, cart))
    }

    fn check(cart: &Cart, adjustments: &Vec<Adjustment>) -> Result<(), String> {
        let max = limits::ADJUSTMENTS_PER_LINE_MAX * (cart.lines.len() + 1);
        // A change of the whole cart is one of each line.
        let changes =
            adjustments.iter().map(|one| if one.line.is_some() { 1 } else { cart.lines.len() }).sum();
        at_most("changes of prices", changes, max)?;
        adjustments.iter().enumerate().try_for_each(|(index, adjustment)| {
            check_line(cart, adjustment.line)?;
            check_text("the label", &adjustment.label, 1, limits::LABEL_CHARS_MAX)?;
            check_text("the reason", &adjustment.reason, 0, limits::REASON_CHARS_MAX)?;
            check_change(cart, &adjustment.change).map_err(|problem| format!("adjustment {index}: {problem}"))
        })
    }
}

fn check_change(cart: &Cart, change: &Change) -> Result<(), String> {
    match change {
        Change::Amount(money) if money.currency != cart.event.currency => Err(format!(
            "the amount is in `{}`, the event sells in {}",
            money.currency.chars().take(10).collect::<String>(),
            cart.event.currency
        )),
        Change::Amount(money)
            if money.amount_minor.unsigned_abs() > eventflow_core::money::AMOUNT_MAX.unsigned_abs() =>
        {
            Err("the amount is out of range".to_owned())
        }
        Change::PercentBps(bps) if !is_sensible(*bps) => {
            Err(format!("{bps} basis points are no sensible change; -1000 is 10 % off"))
        }
        _ => Ok(()),
    }
}

impl HookType for CartRequests {
    const HOOK: Hook = Hook::CartRequests;
    type Input = Cart;
    type Output = Vec<HttpRequest>;

    fn lines(cart: &Cart) -> usize {
        cart.lines.len()
    }

    fn check(_: &Cart, requests: &Vec<HttpRequest>) -> Result<(), String> {
        at_most("requests", requests.len(), limits::REQUESTS_MAX)
    }
}

impl HookType for Validation {
    const HOOK: Hook = Hook::Validation;
    type Input = Cart;
    type Output = Vec<Violation>;

    fn lines(cart: &Cart) -> usize {
        cart.lines.len()
    }

    fn check(cart: &Cart, violations: &Vec<Violation>) -> Result<(), String> {
        at_most("violations", violations.len(), cart.lines.len() + 10)?;
        violations.iter().try_for_each(|violation| {
            check_line(cart, violation.line)?;
            check_text("the code", &violation.code, 1, limits::LABEL_CHARS_MAX)?;
            check_text("the text", &violation.text, 1, limits::TEXT_CHARS_MAX)
        })
    }
}

impl HookType for Notification {
    const HOOK: Hook = Hook::Notification;
    const WRITES: bool = true;
    type Input = Notice;
    type Output = Decision;

    fn lines(notice: &Notice) -> usize {
        // Letters are longer than prices: room as for a cart of this size.
        40 + notice.order.as_ref().map_or(0, |order| order.lines.len())
    }

    fn check(_: &Notice, decision: &Decision) -> Result<(), String> {
        let Decision::Send(messages) = decision else { return Ok(()) };
        at_most("messages", messages.len(), limits::MESSAGES_MAX)?;
        messages.iter().try_for_each(|message| {
            one_of("channel", &message.channel, &["email", "sms", "chat"])?;
            one_of("recipient", &message.recipient, &["buyer", "attendee", "organizer"])?;
            message.attachments.iter().try_for_each(|attachment| {
                one_of("attachment", attachment, &["tickets_pdf", "receipt_pdf", "calendar"])
            })?;
            let is_mail = message.channel == "email";
            check_text("the subject", &message.subject, usize::from(is_mail), limits::REASON_CHARS_MAX)?;
            let texts = [Some(&message.body), message.html.as_ref()];
            if texts.into_iter().flatten().any(|text| text.contains('\0')) {
                return Err("a message has the character U+0000".to_owned());
            }
            if message.body.trim().is_empty() || is_mail && message.subject.trim().is_empty() {
                return Err(
                    "a message needs a text, and a letter a subject; suppress to send nothing".to_owned()
                );
            }
            at_most("bytes of the body", message.body.len(), limits::BODY_BYTES_MAX)?;
            at_most("bytes of HTML", message.html.as_ref().map_or(0, String::len), limits::BODY_BYTES_MAX)
        })
    }
}

impl HookType for NoticeRequests {
    const HOOK: Hook = Hook::NoticeRequests;
    type Input = Notice;
    type Output = Vec<HttpRequest>;

    fn lines(notice: &Notice) -> usize {
        Notification::lines(notice)
    }

    fn check(_: &Notice, requests: &Vec<HttpRequest>) -> Result<(), String> {
        at_most("requests", requests.len(), limits::REQUESTS_MAX)
    }
}

impl HookType for Ticket {
    const HOOK: Hook = Hook::Ticket;
    type Input = TicketFacts;
    type Output = Vec<Field>;

    fn lines(_: &TicketFacts) -> usize {
        1
    }

    fn check(_: &TicketFacts, fields: &Vec<Field>) -> Result<(), String> {
        at_most("fields", fields.len(), limits::FIELDS_MAX)?;
        let mut keys: Vec<&str> = fields.iter().map(|field| field.key.as_str()).collect();
        keys.sort_unstable();
        if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("the key `{}` is there twice", twice[0]));
        }
        fields.iter().try_for_each(|field| {
            check_text("the key", &field.key, 1, limits::LABEL_CHARS_MAX)?;
            check_text("the label", &field.label, 0, limits::LABEL_CHARS_MAX)?;
            check_text("the value", &field.value, 1, limits::REASON_CHARS_MAX)
        })
    }
}

fn at_most(what: &str, count: usize, max: usize) -> Result<(), String> {
    if count > max { Err(format!("{count} {what}; at most {max} are allowed")) } else { Ok(()) }
}

fn one_of(what: &str, value: &str, known: &[&str]) -> Result<(), String> {
    if known.contains(&value) {
        return Ok(());
    }
    let value: String = value.chars().take(20).collect();
    Err(format!("there is no {what} `{value}`; there are {}", known.join(", ")))
}

fn check_line(cart: &Cart, line: Option<u32>) -> Result<(), String> {
    let is_there = |line: u32| usize::try_from(line).is_ok_and(|line| line < cart.lines.len());
    match line {
        Some(line) if !is_there(line) => {
            Err(format!("there is no line {line}; the cart has {}, counted from 0", cart.lines.len()))
        }
        _ => Ok(()),
    }
}

/// Texts that people see are of one line, and have no characters that turn the rest of a page around.
fn check_text(what: &str, text: &str, min: usize, max: usize) -> Result<(), String> {
    let count = text.chars().count();
    if count < min || count > max {
        return Err(format!("{what} has {count} characters; {min} to {max} are allowed"));
    }
    let is_strange =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.chars().any(is_strange) { Err(format!("{what} has control characters")) } else { Ok(()) }
}
