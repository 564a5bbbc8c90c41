//! The bodies of requests: how large they may be, of whom, and how many large ones are in memory at one time.

use std::{net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use eventflow_core::{ErrorCode, Id, Refusal, id, seat_map::exchange::IMPORT_BYTES_MAX};
use eventflow_plugin_host::limits;
use futures_util::{Stream, StreamExt};
use poem::Request;

use crate::{
    app::App,
    auth,
    shares::{Part, Shares},
};

/// The largest body of an ordinary request: a batch of 500 scans is about 150 kB.
pub const BODY_MAX: usize = 512 * 1024;
/// The largest seat-map document: 100,000 seats as rules with exceptions stay below it.
pub const SEAT_MAP_BODY_MAX: usize = 16 * 1024 * 1024;
/// A body must have arrived within this time.
const BODY_WAIT: Duration = Duration::from_secs(30);
/// Room for large bodies, in MiB: four of the largest. Reading one takes several times its size.
const ROOM_MIB: usize = 128;
/// What one tenant may have of it: two of the largest.
const SHARE_MIB: usize = ROOM_MIB / 2;
/// A large body waits so long for room.
const ROOM_WAIT: Duration = Duration::from_secs(1);
/// When somebody who found no room may come again: most bodies have been read by then.
const RETRY_AFTER_SECS: u32 = 5;
/// The rest of a refused body is thrown away for this long: who is still sending does not hear the answer.
const DRAIN_WAIT: Duration = Duration::from_secs(2);

const MIB: usize = 1024 * 1024;

/// The room for large bodies of this server, in MiB.
pub struct Bodies(Shares);

impl Default for Bodies {
    fn default() -> Self {
        Self(Shares::new(ROOM_MIB, SHARE_MIB, ROOM_WAIT))
    }
}

impl Bodies {
    /// MiB that are free now.
    pub fn free_mib(&self) -> usize {
        self.0.free()
    }

    async fn room(&self, tenant: Id<id::Tenant>, bytes: usize) -> Result<Part, Refusal> {
        let mib = u32::try_from(bytes.div_ceil(MIB)).unwrap_or(u32::MAX);
        self.0.take(tenant, mib).await.ok_or_else(|| {
            let detail = "This server is reading as many large files as it can. Try again in a moment.";
            Refusal::new(ErrorCode::Unavailable, detail).retry_after(RETRY_AFTER_SECS)
        })
    }
}

/// The body of a request, and its room when it is a large one.
pub async fn read(
    app: &Arc<App>,
    request: &mut Request,
    ip: IpAddr,
) -> Result<(Bytes, Option<Part>), Refusal> {
    let mut incoming: Incoming = Box::pin(request.take_body().into_bytes_stream());
    let collected = tokio::time::timeout(BODY_WAIT, collect(app, request, ip, &mut incoming)).await;
    let collected = collected.map_err(|_| unread())?;
    // Who expects a `100 Continue` has sent nothing yet.
    if collected.is_err() && request.header("expect").is_none() {
        let drained = async { while let Some(Ok(_)) = incoming.next().await {} };
        let _ = tokio::time::timeout(DRAIN_WAIT, drained).await;
    }
    collected
}

type Incoming = Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>> + Send>>;

async fn collect(
    app: &Arc<App>,
    request: &Request,
    ip: IpAddr,
    incoming: &mut Incoming,
) -> Result<(Bytes, Option<Part>), Refusal> {
    let declared = request.header("content-length").and_then(|text| text.parse::<usize>().ok());
    let (mut body, mut room) = (BytesMut::new(), None);
    if let Some(length) = declared.filter(|length| *length > BODY_MAX) {
        room = Some(admit(app, request, ip, Some(length)).await?);
        body.reserve(length);
    }
    let most = most(request);
    while let Some(chunk) = incoming.next().await {
        let chunk = chunk.map_err(|_| unread())?;
        let length = body.len() + chunk.len();
        if length > BODY_MAX && room.is_none() {
            room = Some(admit(app, request, ip, None).await?);
        }
        if length > most {
            return Err(too_large(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body.freeze(), room))
}

/// Only seat maps and plugins may be large, and only of somebody whose secret key is known: nothing of them is read before that. A body
/// that does not tell its length takes the room of the largest.
async fn admit(
    app: &Arc<App>,
    request: &Request,
    ip: IpAddr,
    length: Option<usize>,
) -> Result<Part, Refusal> {
    let most = most(request);
    if most == BODY_MAX {
        return Err(too_large(most));
    }
    let tenant = auth::tenant_of_secret_key(app, request, ip).await?.ok_or_else(|| too_large(BODY_MAX))?;
    let length = length.unwrap_or(most);
    if length > most {
        return Err(too_large(most));
    }
    app.bodies.room(tenant, length).await
}

fn most(request: &Request) -> usize {
    let segments: Vec<&str> = request.uri().path().split('/').collect();
    match segments[..] {
        ["", "v1", "seat-maps", _] | ["", "v1", "venues", _, "seat-maps"] => SEAT_MAP_BODY_MAX,
        ["", "v1", "venues", _, "seat-maps", "import"] => IMPORT_BYTES_MAX,
        ["", "v1", "plugins"] => limits::NOTIFICATION_UPLOAD_BYTES_MAX,
        _ => BODY_MAX,
    }
}

fn unread() -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, "The body could not be read to its end in time.")
}

fn too_large(most: usize) -> Refusal {
    Refusal::new(ErrorCode::PayloadTooLarge, format!("The body may have {most} bytes at most."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_is_counted_in_whole_mib_and_its_end_is_told() {
        let bodies = Bodies::default();
        let tenant = Id::from_uuid(uuid::Uuid::from_u128(1));
        let _first = bodies.room(tenant, 32 * MIB).await.expect("the server is idle");
        let _second = bodies.room(tenant, 31 * MIB + 1).await.expect("the rest of the share");
        assert_eq!(bodies.free_mib(), ROOM_MIB - SHARE_MIB);
        let refusal = bodies.room(tenant, 1).await.err().expect("the share is taken");
        assert_eq!(
            (refusal.code, refusal.retry_after_secs),
            (ErrorCode::Unavailable, Some(RETRY_AFTER_SECS))
        );
    }
}
