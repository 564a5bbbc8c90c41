//! A tenant that has one object of every kind, and a row in every table.

use std::collections::BTreeMap;

use serde_json::json;
use uuid::Uuid;

use super::{
    Client, Platform, Tenant, list,
    shop::{AREA, codes, items},
    text, wait_until,
};

pub struct Everything {
    pub tenant: Tenant,
    /// An id for each prefix: `evt` -> `evt_01h…`.
    pub ids: BTreeMap<&'static str, String>,
    /// A buyer with a hold, a buyer with an order, a scanner.
    pub hold_buyer: Client,
    pub order_buyer: Client,
    pub device: Client,
}

impl Everything {
    pub async fn make(platform: &Platform) -> Self {
        let tenant = platform.tenant().await;
        let event = tenant.event(30, 50, json!({})).await;
        let member = json!({ "email": "grace@example.org", "name": "Grace Hopper", "role": "staff" });
        let member = tenant.api.with_key("member").post("/v1/members", member).await.created();
        let key = json!({ "kind": "secret", "name": "Reports", "scopes": ["events:read"] });
        let key = tenant.api.post("/v1/api-keys", key).await.created();

        let block = json!({ "action": "block", "seats": [29], "reason": "Camera" });
        tenant.api.patch(&event.path("/seats"), block).await.ok();
        tenant
            .api
            .patch(&event.path("/seats"), json!({ "action": "re_tier", "seats": [28], "category": "b" }))
            .await
            .ok();

        let paid = event.hold(&[0, 1]).await.created();
        let paid = event.order_stripe(&paid).await.created();
        platform.sandbox.pay(&paid).await;
        let order = tenant.order_in_state(&paid["id"], "paid").await;
        let refunds = format!("/v1/orders/{}/refunds", text(&order, "id"));
        let refund = tenant.api.post(&refunds, json!({ "amount_minor": 100 })).await.created();
        let both = json!({ "items": [{ "ga_area": AREA, "quantity": 2 }, { "seat": 4 }] });
        tenant.api.post("/v1/orders", event.manual(both)).await.created();
        // Waits for its buyer: a job at its deadline.
        let pending = event.hold(&[6]).await.created();
        event.order_stripe(&pending).await.created();

        let (check_in_list, device) = event.door(json!({})).await;
        let scan = json!({ "scans": [{ "id": Uuid::now_v7(), "token": codes(&order)[0] }] });
        let scanned = device.post("/v1/check-ins", scan).await.ok();
        assert_eq!(scanned["results"][0]["outcome"], "admitted", "{scanned}");
        let devices = tenant.api.get(&format!("/v1/check-in-lists/{check_in_list}/devices")).await.ok();
        let scans = tenant.api.get(&format!("/v1/check-ins?check_in_list_id={check_in_list}")).await.ok();

        let quiet = format!(
            "SELECT count(*) FROM refunds WHERE tenant_id = '{0}' AND state <> 'succeeded'",
            uuid_of(&tenant.id)
        );
        wait_until("the refund to be made", async || platform.number(&quiet).await == 0).await;
        let undecided = format!(
            "SELECT count(*) FROM notices WHERE tenant_id = '{}' AND state = 'pending'",
            uuid_of(&tenant.id)
        );
        wait_until("every notice to be decided", async || platform.number(&undecided).await == 0).await;
        let messages = tenant.api.get(&format!("/v1/messages?order_id={}", text(&order, "id"))).await.ok();
        let message = text(&list(&messages, "data")[0], "id").to_owned();

        let plugin = tenant.upload("hello").await;
        let of_plugin = |rest: &str| format!("/v1/plugins/{}/{rest}", text(&plugin, "plugin_id"));
        tenant.api.put(&of_plugin("installation"), json!({})).await.ok();
        let here = format!("installation?event_id={}", event.id);
        tenant.api.put(&of_plugin(&here), json!({})).await.ok();
        tenant.api.put(&of_plugin("values/codes"), json!({ "value": "FRIENDS" })).await.ok();
        tenant.api.put(&of_plugin("secrets/PARTNER"), json!({ "value": "secret" })).await.ok();
        tenant.api.put(&event.path("/price-limits"), json!({ "floor_bps": 5_000 })).await.ok();
        tenant.api.post("/v1/orders", event.manual(json!({ "items": items(&[12]) }))).await.created();
        let counted =
            format!("SELECT count(*) FROM plugin_statistics WHERE tenant_id = '{}'", uuid_of(&tenant.id));
        wait_until("calls to be counted", async || platform.number(&counted).await > 0).await;
        let receipts = tenant.api.get(&of_plugin("receipts")).await.ok();
        let new = json!({ "url": "https://hooks.example.org/eventflow" });
        let webhooks = tenant.api.post("/v1/webhook-endpoints", new).await.created();
        let endpoint = text(&webhooks["webhook_endpoint"], "id").to_owned();
        let of_endpoint = format!("/v1/webhook-endpoints/{endpoint}");
        // Nothing is sent: the rows stay as they are.
        tenant.api.patch(&of_endpoint, json!({ "state": "paused" })).await.ok();
        let delivery = tenant.api.act(&format!("{of_endpoint}/ping")).await.created();
        let hold = tenant.api.post(&event.path("/holds"), json!({ "items": items(&[10]) })).await.created();
        let ids = BTreeMap::from([
            ("ten", tenant.id.clone()),
            ("mbr", text(&member, "id").to_owned()),
            ("usr", text(&member, "user_id").to_owned()),
            ("key", text(&key["api_key"], "id").to_owned()),
            ("ven", event.venue_id.clone()),
            ("map", event.seat_map_id.clone()),
            ("evt", event.id.clone()),
            ("tier", event.tiers[0].clone()),
            ("hold", text(&hold, "id").to_owned()),
            ("ord", text(&order, "id").to_owned()),
            ("item", text(&order["items"][0], "id").to_owned()),
            ("tkt", text(&list(&order, "tickets")[1], "id").to_owned()),
            ("pay", text(&order["payment"], "id").to_owned()),
            ("ref", text(&refund, "id").to_owned()),
            ("msg", message),
            ("list", check_in_list),
            ("dev", text(&list(&devices, "data")[0], "id").to_owned()),
            ("plg", text(&plugin, "plugin_id").to_owned()),
            ("plv", text(&plugin, "id").to_owned()),
            ("plr", text(&list(&receipts, "data")[0], "id").to_owned()),
            ("whk", endpoint),
            ("whd", text(&delivery, "id").to_owned()),
            ("chk", text(&list(&scans, "data")[0], "id").to_owned()),
        ]);
        for (prefix, id) in &ids {
            assert_eq!(id.split('_').next(), Some(*prefix), "{id}");
        }
        Self {
            hold_buyer: tenant.api.with_token(text(&hold, "token")),
            order_buyer: tenant.api.with_token(text(&paid, "buyer_token")),
            tenant,
            ids,
            device,
        }
    }
}

/// The UUID inside of an id.
pub fn uuid_of(id: &str) -> Uuid {
    const ALPHABET: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let digits = id.rsplit('_').next().unwrap().bytes();
    Uuid::from_u128(digits.fold(0, |value, digit| {
        (value << 5) | ALPHABET.iter().position(|letter| *letter == digit).unwrap() as u128
    }))
}
