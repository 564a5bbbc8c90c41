//! What plugins make of messages: each decides about what the one before it left.

use eventflow_core::{ErrorCode, Refusal};
use eventflow_plugin_host::{
    Called, FailurePolicy, Hook, Keep,
    hooks::{NoticeRequests, Notification},
    values::{Decision, Notice},
};
use eventflow_store::{
    Result, Scope, Tx,
    plugins::{receipts, values},
};
use uuid::Uuid;

use super::{cart, fetch, off_thread, receipts::replace, row};
use crate::{app::App, notices::TICKETS_URL};

/// What is left of the calls: it is kept in the transaction that stores the messages.
#[derive(Default)]
pub struct Told {
    calls: Vec<Called>,
    /// The id of what the notice is about.
    subject: String,
    /// Values that a plugin set; an empty one removes its key.
    writes: Vec<(Uuid, Vec<(String, String)>)>,
}

impl Told {
    pub fn has_writes(&self) -> bool {
        !self.writes.is_empty()
    }

    pub async fn keep(&self, tx: &mut Tx) -> Result<()> {
        for (plugin, writes) in &self.writes {
            values::write(tx, *plugin, writes.iter().cloned()).await?;
        }
        if self.calls.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = self.calls.iter().map(|called| row(called, &self.subject, false)).collect();
        receipts::insert(tx, &rows).await
    }
}

/// Lets the plugins of the event decide what is sent, one after the other: a plugin finds in `default_messages` what the one
/// before it decided. Whoever suppresses ends it.
///
/// # Errors
/// A plugin that messages must not go without did not answer: the notice is decided again later.
pub async fn decide(app: &App, scope: &Scope, event: Uuid, mut notice: Notice) -> Result<(Decision, Told)> {
    let subject = notice.order.as_ref().map(|order| order.id.clone()).unwrap_or_default();
    let mut told = Told { subject, ..Told::default() };
    let turns = app.plugins.of(app, scope).await?.turns(event, Hook::Notification);
    if turns.is_empty() {
        return Ok((Decision::Send(notice.default_messages), told));
    }
    let offer = app.holds.offer(scope, event.into()).await?;
    let demand = app.holds.demand(scope, &offer).await?;
    let counted = cart::event(&offer, &demand);
    (notice.event.capacity, notice.event.sold, notice.event.held) =
        (counted.capacity, counted.sold, counted.held);
    let link = notice.order.as_ref().map(|order| order.tickets_url.clone()).unwrap_or_default();
    let host = app.plugins.host()?;
    for turn in turns {
        let (input, responses) =
            fetch::responses::<NoticeRequests>(app, scope, &host, &turn, std::mem::take(&mut notice)).await?;
        let input = Notice { responses, ..input };
        let (asking, step) = (host.clone(), turn.step.clone());
        let (input, asked) = off_thread(move || {
            let asked = asking.ask::<Notification>(&step, &input, Keep::All);
            (input, asked)
        })
        .await?;
        notice = input;
        let answer = asked.and_then(|(call, called)| {
            app.plugins.receipts.count(scope.tenant, std::slice::from_ref(&called));
            told.calls.push(without_link(called, &link));
            if !call.writes.is_empty() {
                told.writes.push((turn.step.key.plugin, call.writes.into_iter().collect()));
            }
            call.answer
        });
        match answer {
            Some(Decision::Send(messages)) => notice.default_messages = messages,
            Some(Decision::Suppress(why)) => return Ok((Decision::Suppress(why), told)),
            None if turn.step.policy == FailurePolicy::Skip => {}
            None => {
                // The receipts of what failed are kept all the same.
                app.plugins.receipts.keep(scope.tenant, &told.subject, false, &told.calls);
                let detail = format!("The plugin `{}` did not decide about the messages.", turn.step.name);
                return Err(Refusal::new(ErrorCode::Unavailable, detail).into());
            }
        }
    }
    Ok((Decision::Send(notice.default_messages), told))
}

/// The link to the tickets opens doors: it is in no recording and in no receipt.
fn without_link(mut called: Called, link: &str) -> Called {
    if link.is_empty() {
        return called;
    }
    if let Some(recording) = &mut called.recording {
        replace(&mut recording.input, link, TICKETS_URL);
        recording.output.iter_mut().for_each(|output| replace(output, link, TICKETS_URL));
        for value in recording.key_values.values_mut() {
            *value = value.replace(link, TICKETS_URL);
        }
    }
    called.receipt.detail = called.receipt.detail.replace(link, TICKETS_URL);
    for line in &mut called.receipt.log {
        line.message = line.message.replace(link, TICKETS_URL);
    }
    called
}
