//! A call without any effect, on a hold that is there.

use std::collections::BTreeMap;

use eventflow_core::{ErrorCode, Id, Refusal, id};
use eventflow_store::plugins as stored;
use poem_openapi::{Enum, Object, types::Example};
use serde_json::{Value, json};

use super::{check_config_size, manifest, members, receipts::PluginOutcome};
use crate::{
    auth::Call,
    plugins::prices::{self, Trial},
    problem::Failure,
    resources::places::{PriceAdjustment, Totals, adjustments, totals},
    wire::Ref,
};

/// The hooks that are about a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum CartHook {
    Pricing,
    Validation,
}

/// What to try, on which hold.
#[derive(Debug, Object)]
#[oai(example)]
pub(super) struct NewDryRun {
    event_id: Ref<id::Event>,
    hold_id: Ref<id::Hold>,
    /// Default: `pricing`.
    hook: Option<CartHook>,
    /// Default: the version that is called, else the newest.
    version_id: Option<Ref<id::PluginVersion>>,
    /// Settings to try. Default: those at the event.
    config: Option<BTreeMap<String, Value>>,
}

impl Example for NewDryRun {
    fn example() -> Self {
        let id = uuid::Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);
        Self {
            event_id: id.into(),
            hold_id: id.into(),
            hook: Some(CartHook::Pricing),
            version_id: None,
            config: Some(BTreeMap::from([("percent".to_owned(), json!(20))])),
        }
    }
}

/// What the call would do.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct DryRun {
    version_id: Ref<id::PluginVersion>,
    outcome: PluginOutcome,
    /// What the plugin answered, as its interface says; absent without an answer.
    answer: Option<Vec<Value>>,
    /// What prices would be with this plugin alone, within the limits of the event.
    totals: Totals,
    adjustments: Vec<PriceAdjustment>,
    /// Version, fuel and its limit, microseconds, memory, the log, and what went wrong.
    receipt: BTreeMap<String, Value>,
}

pub(super) async fn run(call: &Call, id: Id<id::Plugin>, new: NewDryRun) -> Result<DryRun, Failure> {
    let event = new.event_id.0;
    let (version, config, values) = call
        .read(async |tx| {
            let plugin = stored::get(tx, id).await?;
            let version = match new.version_id.map(Ref::uuid).or(plugin.version_id) {
                Some(version) => stored::version(tx, id, version).await?,
                None => {
                    let newest = stored::versions(tx, id).await?.into_iter().next();
                    newest.ok_or_else(|| Refusal::not_found("plugin version"))?
                }
            };
            let installations = stored::installations::list(tx, id).await?;
            let own = installations.iter().find(|one| one.event_id == Some(event.uuid()));
            let installation = own.or(installations.iter().find(|one| one.event_id.is_none()));
            let config = match &new.config {
                Some(config) => json!(config),
                None => installation.map(|one| one.config.clone()).unwrap_or_default(),
            };
            let granted = installation.is_some_and(|one| one.key_value_granted);
            let values = if granted { Some(stored::values::all(tx, id.uuid()).await?) } else { None };
            Ok((version, config, values))
        })
        .await?;
    check_config_size(&config)?;
    manifest(&version)?.check_config(&config).map_err(|problems| {
        Refusal::new(ErrorCode::PluginConfigInvalid, format!("{}.", problems.join("; "))).param("config")
    })?;
    let offer = call.app.holds.offer(&call.scope, event).await?;
    let hold = call.app.holds.read(&offer, new.hold_id.0).await?;
    let trial = Trial {
        scope: &call.scope,
        offer: &offer,
        plugin: id.uuid(),
        version: &version,
        config,
        values,
        validates: new.hook == Some(CartHook::Validation),
    };
    let tried = prices::try_out(&call.app, &trial, hold).await?;
    Ok(DryRun {
        version_id: version.id.into(),
        outcome: PluginOutcome::read(tried.receipt.outcome.name()),
        answer: tried.answer.and_then(|answer| match answer {
            Value::Array(list) => Some(list),
            _ => None,
        }),
        totals: totals(tried.totals),
        adjustments: adjustments(call, tried.adjustments),
        receipt: members(json!(tried.receipt)),
    })
}
