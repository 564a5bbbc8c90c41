//! Documentation for integrators, all of it from the tables of the code, and nothing from other servers.
//!
//! | path | what |
//! |---|---|
//! | `/docs` | the contract in a viewer, with a search and requests to try |
//! | `/docs/errors` | error codes; the `type` of every Problem leads here |
//! | `/docs/scopes` | permissions: who has them, what needs them |
//! | `/docs/event-types` | what webhooks and the log of events tell |
//! | `/docs/limits` | how much, how large, how often |
//! | `/docs/viewer.js`, `/docs/start.js` | the viewer, and what starts it |

mod limits;
mod page;
mod tables;
mod viewer;

use poem::Route;

pub use viewer::answer;

/// The routes of this module, beside the contract's.
pub fn routes(routes: Route) -> Route {
    routes
        .at("/docs", poem::get(viewer::page))
        .at("/docs/", poem::get(viewer::page))
        .at("/docs/viewer.js", poem::get(viewer::script))
        .at("/docs/start.js", poem::get(viewer::start))
        .at("/docs/errors", poem::get(tables::errors))
        .at("/docs/scopes", poem::get(tables::scopes))
        .at("/docs/event-types", poem::get(tables::event_types))
        .at("/docs/limits", poem::get(tables::limits))
}
