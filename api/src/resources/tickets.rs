//! Tickets: what an order became, and the QR codes that doors read.

use eventflow_core::{ErrorCode, Id, Refusal, id};
use eventflow_store::tickets::{self, Filter, TicketRow};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::{Binary, Json, PlainText},
    types::ToJSON,
};
use serde_json::Value;

use super::Tag;
use crate::{
    auth::{Call, Principal},
    plugins,
    problem::Failure,
    qr,
    shapes::{Ticket, shape},
    tokens::Subject,
    wire::{Cursor, Page, Ref, Text, Window},
};

/// Why a ticket is withdrawn.
#[derive(Debug, Object)]
#[oai(example)]
struct Voiding {
    /// For the audit log and the people at the door.
    reason: Text<1, 200>,
}

impl poem_openapi::types::Example for Voiding {
    fn example() -> Self {
        Self { reason: Text("Given back at the box office".into()) }
    }
}

/// A QR code that scales without loss.
#[derive(ApiResponse)]
enum SvgCode {
    /// The QR code as SVG.
    #[oai(status = 200, content_type = "image/svg+xml")]
    Ok(PlainText<String>),
}

/// A QR code in pixels.
#[derive(ApiResponse)]
enum PngCode {
    /// The QR code as PNG, one bit a pixel.
    #[oai(status = 200, content_type = "image/png")]
    Ok(Binary<Vec<u8>>),
}

/// A buyer sees the tickets of their order; any other is as if it did not exist.
fn check_owner(call: &Call, ticket: &TicketRow) -> Result<(), Refusal> {
    call.require_order(ticket.order_id.into()).map_err(|_| Refusal::not_found("ticket"))
}

/// The order whose tickets are listed: a buyer's own unless they name it.
fn order_to_list(call: &Call, asked: Option<Id<id::Order>>) -> Result<Option<Id<id::Order>>, Refusal> {
    let order = match (&call.principal, asked) {
        (Principal::Buyer(token), None) => match token.subject {
            Subject::Order(order) => Some(order),
            Subject::Hold(_) => return Err(Refusal::not_found("order")),
        },
        (_, asked) => asked,
    };
    order.map_or(Ok(()), |order| call.require_order(order))?;
    Ok(order)
}

async fn read(call: &Call, id: Id<id::Ticket>) -> Result<TicketRow, Failure> {
    let ticket = call.read(async |tx| tickets::get(tx, id).await).await?;
    check_owner(call, &ticket)?;
    Ok(ticket)
}

/// The text for a QR code, unless the ticket is void.
async fn code(call: &Call, id: Id<id::Ticket>) -> Result<String, Failure> {
    let ticket = read(call, id).await?;
    if ticket.is_void() {
        return Err(
            Refusal::new(ErrorCode::TicketState, "The ticket is void and has no code any more.").into()
        );
    }
    Ok(call.app.signer.sign(call.tenant(), &ticket).await?)
}

/// The ticket, for webhooks.
pub(super) async fn object(call: Call, id: Id<id::Ticket>) -> Result<Option<Value>, Failure> {
    Ok(Tickets.get(call, Path(Ref(id))).await?.0.to_json())
}

pub struct Tickets;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Tickets")]
impl Tickets {
    /// List tickets of an order or an event.
    #[oai(path = "/tickets", method = "get", operation_id = "tickets.list")]
    async fn list(
        &self,
        call: Call,
        /// A buyer's own order when absent.
        order_id: Query<Option<Ref<id::Order>>>,
        event_id: Query<Option<Ref<id::Event>>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<Ticket>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let filter = Filter {
            order: order_to_list(&call, order_id.0.map(|order| order.0))?,
            event: event_id.0.map(|event| event.0),
        };
        let rows = call
            .read(async |tx| {
                tickets::check_filter(tx, filter).await?;
                tickets::list(tx, filter, window.fetch(), window.after).await
            })
            .await?;
        let mut signed = Vec::with_capacity(rows.len());
        for row in rows {
            let token = call.app.signer.sign(call.tenant(), &row).await?;
            signed.push((row, token));
        }
        Ok(Json(window.page(signed, |(row, _)| row.id, |(row, token)| shape(row, token))))
    }

    /// Get a ticket.
    #[oai(path = "/tickets/:ticket_id", method = "get", operation_id = "tickets.get")]
    async fn get(&self, call: Call, ticket_id: Path<Ref<id::Ticket>>) -> Result<Json<Ticket>, Failure> {
        let ticket = read(&call, ticket_id.0.0).await?;
        let token = call.app.signer.sign(call.tenant(), &ticket).await?;
        let fields = plugins::tickets::fields(&call.app, &call.scope, &ticket).await?;
        let fields = Some(fields.into_iter().map(Into::into).collect());
        Ok(Json(Ticket { fields, ..shape(ticket, token) }))
    }

    /// Get the QR code of a ticket as SVG.
    #[oai(path = "/tickets/:ticket_id/qr.svg", method = "get", operation_id = "tickets.qr_svg")]
    async fn qr_svg(&self, call: Call, ticket_id: Path<Ref<id::Ticket>>) -> Result<SvgCode, Failure> {
        let text = code(&call, ticket_id.0.0).await?;
        Ok(SvgCode::Ok(PlainText(qr::svg(&text))))
    }

    /// Get the QR code of a ticket as PNG.
    #[oai(path = "/tickets/:ticket_id/qr.png", method = "get", operation_id = "tickets.qr_png")]
    async fn qr_png(
        &self,
        call: Call,
        ticket_id: Path<Ref<id::Ticket>>,
        /// Pixels of a module; the code has 49 of them in a row, the quiet zone included. 8 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "20")))]
        scale: Query<Option<u32>>,
    ) -> Result<PngCode, Failure> {
        let text = code(&call, ticket_id.0.0).await?;
        Ok(PngCode::Ok(Binary(qr::png(&text, scale.0.unwrap_or(qr::SCALE_DEFAULT)))))
    }

    /// Withdraw a ticket for good, without a refund.
    #[oai(path = "/tickets/:ticket_id/void", method = "post", operation_id = "tickets.void")]
    async fn void(
        &self,
        call: Call,
        ticket_id: Path<Ref<id::Ticket>>,
        body: Json<Voiding>,
    ) -> Result<Json<Ticket>, Failure> {
        // A void ticket shows no code, so that there is nothing to sign.
        let ticket = call
            .write(async |tx| {
                tickets::void(tx, ticket_id.0.0, &body.0.reason).await.map(|row| shape(row, String::new()))
            })
            .await?;
        Ok(Json(ticket))
    }
}
