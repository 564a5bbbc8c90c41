//! Open streams: how many there may be, of whom, and their end with the server's.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::Duration,
};

use eventflow_core::{ErrorCode, Id, Refusal, id};
use tokio::sync::watch;

use crate::{
    app::App,
    auth::{Call, Principal},
    credentials::{self, Name},
};

/// Streams of all visitors of the pages of one publishable key, at one server.
pub const PUBLISHABLE_MAX: u32 = 5_000;
/// Streams of one network with one publishable key: an office or a school shares an address, a crowd does not.
const NETWORK_WITH_KEY_MAX: u32 = 100;
/// Streams of one network with all keys: publishable keys are public, and each more would be a hundred more.
pub const NETWORK_MAX: u32 = 200;
/// A tenant's own servers look once for all of their users.
pub const SECRET_MAX: u32 = 100;
/// A tenant may make many keys: all of them together have this part of the server's most.
const TENANT_PART: usize = 2;
/// When somebody who was turned away may come again.
const RETRY_AFTER_SECS: u32 = 10;
/// How often it is asked whether a key with open streams is still good: once for all of them.
const KEY_LOOK: Duration = Duration::from_secs(10);

/// The open streams of this server.
pub struct Streams {
    most: usize,
    open: Mutex<Open>,
    closing: watch::Sender<bool>,
}

#[derive(Default)]
struct Open {
    all: usize,
    of: HashMap<Whose, u32>,
    /// Keys that are looked after; true when the streams of one should end.
    keys: HashMap<Name, watch::Sender<bool>>,
}

/// Whose streams are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    NetworkWithKey(Arc<str>, IpAddr),
    Network(IpAddr),
    Key(Arc<str>),
    Tenant(Id<id::Tenant>),
}

impl Whose {
    const fn words(&self) -> &'static str {
        match self {
            Self::NetworkWithKey(..) => "Your network with this key",
            Self::Network(_) => "Your network",
            Self::Key(_) => "This key",
            Self::Tenant(_) => "The tenant",
        }
    }
}

/// The place of one stream; it is free again when this is dropped.
pub struct Place {
    streams: Arc<Streams>,
    counted: Vec<Whose>,
    revoked: Option<watch::Receiver<bool>>,
}

impl Place {
    /// Comes back when the stream has to end because its key did.
    pub async fn revoked(&mut self) {
        match &mut self.revoked {
            // Without its sender nobody would look any more: that is an end too.
            Some(revoked) => drop(revoked.wait_for(|revoked| *revoked).await),
            None => std::future::pending().await,
        }
    }
}

impl Streams {
    /// `most` streams at one time.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, open: Mutex::default(), closing: watch::Sender::new(false) })
    }

    /// Takes a place for the caller.
    ///
    /// # Errors
    /// `stream_limit` when the caller has enough of them, `unavailable` when the server has.
    pub fn admit(self: &Arc<Self>, call: &Call) -> Result<Place, Refusal> {
        let scale = call.app.config.rate_limit_scale;
        let mut limits = Vec::new();
        if scale > 0 {
            let (actor, network) = (call.scope.actor.clone(), call.network());
            let per_key = if let Principal::Publishable { .. } = call.principal {
                limits.push((Whose::NetworkWithKey(actor.clone(), network), NETWORK_WITH_KEY_MAX));
                PUBLISHABLE_MAX
            } else {
                SECRET_MAX
            };
            limits.extend([(Whose::Network(network), NETWORK_MAX), (Whose::Key(actor), per_key)]);
            for (_, most) in &mut limits {
                *most = most.saturating_mul(scale);
            }
            let part = u32::try_from(self.most.div_ceil(TENANT_PART)).unwrap_or(u32::MAX);
            limits.push((Whose::Tenant(call.tenant()), part));
        }
        let mut place = self.take(limits)?;
        place.revoked = call.credential.map(|key| self.look_after(&call.app, key));
        Ok(place)
    }

    fn look_after(self: &Arc<Self>, app: &Arc<App>, key: Name) -> watch::Receiver<bool> {
        let mut open = self.lock();
        if let Some(known) = open.keys.get(&key) {
            return known.subscribe();
        }
        let (sender, receiver) = watch::channel(false);
        open.keys.insert(key, sender);
        tokio::spawn(look(Arc::downgrade(app), key));
        receiver
    }

    /// False when nobody looks on with this key any more.
    fn is_looked_after(&self, key: Name) -> bool {
        let mut open = self.lock();
        if open.keys.get(&key).is_some_and(|sender| sender.receiver_count() > 0) {
            return true;
        }
        open.keys.remove(&key);
        false
    }

    fn end(&self, key: Name) {
        if let Some(sender) = self.lock().keys.remove(&key) {
            sender.send_replace(true);
        }
    }

    fn take(self: &Arc<Self>, limits: Vec<(Whose, u32)>) -> Result<Place, Refusal> {
        let mut open = self.lock();
        if open.all >= self.most || *self.closing.borrow() {
            let detail = "This server has as many streams as it can. Read the snapshot meanwhile.";
            return Err(Refusal::new(ErrorCode::Unavailable, detail).retry_after(RETRY_AFTER_SECS));
        }
        for (whose, most) in &limits {
            if open.of.get(whose).is_some_and(|count| count >= most) {
                let detail = format!(
                    "{} has {most} open streams at this server, which is the limit. Close one, or read the snapshot.",
                    whose.words()
                );
                return Err(Refusal::new(ErrorCode::StreamLimit, detail).retry_after(RETRY_AFTER_SECS));
            }
        }
        open.all += 1;
        let counted: Vec<Whose> = limits.into_iter().map(|(whose, _)| whose).collect();
        for whose in &counted {
            *open.of.entry(whose.clone()).or_default() += 1;
        }
        Ok(Place { streams: self.clone(), counted, revoked: None })
    }

    /// Streams that are open now.
    pub fn count(&self) -> usize {
        self.lock().all
    }

    /// True from the moment on in which all streams should end.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Ends all streams and takes no new ones.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Ends the streams of a key that was revoked or has expired. A database that does not answer ends nothing.
async fn look(app: Weak<App>, key: Name) {
    loop {
        tokio::time::sleep(KEY_LOOK).await;
        let Some(app) = app.upgrade().filter(|app| app.streams.is_looked_after(key)) else { return };
        if let Ok(None) = credentials::stored(&app, key).await {
            return app.streams.end(key);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        open.all -= 1;
        for whose in &self.counted {
            if let Some(count) = open.of.get_mut(whose) {
                *count -= 1;
                if *count == 0 {
                    open.of.remove(whose);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, most: u32) -> Vec<(Whose, u32)> {
        vec![(Whose::Key(name.into()), most)]
    }

    fn network(last: u16) -> IpAddr {
        IpAddr::from([0, 0, 0, 0, 0, 0, 0, last])
    }

    #[test]
    fn a_place_is_free_again_when_its_stream_ends() {
        let streams = Streams::new(100);
        let both =
            || vec![(Whose::NetworkWithKey("key".into(), network(1)), 2), (Whose::Key("key".into()), 3)];
        let first = streams.take(both()).ok().unwrap();
        let _second = streams.take(both()).ok().unwrap();
        let refusal = streams.take(both()).err().unwrap();
        assert_eq!(
            (refusal.code, refusal.retry_after_secs),
            (ErrorCode::StreamLimit, Some(RETRY_AFTER_SECS))
        );
        assert!(refusal.detail.starts_with("Your network"), "{}", refusal.detail);
        // Another network, until the key has its own limit.
        let other = vec![(Whose::NetworkWithKey("key".into(), network(2)), 2), (Whose::Key("key".into()), 3)];
        let _third = streams.take(other.clone()).ok().unwrap();
        assert!(streams.take(other).err().unwrap().detail.starts_with("This key"));
        drop(first);
        assert!(streams.take(both()).is_ok());
        assert_eq!(streams.count(), 2);
    }

    #[test]
    fn the_server_has_a_limit_and_an_end() {
        let streams = Streams::new(2);
        let places: Vec<_> = (0..2).map(|n| streams.take(of(&n.to_string(), 1)).ok().unwrap()).collect();
        let refusal = streams.take(of("other", 1)).err().unwrap();
        assert_eq!((refusal.code, refusal.code.status()), (ErrorCode::Unavailable, 503));
        drop(places);
        assert!(streams.lock().of.is_empty());
        let closing = streams.closing();
        streams.close();
        assert!(*closing.borrow() && streams.take(vec![]).is_err());
    }
}
