//! The generated glue: the shared types once, then each hook in a module of its own, so that a plugin exports only the
//! hooks that it has.

macro_rules! hook {
    ($module:ident, $world:literal, $export:literal) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "../wit/eventflow-plugin-1.0.0",
                world: $world,
                pub_export_macro: true,
                export_macro_name: $export,
                additional_derives: [PartialEq, Eq],
                with: {
                    "eventflow:plugin/types@1.0.0": crate::glue::types,
                    "eventflow:plugin/log@1.0.0": crate::glue::log,
                    "eventflow:plugin/config@1.0.0": crate::glue::config,
                    "eventflow:plugin/key-value@1.0.0": crate::glue::key_value,
                },
            });
        }
    };
}

mod imports {
    wit_bindgen::generate!({
        path: "../wit/eventflow-plugin-1.0.0",
        world: "imports",
        additional_derives: [PartialEq, Eq],
        generate_unused_types: true,
    });
}

pub use imports::eventflow::plugin::{config, key_value, log, types};

hook!(pricing, "pricing-plugin", "export_pricing");
hook!(cart_requests, "cart-requests-plugin", "export_cart_requests");
hook!(validation, "validation-plugin", "export_validation");
hook!(notification, "notification-plugin", "export_notification");
hook!(notice_requests, "notice-requests-plugin", "export_notice_requests");
hook!(ticket, "ticket-plugin", "export_ticket");
