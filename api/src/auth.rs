//! Authentication: who calls, which tenant that is, and whether the operation at hand may be called so.
//! Handlers take a [`Call`] as their first argument; nothing of the request is read before it says yes.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    ops::AsyncFnOnce,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use eventflow_core::{
    ErrorCode, Id, Refusal,
    access::{DEVICE, PUBLISHABLE, Permission},
    id,
};
use eventflow_store::{
    Scope, Tx, api_keys,
    gate::rate_limit::{Limit, Verdict},
    idempotency,
};
use poem::{FromRequest, PathPattern, Request, RequestBody};
use poem_openapi::types::{ParseFromJSON, ToJSON};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::{
    app::App,
    credentials::{self, Stored},
    openapi,
    operations::{self, Credential, Operation, RateClass},
    problem::{Failure, request_id},
    shares::Part,
    tokens::{BuyerToken, Subject},
};

/// How long unknown credentials of a network are refused unseen, after too many of them.
const GUESSER_PAUSE_SECS: u32 = 5;

/// Characters of an idempotency key with a publishable key: as random hexadecimal digits they are 64 bits.
pub const SHARED_KEY_MIN: usize = 16;

/// Who calls.
#[derive(Debug, Clone)]
pub enum Principal {
    Bootstrap,
    Secret { key: Id<id::ApiKey>, scopes: Arc<[Permission]> },
    Publishable { key: Id<id::ApiKey> },
    Buyer(BuyerToken),
    Device { device: Id<id::Device>, list: Id<id::CheckInList>, gate: Arc<str> },
    Anybody,
}

/// An authenticated, permitted request.
pub struct Call {
    pub app: Arc<App>,
    pub operation: &'static Operation,
    pub principal: Principal,
    /// The tenant and actor for transactions.
    pub scope: Scope,
    /// The credential, when it stands in the database and can be revoked.
    pub credential: Option<credentials::Name>,
    /// The pages that may use a publishable key.
    pub origins: Arc<[String]>,
    /// Test or live, as the credential says.
    pub livemode: bool,
    pub ip: IpAddr,
    pub idempotency: Option<idempotency::Key>,
}

impl Call {
    /// The worker looks at an object of a tenant as a server of theirs may that has every right.
    pub fn of_worker(app: &Arc<App>, scope: &Scope) -> Self {
        Self {
            app: app.clone(),
            operation: operations::find("events_log.list").expect("the table has it"),
            principal: Principal::Secret {
                key: Id::from_uuid(uuid::Uuid::nil()),
                scopes: Permission::ALL.into(),
            },
            scope: scope.clone(),
            credential: None,
            origins: [].into(),
            livemode: false,
            ip: IpAddr::from([127, 0, 0, 1]),
            idempotency: None,
        }
    }

    pub fn tenant(&self) -> Id<id::Tenant> {
        self.scope.tenant
    }

    /// True when the caller's credential carries `permission`.
    pub fn may(&self, permission: Permission) -> bool {
        match &self.principal {
            Principal::Secret { scopes, .. } => scopes.contains(&permission),
            Principal::Publishable { .. } => PUBLISHABLE.contains(&permission),
            Principal::Device { .. } => DEVICE.contains(&permission),
            Principal::Buyer(_) => true,
            Principal::Bootstrap | Principal::Anybody => false,
        }
    }

    /// The caller's network.
    pub fn network(&self) -> IpAddr {
        network(self.ip)
    }

    /// True for the first of several calls about `what` within a second.
    pub async fn first_this_second(&self, what: &str) -> bool {
        self.app.limiter.check(&format!("once:{what}"), ONCE_A_SECOND).await.allowed
    }

    /// Refuses a caller without `permission`, beyond what the operation needs of everybody.
    pub fn require(&self, permission: Permission) -> Result<(), Refusal> {
        if self.may(permission) { Ok(()) } else { Err(missing(permission)) }
    }

    /// A buyer's token opens one hold and nothing else: any other is as if it did not exist.
    pub fn require_hold(&self, hold: Id<id::Hold>) -> Result<(), Refusal> {
        match &self.principal {
            Principal::Buyer(token) if token.subject != Subject::Hold(hold) => {
                Err(Refusal::not_found("hold"))
            }
            _ => Ok(()),
        }
    }

    /// A buyer's token shows its own event.
    pub fn require_event(&self, event: Id<id::Event>) -> Result<(), Refusal> {
        match &self.principal {
            Principal::Buyer(token) if token.event != event => Err(Refusal::not_found("event")),
            _ => Ok(()),
        }
    }

    /// As [`Call::require_hold`], for an order.
    pub fn require_order(&self, order: Id<id::Order>) -> Result<(), Refusal> {
        match &self.principal {
            Principal::Buyer(token) if token.subject != Subject::Order(order) => {
                Err(Refusal::not_found("order"))
            }
            _ => Ok(()),
        }
    }

    /// Runs a read in one transaction of the caller's tenant.
    pub async fn read<T>(
        &self,
        work: impl AsyncFnOnce(&mut Tx) -> eventflow_store::Result<T>,
    ) -> Result<T, Failure> {
        Ok(self.app.db.run(&self.scope, work).await?)
    }

    /// Runs a change in one transaction of the caller's tenant; with an `Idempotency-Key`, at most once.
    pub async fn write<T: ToJSON + ParseFromJSON>(
        &self,
        work: impl AsyncFnOnce(&mut Tx) -> eventflow_store::Result<T>,
    ) -> Result<T, Failure> {
        let Some(key) = &self.idempotency else {
            return self.read(work).await;
        };
        let answer = self
            .app
            .db
            .run(&self.scope, async |tx| {
                if let idempotency::Known::Answered(stored) = idempotency::begin(tx, key).await? {
                    return T::parse_from_json(Some(stored)).map_err(|error| {
                        eventflow_store::Error::Corrupt(format!("stored answer: {}", error.into_message()))
                    });
                }
                let value = work(tx).await?;
                let stored = value.to_json().unwrap_or_default();
                idempotency::remember(tx, key, None, Some(&stored)).await?;
                Ok(value)
            })
            .await?;
        Ok(answer)
    }

    /// As [`Call::write`] for operations that answer without a body.
    pub async fn write_silently(
        &self,
        work: impl AsyncFnOnce(&mut Tx) -> eventflow_store::Result<()>,
    ) -> Result<(), Failure> {
        self.write(async |tx| work(tx).await.map(|()| true)).await.map(|_| ())
    }
}

/// The address, of IPv6 the first 64 bits, which one connection has for itself.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

fn missing(permission: Permission) -> Refusal {
    Refusal::new(ErrorCode::PermissionDenied, format!("This needs the permission `{permission}`."))
}

/// What the outermost middleware learnt of a request before anything else reads it.
pub struct RequestFacts {
    pub ip: IpAddr,
    /// `Idempotency-Key` and the SHA-256 of the request.
    pub idempotency: Option<(String, [u8; 32])>,
    /// The body as it came, for signatures over it.
    pub body: bytes::Bytes,
    /// A large body has its room until the request is answered.
    pub room: Option<Part>,
    /// Filled by authentication, shown as `RateLimit` headers.
    pub rate: OnceLock<(Limit, Verdict)>,
    /// Filled by authentication, for the span of the request.
    pub operation: OnceLock<&'static str>,
    /// Filled when the caller's origin may read the answer.
    pub allowed_origin: OnceLock<String>,
}

impl<'a> FromRequest<'a> for Call {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        authenticate(request).await.map_err(|refusal| Failure::from(refusal).into())
    }
}

async fn authenticate(request: &Request) -> Result<Call, Refusal> {
    let app: &Arc<App> = request.data().expect("the server adds the app to every request");
    let facts: &Arc<RequestFacts> = request.data().expect("the middleware adds the facts to every request");
    let pattern: &PathPattern = request.data().expect("the router adds the pattern to every request");
    let operation = openapi::operation_of(request.method(), &pattern.0).ok_or_else(|| {
        Refusal::new(ErrorCode::PermissionDenied, "This operation is not listed in the table of operations.")
    })?;
    let _ = facts.operation.set(operation.id);

    let (Stored { principal, tenant, livemode, origins }, credential) = if operation.credentials.is_empty() {
        (of_nobody(Principal::Anybody), None)
    } else {
        identify(app, request, facts, operation).await?
    };
    let call = Call {
        app: app.clone(),
        operation,
        scope: Scope { tenant, actor: actor(&principal).into(), request_id: request_id() },
        credential,
        origins,
        livemode,
        ip: facts.ip,
        idempotency: facts.idempotency.as_ref().map(|(key, fingerprint)| idempotency::Key {
            principal: actor(&principal),
            key: key.clone(),
            fingerprint: *fingerprint,
        }),
        principal,
    };
    limit_rate(&call, facts).await?;
    permit(&call)?;
    check_idempotency_key(&call)?;
    Ok(call)
}

/// Whoever repeats a key gets the first answer, with the token in it: among the visitors of a page, it must not be guessed.
fn check_idempotency_key(call: &Call) -> Result<(), Refusal> {
    let shared = matches!(call.principal, Principal::Publishable { .. });
    match &call.idempotency {
        Some(key) if shared && key.key.len() < SHARED_KEY_MIN => {
            let detail = format!(
                "All visitors share a publishable key: send {SHARED_KEY_MIN} characters or more that nobody guesses, as a random UUID."
            );
            Err(Refusal::new(ErrorCode::InvalidHeader, detail).param("Idempotency-Key"))
        }
        _ => Ok(()),
    }
}

fn permit(call: &Call) -> Result<(), Refusal> {
    let credential = match &call.principal {
        Principal::Anybody => return Ok(()),
        Principal::Bootstrap => Credential::Bootstrap,
        Principal::Secret { .. } => Credential::Secret,
        Principal::Publishable { .. } => Credential::Publishable,
        Principal::Buyer(_) => Credential::Buyer,
        Principal::Device { .. } => Credential::Device,
    };
    if !call.operation.credentials.contains(&credential) {
        let accepted: Vec<_> = call.operation.credentials.iter().map(|c| c.scheme()).collect();
        let detail = format!(
            "`{}` takes {}; this is a {}.",
            call.operation.id,
            accepted.join(" or "),
            credential.scheme()
        );
        return Err(Refusal::new(ErrorCode::PermissionDenied, detail));
    }
    match call.operation.permission {
        Some(permission) if !call.may(permission) => Err(missing(permission)),
        _ => Ok(()),
    }
}

/// The text that stands for the caller in the audit log and before idempotency keys.
fn actor(principal: &Principal) -> String {
    match principal {
        Principal::Bootstrap => "bootstrap".into(),
        Principal::Secret { key, .. } | Principal::Publishable { key } => key.to_string(),
        Principal::Buyer(BuyerToken { subject: Subject::Hold(id), .. }) => format!("buyer:{id}"),
        Principal::Buyer(BuyerToken { subject: Subject::Order(id), .. }) => format!("buyer:{id}"),
        Principal::Device { device, .. } => device.to_string(),
        Principal::Anybody => "anybody".into(),
    }
}

/// A credential that belongs to no tenant.
fn of_nobody(principal: Principal) -> Stored {
    Stored { principal, tenant: Id::from_uuid(uuid::Uuid::nil()), livemode: false, origins: [].into() }
}

async fn identify(
    app: &Arc<App>,
    request: &Request,
    facts: &RequestFacts,
    operation: &Operation,
) -> Result<(Stored, Option<credentials::Name>), Refusal> {
    let Some(token) = bearer(request) else {
        return Err(unauthenticated("Send `Authorization: Bearer <key or token>`."));
    };
    refuse_guesser(app, facts.ip, token)?;
    let mut name = None;
    let found = match token {
        token
            if token.starts_with("ef_sk_") || token.starts_with("ef_pk_") || token.starts_with("ef_dev_") =>
        {
            credentials::stored(app, *name.insert(credentials::Name::of(token))).await?
        }
        token if token.contains('.') => app.tokens.verify(token).map(|token| Stored {
            principal: Principal::Buyer(token),
            tenant: token.tenant,
            livemode: false,
            origins: [].into(),
        }),
        token => app.config.bootstrap_token.as_ref().and_then(|expected| {
            // Compared by hash: the time tells nothing about the token.
            (api_keys::hash(token) == api_keys::hash(expected.expose_secret()))
                .then(|| of_nobody(Principal::Bootstrap))
        }),
    };
    let Some(found) = found else {
        failed_attempt(app, facts.ip).await?;
        return Err(unknown_credential());
    };
    check_origin(app, request, &found, facts, operation)?;
    Ok((found, name))
}

/// A credential that is known works for everybody in a guesser's network, and so does a buyer's token, which proves
/// itself; a guess is not even looked up.
fn refuse_guesser(app: &App, ip: IpAddr, token: &str) -> Result<(), Refusal> {
    // Only tokens of buyers prove themselves: keys have a prefix, and no full stop.
    let proves_itself = token.contains('.') && !token.starts_with("ef_");
    let is_guess = !proves_itself && !app.credentials.knows(&api_keys::hash(token));
    if is_guess && let Some(until) = app.credentials.guessers.get(&network(ip)).map(|entry| *entry) {
        if until > Instant::now() {
            return Err(Refusal::new(
                ErrorCode::RateLimited,
                "Too many unknown credentials came from this network.",
            )
            .retry_after(GUESSER_PAUSE_SECS));
        }
        app.credentials.guessers.remove(&network(ip));
    }
    Ok(())
}

/// The tenant whose secret key the request shows, `None` when it shows none; a guess is refused.
pub async fn tenant_of_secret_key(
    app: &Arc<App>,
    request: &Request,
    ip: IpAddr,
) -> Result<Option<Id<id::Tenant>>, Refusal> {
    let Some(token) = bearer(request).filter(|token| token.starts_with("ef_sk_")) else { return Ok(None) };
    refuse_guesser(app, ip, token)?;
    match credentials::stored(app, credentials::Name::of(token)).await? {
        Some(found) => Ok(Some(found.tenant)),
        None => failed_attempt(app, ip).await.and_then(|()| Err(unknown_credential())),
    }
}

/// What a publishable key in the address of a page opens.
pub struct PageKey {
    pub tenant: Id<id::Tenant>,
    /// The pages in which it may stand.
    pub origins: Arc<[String]>,
}

/// The key in the address of a page that we serve; `None` for whatever is no live publishable key.
pub async fn page_key(app: &Arc<App>, ip: IpAddr, token: &str) -> Result<Option<PageKey>, Refusal> {
    if let Some(limit) = scaled(app, VISITOR_READ_LIMIT) {
        let verdict = app.limiter.check(&format!("page:{}", network(ip)), limit).await;
        if !verdict.allowed {
            return Err(too_many(verdict));
        }
    }
    if !token.starts_with("ef_pk_") {
        return Ok(None);
    }
    refuse_guesser(app, ip, token)?;
    match credentials::stored(app, credentials::Name::of(token)).await? {
        Some(Stored { principal: Principal::Publishable { .. }, tenant, origins, .. }) => {
            Ok(Some(PageKey { tenant, origins }))
        }
        _ => failed_attempt(app, ip).await.map(|()| None),
    }
}

fn unauthenticated(detail: &str) -> Refusal {
    Refusal::new(ErrorCode::Unauthenticated, detail)
}

fn unknown_credential() -> Refusal {
    unauthenticated("The key or token is unknown, revoked or expired.")
}

fn bearer(request: &Request) -> Option<&str> {
    let value = request.header("authorization")?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| (8..=4096).contains(&token.len()))
}

/// A publishable key stands in public pages: a browser on an origin that is not registered is turned away.
/// Our own pages are served to whoever may use the key: frames only in pages of registered origins.
fn check_origin(
    app: &App,
    request: &Request,
    found: &Stored,
    facts: &RequestFacts,
    operation: &Operation,
) -> Result<(), Refusal> {
    let Some(origin) = request.header("origin") else { return Ok(()) };
    let allowed = match found.principal {
        Principal::Publishable { .. } => {
            origin == app.origin || found.origins.iter().any(|registered| registered == origin)
        }
        // Bound to one hold or order, and made for browsers.
        Principal::Buyer(_) => true,
        // A secret in a browser is a leak: no page may read the answer.
        _ => return Ok(()),
    };
    if !allowed {
        // What takes no such key says so, to whichever origin.
        if !operation.credentials.contains(&Credential::Publishable) {
            return Ok(());
        }
        let detail = format!(
            "Register the origin `{}` with the publishable key.",
            origin.chars().take(200).collect::<String>()
        );
        return Err(Refusal::new(ErrorCode::OriginDenied, detail));
    }
    let _ = facts.allowed_origin.set(origin.to_owned());
    Ok(())
}

const fn limit(per_sec: u32, burst: u32) -> Limit {
    let (Some(per_sec), Some(burst)) = (NonZeroU32::new(per_sec), NonZeroU32::new(burst)) else {
        panic!("limits are not zero")
    };
    Limit { per_sec, burst }
}

/// Servers of a tenant, per key and class.
pub const SECRET_LIMIT: Limit = limit(1_000, 2_000);
/// One visitor of a page: a person looks more often than they buy.
pub const VISITOR_READ_LIMIT: Limit = limit(50, 200);
pub const VISITOR_SALE_LIMIT: Limit = limit(10, 40);
/// A scanner that uploads what it collected offline.
pub const DEVICE_LIMIT: Limit = limit(50, 200);
/// Webhooks of providers come in bursts.
pub const PUBLIC_LIMIT: Limit = limit(500, 2_000);
/// Questions to the provider about one order.
pub const ONCE_A_SECOND: Limit = limit(1, 1);
/// Making tenants, and guessing credentials.
pub const SLOW_LIMIT: Limit = limit(5, 30);

async fn limit_rate(call: &Call, facts: &RequestFacts) -> Result<(), Refusal> {
    let class = call.operation.class;
    let (key, limit) = match &call.principal {
        Principal::Secret { key, .. } => (format!("{key}:{class:?}"), SECRET_LIMIT),
        Principal::Publishable { key } => {
            let reads = matches!(class, RateClass::Read | RateClass::Live);
            let limit = if reads { VISITOR_READ_LIMIT } else { VISITOR_SALE_LIMIT };
            (format!("{key}:{}:{class:?}", call.network()), limit)
        }
        Principal::Buyer(_) => (format!("{}:{class:?}", call.scope.actor), VISITOR_SALE_LIMIT),
        Principal::Device { device, .. } => (format!("{device}:{class:?}"), DEVICE_LIMIT),
        Principal::Bootstrap => (format!("bootstrap:{}", facts.ip), SLOW_LIMIT),
        Principal::Anybody => (format!("public:{}:{class:?}", facts.ip), PUBLIC_LIMIT),
    };
    let Some(limit) = scaled(&call.app, limit) else { return Ok(()) };
    let limiter = &call.app.limiter;
    let verdict = if class == RateClass::Live {
        limiter.check_here(&key, limit)
    } else {
        limiter.check(&key, limit).await
    };
    let _ = facts.rate.set((limit, verdict));
    if verdict.allowed { Ok(()) } else { Err(too_many(verdict)) }
}

async fn failed_attempt(app: &App, ip: IpAddr) -> Result<(), Refusal> {
    let Some(limit) = scaled(app, SLOW_LIMIT) else { return Ok(()) };
    let network = network(ip);
    let verdict = app.limiter.check(&format!("auth:{network}"), limit).await;
    if verdict.allowed {
        return Ok(());
    }
    let pause = Duration::from_secs(GUESSER_PAUSE_SECS.into());
    app.credentials.note_guesser(network, Instant::now() + pause);
    Err(too_many(verdict))
}

fn scaled(app: &App, limit: Limit) -> Option<Limit> {
    let scale = NonZeroU32::new(app.config.rate_limit_scale)?;
    Some(Limit { per_sec: limit.per_sec.saturating_mul(scale), burst: limit.burst.saturating_mul(scale) })
}

fn too_many(verdict: Verdict) -> Refusal {
    Refusal::new(ErrorCode::RateLimited, "Slow down; `Retry-After` says when to try again.")
        .retry_after(verdict.retry_after_secs)
}

/// Fingerprint of a request for its idempotency key: method, path with query, body.
pub fn fingerprint(method: &str, path: &str, body: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(method)
        .chain_update([0])
        .chain_update(path)
        .chain_update([0])
        .chain_update(body)
        .finalize()
        .into()
}
