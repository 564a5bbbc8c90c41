//! The pages around the picker: one for iframes, one that is a shop of its own. The server writes the frame and what can
//! be read without scripts; `frame.js` and `hosted.js` define the element `<eventflow-seats>` that stands in it.
//!
//! The element gets `event`, `key`, `lang`, and on the page after a checkout `order` and, when nothing was paid,
//! `cancelled`. The page for iframes names the origins of its possible parents in `data-parents` of its body. The page
//! after a checkout may carry a buyer's token as `#token=…`: fragments are not sent to servers.

use std::sync::{Arc, LazyLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use eventflow_core::{Id, id};
use eventflow_store::{
    Error, Scope,
    events::{self, CANCELLED, Event, View},
    tenants::Tenant,
    venues::{self, Venue},
};
use poem::{
    IntoResponse, Request, Response, handler,
    http::{StatusCode, header},
    web::{Data, Path, Query},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{files::NOT_BUILT, languages::Language};
use crate::{
    app::App,
    auth::{self, PageKey, RequestFacts},
    problem::{Failure, request_id},
};

const STYLE: &str = include_str!("pages.css");
/// Characters of an event's description that search engines and messengers show.
const DESCRIPTION_MAX: usize = 200;

/// What the address of a page says. Anything else in it is for the scripts.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    key: Option<String>,
    event: Option<String>,
    order: Option<String>,
    cancelled: Option<String>,
    lang: Option<String>,
}

/// A page before it is written.
struct Page {
    language: Language,
    status: StatusCode,
    title: String,
    /// More of the head, as HTML.
    head: String,
    /// The body and its attributes, as HTML.
    body: String,
    attributes: String,
    /// Who may show the page in a frame.
    parents: Vec<String>,
}

impl Page {
    fn new(language: Language, title: impl Into<String>) -> Self {
        Self {
            language,
            status: StatusCode::OK,
            title: title.into(),
            head: String::new(),
            body: String::new(),
            attributes: String::new(),
            parents: vec![],
        }
    }

    /// A page that only says something.
    fn message(language: Language, status: StatusCode, title: &str, detail: &str) -> Self {
        let body = format!(
            "<main><div class=\"message\"><h1>{}</h1><p>{}</p></div></main>",
            escape(title),
            escape(detail)
        );
        let head = "<meta name=\"robots\" content=\"noindex\">".to_owned();
        Self { status, body, head, ..Self::new(language, title) }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let html = format!(
            "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width,initial-scale=1,viewport-fit=cover\"><title>{}</title>{}<style>{STYLE}</style>\
             </head><body{}>{}</body></html>",
            self.language.tag(),
            escape(&self.title),
            self.head,
            self.attributes,
            self.body
        );
        Response::builder()
            .status(self.status)
            .content_type("text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, policy(&self.parents))
            // Kept for the way back from the checkout, asked for again otherwise.
            .header(header::CACHE_CONTROL, "no-cache")
            .header(header::VARY, "Accept-Language")
            .header(header::CONTENT_LANGUAGE, self.language.tag())
            .body(html)
    }
}

/// Scripts only from here and never from the page's text; images from anywhere, because seat maps refer to them.
fn policy(parents: &[String]) -> String {
    static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));
    let parents = if parents.is_empty() { "'none'".to_owned() } else { parents.join(" ") };
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'sha256-{}'; \
         img-src 'self' https: data: blob:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors {parents}",
        *STYLE_HASH
    )
}

/// `GET /embed/v1/frame`
#[handler]
pub async fn frame(app: Data<&Arc<App>>, asked: Query<Asked>, request: &Request) -> Response {
    let language = language(&asked, request);
    let key = match page_key(&app, &asked, request).await {
        Ok(key) => key,
        Err(failure) => return failure.into_response(),
    };
    let Some((text, key)) = key else {
        return nothing(language).into_response();
    };
    let Some(script) = app.widget.entry("frame") else { return not_built(language).into_response() };
    let event = asked.event.as_deref().and_then(|event| event.parse().ok());
    let mut page = Page::new(language, language.texts().tickets);
    page.attributes = format!(" class=\"frame\" data-parents=\"{}\"", escape(&key.origins.join(" ")));
    page.body = format!(
        "<main>{}{}</main>{}",
        element(language, event, Some(&text), None, false),
        no_script(language, None),
        module(&script)
    );
    page.parents = key.origins.to_vec();
    let resource_policy = header::HeaderName::from_static("cross-origin-resource-policy");
    page.with_header(resource_policy, "cross-origin").into_response()
}

/// `GET /e/<event>`
#[handler]
pub async fn shop(
    app: Data<&Arc<App>>,
    event_id: Path<String>,
    asked: Query<Asked>,
    request: &Request,
) -> Response {
    let language = language(&asked, request);
    let Ok(event) = event_id.parse() else { return nothing(language).into_response() };
    let sale = match find(&app, &asked, request, event).await {
        Ok(sale) => sale,
        Err(failure) => return failure.into_response(),
    };
    let order = asked.order.as_deref().and_then(|order| order.parse().ok());
    match (sale, order) {
        (Some(sale), None) => shop_page(&app, language, &sale),
        // Who began the checkout through an integrator's server comes back without a key.
        (sale, Some(order)) if sale.is_some() || asked.key.is_none() => {
            let key = sale.as_ref().map(|sale| &*sale.key);
            let title = sale.as_ref().map_or(language.texts().your_order, |sale| &sale.event.terms.name);
            let cancelled = asked.cancelled.is_some();
            order_page(&app, Page::new(language, title), event, key, order, cancelled)
        }
        _ => nothing(language).into_response(),
    }
}

/// An event that the public may know of, and whose it is.
struct Sale {
    key: String,
    event: Event,
    venue: Venue,
    seller: Arc<Tenant>,
}

async fn find(
    app: &Arc<App>,
    asked: &Asked,
    request: &Request,
    event: Id<id::Event>,
) -> Result<Option<Sale>, Failure> {
    let Some((text, key)) = page_key(app, asked, request).await? else { return Ok(None) };
    let scope = Scope { tenant: key.tenant, actor: "page".into(), request_id: request_id() };
    let found = app
        .db
        .run(&scope, async |tx| {
            let event = events::get(tx, event, View::Public).await?;
            let venue = venues::get(tx, event.venue_id.into()).await?;
            Ok((event, venue))
        })
        .await;
    match found {
        Ok((event, venue)) => Ok(Some(Sale { key: text, event, venue, seller: app.seller(&scope).await? })),
        Err(Error::Refused(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The key of the address with what it opens.
async fn page_key(
    app: &Arc<App>,
    asked: &Asked,
    request: &Request,
) -> Result<Option<(String, PageKey)>, Failure> {
    let Some(text) = asked.key.clone() else { return Ok(None) };
    let facts: &Arc<RequestFacts> = request.data().expect("the middleware adds the facts to every request");
    Ok(auth::page_key(app, facts.ip, &text).await?.map(|key| (text, key)))
}

fn shop_page(app: &App, language: Language, sale: &Sale) -> Response {
    let texts = language.texts();
    if sale.event.state == CANCELLED {
        return Page::message(language, StatusCode::GONE, texts.cancelled, texts.cancelled_detail)
            .into_response();
    }
    let Some(script) = app.widget.entry("hosted") else { return not_built(language).into_response() };
    let (event, name) = (Id::<id::Event>::from(sale.event.id), &sale.event.terms.name);
    let mut page = Page::new(language, format!("{name} – {}", texts.tickets));
    let when = language.moment(sale.event.terms.starts_at, &sale.event.terms.time_zone);
    let place = place(&sale.venue);
    let url = format!("{}/e/{event}?key={}", app.config.base_url(), sale.key);
    let described = summary(&sale.event.terms.description, &format!("{when} · {place}"));
    page.head = [
        ("name", "description", described.as_str()),
        ("property", "og:type", "website"),
        ("property", "og:title", name),
        ("property", "og:description", &described),
        ("property", "og:site_name", &sale.seller.name),
        ("property", "og:locale", if language == Language::German { "de_DE" } else { "en_GB" }),
        ("property", "og:url", &url),
    ]
    .iter()
    .map(|(kind, name, content)| format!("<meta {kind}=\"{name}\" content=\"{}\">", escape(content)))
    .collect();
    page.head += &format!("<link rel=\"canonical\" href=\"{}\">", escape(&url));
    page.body = format!(
        "<header><h1>{}</h1><p><time datetime=\"{}\">{}</time> · {}</p></header><main>{}{}</main>{}<footer><p>{}: {}</p></footer>{}",
        escape(name),
        sale.event.terms.starts_at.to_rfc3339(),
        escape(&when),
        escape(&place),
        element(language, Some(event), Some(&sale.key), None, false),
        no_script(language, Some(sale)),
        about(&sale.event.terms.description),
        texts.organizer,
        escape(&sale.seller.name),
        module(&script)
    );
    page.into_response()
}

/// The page after a checkout leads back to the shop even when the picker is missing. What has become of the order, the
/// script asks: anybody can write any number into the address.
fn order_page(
    app: &App,
    mut page: Page,
    event: Id<id::Event>,
    key: Option<&str>,
    order: Id<id::Order>,
    cancelled: bool,
) -> Response {
    let script = app.widget.entry("hosted").map(|script| module(&script)).unwrap_or_default();
    page.head = "<meta name=\"robots\" content=\"noindex\">".to_owned();
    page.body = format!(
        "<header><h1>{}</h1></header><main>{}</main>{script}",
        escape(&page.title),
        element(page.language, Some(event), key, Some(order), cancelled),
    );
    page.into_response()
}

fn nothing(language: Language) -> Page {
    let texts = language.texts();
    Page::message(language, StatusCode::NOT_FOUND, texts.not_found, texts.not_found_detail)
}

fn not_built(language: Language) -> Page {
    Page::message(language, StatusCode::SERVICE_UNAVAILABLE, language.texts().not_built, NOT_BUILT)
}

/// The picker's element. What stands in it is shown until the script takes over.
fn element(
    language: Language,
    event: Option<Id<id::Event>>,
    key: Option<&str>,
    order: Option<Id<id::Order>>,
    cancelled: bool,
) -> String {
    let mut attributes = format!(" lang=\"{}\"", language.tag());
    let event = event.map(|event| event.to_string());
    let order_text = order.map(|order| order.to_string());
    for (name, value) in [("event", event.as_deref()), ("key", key), ("order", order_text.as_deref())] {
        if let Some(value) = value {
            attributes += &format!(" {name}=\"{}\"", escape(value));
        }
    }
    if cancelled {
        attributes += " cancelled";
    }
    let texts = language.texts();
    let inside = match order_text {
        None => format!("<p class=\"wait\">{}</p>", texts.loading),
        Some(order) => {
            let (said, help) =
                if cancelled { (texts.not_paid, texts.again) } else { (texts.returned, texts.elsewhere) };
            // Who has no right to the order on this device, or came without a key, reads on here.
            let link = event.zip(key).map(|(event, key)| {
                let address = format!("/e/{event}?key={key}&lang={}", language.tag());
                format!("<p><a href=\"{}\">{}</a></p>", escape(&address), texts.shop)
            });
            let link = link.unwrap_or_default();
            format!("<div class=\"message\"><h2>{said}</h2><p>{help} <b>{order}</b></p>{link}</div>")
        }
    };
    format!("<eventflow-seats{attributes}>{inside}</eventflow-seats>")
}

fn module(path: &str) -> String {
    format!("<script type=\"module\" src=\"/embed/{}\"></script>", escape(path))
}

/// The way out for those who have no scripts: the people and the place.
fn no_script(language: Language, sale: Option<&Sale>) -> String {
    let who = sale.map(|sale| {
        let address = [&sale.venue.street, &sale.venue.postal_code, &sale.venue.city];
        let address: Vec<_> = address.into_iter().filter(|part| !part.is_empty()).cloned().collect();
        let parts = [sale.seller.name.clone(), sale.venue.name.clone(), address.join(" ")];
        parts.iter().filter(|part| !part.is_empty()).map(|part| escape(part)).collect::<Vec<_>>().join("<br>")
    });
    let who = who.map(|who| format!("<address>{who}</address>")).unwrap_or_default();
    format!("<noscript><p>{}</p>{who}</noscript>", language.texts().no_script)
}

fn about(description: &str) -> String {
    match description.trim() {
        "" => String::new(),
        text => format!("<section class=\"about\">{}</section>", escape(text)),
    }
}

fn place(venue: &Venue) -> String {
    if venue.city.is_empty() { venue.name.clone() } else { format!("{}, {}", venue.name, venue.city) }
}

/// The beginning of a text in one line, cut between words; `otherwise` when there is none.
fn summary(text: &str, otherwise: &str) -> String {
    let mut summary = String::new();
    for word in text.split_whitespace() {
        if summary.chars().count() + word.chars().count() >= DESCRIPTION_MAX {
            return summary + " …";
        }
        if !summary.is_empty() {
            summary.push(' ');
        }
        summary += word;
    }
    if summary.is_empty() { otherwise.to_owned() } else { summary }
}

fn language(asked: &Asked, request: &Request) -> Language {
    Language::choose(asked.lang.as_deref(), request.header("accept-language"))
}

/// Text as HTML, in and outside of attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        let element = element(Language::German, None, Some("\"><script>alert('x')&"), None, false);
        assert!(element.contains("key=\"&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&amp;\""), "{element}");
    }

    #[test]
    fn a_description_is_cut_between_words() {
        assert_eq!(summary("  A\n\n short  one ", "-"), "A short one");
        assert_eq!(summary(" \n", "nothing"), "nothing");
        let long = summary(&"word ".repeat(100), "-");
        assert!(long.chars().count() <= DESCRIPTION_MAX + 2 && long.ends_with("word …"), "{long}");
        assert_eq!(summary(&"x".repeat(1_000), "-"), " …");
    }

    #[test]
    fn only_the_registered_origins_may_frame_a_page() {
        assert!(policy(&[]).ends_with("frame-ancestors 'none'"));
        let parents = ["https://a.example".to_owned(), "http://localhost:5173".to_owned()];
        assert!(policy(&parents).ends_with("frame-ancestors https://a.example http://localhost:5173"));
        assert!(!policy(&parents).contains("unsafe-inline") && !policy(&parents).contains("'unsafe-eval'"));
    }
}
