//! What partners load: the files of the seat picker, the page for iframes, and the hosted shop. Nothing here sets a
//! cookie, and every page has a Content-Security-Policy of its own.
//!
//! | path | what |
//! |---|---|
//! | `/embed/v1/eventflow.js` | the evergreen loader; a short cache |
//! | `/embed/v1/integrity.json` | SRI hashes of the immutable files |
//! | `/embed/v<version>-<hash>/…` | immutable files |
//! | `/embed/v1/frame?key=…&event=…` | the picker in a frame, for hosts that refuse `wasm-unsafe-eval` |
//! | `/e/<event>?key=…` | the shop as a page, and with `order=…` the page after the checkout |

mod files;
mod languages;
mod pages;

use poem::Route;

pub use files::Widget;
pub(crate) use languages::Language;
pub(crate) use pages::escape;

/// The routes of this module, beside the contract's.
pub fn routes(routes: Route) -> Route {
    routes
        .at("/embed/v1/frame", poem::get(pages::frame))
        .at("/embed/*path", poem::get(files::serve))
        .at("/e/:event_id", poem::get(pages::shop))
}
