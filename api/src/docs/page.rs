//! What the pages of the documentation share: head, navigation, and a policy that lets nothing in from elsewhere.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use poem::{IntoResponse, Response, http::header};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("docs.css");
/// The pages, as the navigation names them.
const PAGES: [(&str, &str); 5] = [
    ("/docs", "Operations"),
    ("/docs/errors", "Error codes"),
    ("/docs/scopes", "Scopes"),
    ("/docs/event-types", "Event types"),
    ("/docs/limits", "Limits"),
];

/// A page of the documentation.
pub struct Page {
    pub path: &'static str,
    pub title: &'static str,
    /// The body below the navigation, as HTML.
    pub body: String,
    /// The viewer puts styles of its own into the page.
    pub has_viewer: bool,
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let links: String = PAGES.iter().map(|(path, name)| self.link(path, name)).collect();
        let html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width,initial-scale=1\"><title>{title} – EventFlow</title><link rel=\"icon\" href=\"data:,\"><style>{STYLE}</style></head>\
             <body><nav aria-label=\"Documentation\"><a class=\"home\" href=\"/docs\">EventFlow API</a>{links}\
             <a href=\"/openapi.json\">Contract</a></nav>{body}</body></html>",
            title = self.title,
            body = self.body,
        );
        Response::builder()
            .content_type("text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, policy(self.has_viewer))
            .header(header::CACHE_CONTROL, "no-cache")
            .body(html)
    }
}

impl Page {
    fn link(&self, path: &str, name: &str) -> String {
        let here = if path == self.path { " aria-current=\"page\"" } else { "" };
        format!("<a href=\"{path}\"{here}>{name}</a>")
    }
}

/// Everything from this server; scripts never from the page's text.
fn policy(has_viewer: bool) -> String {
    static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));
    let (script, style) = if has_viewer {
        ("'self'", "'self' 'unsafe-inline'".to_owned())
    } else {
        ("'none'", format!("'sha256-{}'", *STYLE_HASH))
    };
    format!(
        "default-src 'none'; script-src {script}; style-src {style}; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_from_elsewhere_and_no_text_of_a_page_is_run() {
        for has_viewer in [true, false] {
            let policy = policy(has_viewer);
            assert!(
                !policy.contains("http") && !policy.contains('*') && !policy.contains("unsafe-eval"),
                "{policy}"
            );
            let script = policy.split("; ").find(|part| part.starts_with("script-src")).unwrap();
            assert!(!script.contains("unsafe-inline"), "{policy}");
        }
        assert!(!policy(false).contains("unsafe-inline"));
    }
}
