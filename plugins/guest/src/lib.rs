//! Write EventFlow plugins in Rust. A plugin is one function for each hook and one line that exports it:
//!
//! ```
//! use eventflow_plugin::pricing::{Adjustment, Cart, percent};
//!
//! fn quote(cart: Cart) -> Result<Vec<Adjustment>, String> {
//!     if cart.lines.len() < 10 {
//!         return Ok(vec![]);
//!     }
//!     Ok(vec![Adjustment::cart(percent(-15), "Group discount")])
//! }
//!
//! eventflow_plugin::export!(pricing = quote);
//! ```
//!
//! Built for `wasm32-unknown-unknown` as a `cdylib`, and made a component by `eventflow plugin build`. The types are those
//! of `eventflow:plugin@1.0.0`, whose WIT files say what each field means.

#[doc(hidden)]
pub mod glue;
mod helpers;

pub mod config;
pub mod key_value;
pub mod log;

/// What is in carts, notices and tickets.
pub use glue::types;
pub use helpers::{amount_text, percent_text};

/// Changes of prices.
pub mod pricing {
    pub use crate::glue::pricing::exports::eventflow::plugin::pricing::{Adjustment, Change, Guest};
    pub use crate::glue::types::{Cart, Line, Money, Tier};
    pub use crate::helpers::{amount, percent};
}

/// Verdicts about carts.
pub mod validation {
    pub use crate::glue::types::{Cart, Line, Tier};
    pub use crate::glue::validation::exports::eventflow::plugin::validation::{Guest, Violation};
}

/// What to fetch before a cart is priced or judged.
pub mod cart_requests {
    pub use crate::glue::cart_requests::exports::eventflow::plugin::cart_requests::Guest;
    pub use crate::glue::types::{Cart, HttpRequest};
}

/// Messages.
pub mod notification {
    pub use crate::glue::notification::exports::eventflow::plugin::notification::{Decision, Guest};
    pub use crate::glue::types::{Message, Notice, Order};
}

/// What to fetch before messages are decided about.
pub mod notice_requests {
    pub use crate::glue::notice_requests::exports::eventflow::plugin::notice_requests::Guest;
    pub use crate::glue::types::{HttpRequest, Notice};
}

/// Fields of tickets.
pub mod ticket {
    pub use crate::glue::ticket::exports::eventflow::plugin::ticket::{Facts, Field, Guest, Place};
    pub use crate::glue::types::{Event, Seat, Tier};
}

/// Exports a function as a hook: `export!(pricing = quote)`. Several hooks may stand in one line or in several.
#[macro_export]
macro_rules! export {
    (pricing = $function:path) => {
        $crate::export!(@hook pricing, export_pricing, quote, $crate::pricing::Cart, Vec<$crate::pricing::Adjustment>, $function);
    };
    (cart_requests = $function:path) => {
        $crate::export!(@hook cart_requests, export_cart_requests, requests, $crate::cart_requests::Cart, Vec<$crate::cart_requests::HttpRequest>, $function);
    };
    (validation = $function:path) => {
        $crate::export!(@hook validation, export_validation, validate, $crate::validation::Cart, Vec<$crate::validation::Violation>, $function);
    };
    (notification = $function:path) => {
        $crate::export!(@hook notification, export_notification, notify, $crate::notification::Notice, $crate::notification::Decision, $function);
    };
    (notice_requests = $function:path) => {
        $crate::export!(@hook notice_requests, export_notice_requests, requests, $crate::notice_requests::Notice, Vec<$crate::notice_requests::HttpRequest>, $function);
    };
    (ticket = $function:path) => {
        $crate::export!(@hook ticket, export_ticket, fields, $crate::ticket::Facts, Vec<$crate::ticket::Field>, $function);
    };
    (@hook $hook:ident, $export:ident, $method:ident, $input:ty, $output:ty, $function:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Plugin;
            impl $crate::$hook::Guest for Plugin {
                fn $method(input: $input) -> Result<$output, String> {
                    $crate::log::panics();
                    $function(input)
                }
            }
            $crate::glue::$hook::$export!(Plugin with_types_in $crate::glue::$hook);
        };
        // On other targets, where tests run, the types are checked all the same.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn($input) -> Result<$output, String> = $function;
    };
    ($hook:ident = $function:path) => {
        compile_error!(concat!(
            "there is no hook `", stringify!($hook),
            "`; there are pricing, validation, notification, ticket, cart_requests and notice_requests"
        ));
    };
    ($($hook:ident = $function:path),+ $(,)?) => { $($crate::export!($hook = $function);)+ };
}
