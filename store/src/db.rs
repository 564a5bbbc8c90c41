//! Connections and tenant transactions. The only way to a tenant's rows is [`Db::run`], which opens a transaction,
//! names the tenant in it and hands out a [`Tx`]; row-level security does the rest.
//!
//! Nothing foreign (HTTP, Redis, wasm, sleep) runs inside such a transaction.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use diesel::{ConnectionError, IntoSql, QueryResult, result::Error as Diesel};
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl,
    SimpleAsyncConnection, TransactionManager,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use eventflow_core::{Id, id};
use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    failpoints,
};

pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations");

type Manager = AsyncDieselConnectionManager<AsyncPgConnection>;
type Pool = bb8::Pool<Manager>;

/// How long a request waits for a connection before it is told to come back later.
const CONNECTION_WAIT: Duration = Duration::from_secs(3);
/// Connections beside those for requests. Workers settle what buyers ask about again and again: behind their questions in the
/// queue, the more they ask, the longer they would wait.
const WORKER_CONNECTIONS: u32 = 4;
/// Connections for requests that have waited once: their last transaction takes milliseconds.
const AHEAD_CONNECTIONS: u32 = 2;
/// Connections of the pool that looks up credentials, jobs and provider messages.
const SYSTEM_POOL_SIZE: u32 = 4;

/// Bounds on what one statement, one lock and one idle transaction may take; both pools set them. They also bound how long a
/// change can hold back the log of events.
const SESSION_LIMITS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '3s'; \
     SET idle_in_transaction_session_timeout = '10s'";

/// Who acts: written to the audit log with each change.
#[derive(Debug, Clone)]
pub struct Scope {
    pub tenant: Id<id::Tenant>,
    /// `key_…`, `dev_…`, `buyer` or `system:<worker>`.
    pub actor: Arc<str>,
    pub request_id: Arc<str>,
}

impl Scope {
    /// The scope of a worker that acts for a tenant on its own account.
    pub fn system(tenant: Id<id::Tenant>, worker: &str) -> Self {
        Self { tenant, actor: format!("system:{worker}").into(), request_id: "".into() }
    }

    fn is_system(&self) -> bool {
        self.actor.starts_with("system:")
    }
}

#[derive(Clone)]
pub struct Db {
    app: Pool,
    /// What of it requests may have at one time.
    requests: Arc<Semaphore>,
    /// And those of them that have waited before.
    ahead: Arc<Semaphore>,
    system: Pool,
    url: std::sync::Arc<str>,
}

/// A transaction of one tenant. Dereferences to the connection: `query.load(&mut **tx)`.
pub struct Tx {
    connection: bb8::PooledConnection<'static, Manager>,
    /// Of the requests' part, unless a worker acts.
    _permit: Option<OwnedSemaphorePermit>,
    pub scope: Scope,
}

impl Tx {
    pub fn tenant(&self) -> Uuid {
        self.scope.tenant.uuid()
    }

    /// When the transaction began, by the clock of Postgres: those of servers may differ.
    pub async fn now(&mut self) -> Result<DateTime<Utc>> {
        let now = diesel::select(diesel::dsl::now.into_sql::<diesel::sql_types::Timestamptz>());
        Ok(now.get_result(&mut self.connection).await?)
    }
}

/// What transactions take turns by. Taken in the round trip that begins a transaction, so that its first statement sees what
/// the one before it has done.
pub struct Turn(String);

impl Turn {
    /// By a text whose case does not matter; each use of turns has a `space` of its own.
    pub fn folded(name: &str, space: u8) -> Self {
        // As hexadecimal digits there is nothing to escape.
        let name = hex::encode(name);
        Self(format!(
            "; SELECT pg_advisory_xact_lock(hashtextextended(lower(convert_from('\\x{name}', 'UTF8')), {space}))"
        ))
    }
}

impl std::ops::Deref for Tx {
    type Target = AsyncPgConnection;
    fn deref(&self) -> &AsyncPgConnection {
        &self.connection
    }
}

impl std::ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.connection
    }
}

/// A new time-ordered identifier.
pub fn new_uuid() -> Uuid {
    Uuid::now_v7()
}

impl Db {
    /// Opens both pools, with `requests` connections for requests and a few for workers. `url` logs in as a role that is a
    /// member of `ef_app` and `ef_system` and is no superuser.
    pub async fn connect(url: &str, requests: u32) -> Result<Self> {
        let app = pool(url, "ef_app", requests + WORKER_CONNECTIONS + AHEAD_CONNECTIONS).await?;
        let system = pool(url, "ef_system", SYSTEM_POOL_SIZE).await?;
        let permits = |most: u32| Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS));
        let (requests, ahead) = (Arc::new(permits(requests)), Arc::new(permits(AHEAD_CONNECTIONS)));
        Ok(Self { app, requests, ahead, system, url: url.into() })
    }

    /// Runs `work` in one transaction of the tenant in `scope`: commits when it returns `Ok`, rolls back otherwise.
    pub async fn run<T, F>(&self, scope: &Scope, work: F) -> Result<T>
    where
        F: AsyncFnOnce(&mut Tx) -> Result<T>,
    {
        self.run_in_turn(scope, None, work).await
    }

    /// The same, after every other transaction with this turn has ended.
    pub async fn run_in_turn<T, F>(&self, scope: &Scope, turn: Option<&Turn>, work: F) -> Result<T>
    where
        F: AsyncFnOnce(&mut Tx) -> Result<T>,
    {
        let permit = if scope.is_system() { None } else { Some(permit(&self.requests).await?) };
        self.transaction(scope, permit, turn, work).await
    }

    /// The same for the second transaction of a request: it has waited in line before, and is through in a moment.
    pub async fn run_ahead<T, F>(&self, scope: &Scope, work: F) -> Result<T>
    where
        F: AsyncFnOnce(&mut Tx) -> Result<T>,
    {
        let permit = permit(&self.ahead).await?;
        self.transaction(scope, Some(permit), None, work).await
    }

    async fn transaction<T, F>(
        &self,
        scope: &Scope,
        permit: Option<OwnedSemaphorePermit>,
        turn: Option<&Turn>,
        work: F,
    ) -> Result<T>
    where
        F: AsyncFnOnce(&mut Tx) -> Result<T>,
    {
        let connection = self.app.get_owned().await.map_err(down)?;
        let mut tx = Tx { connection, _permit: permit, scope: scope.clone() };
        // One round trip. The id is formatted from 16 bytes, so there is nothing to escape.
        let mut begin = format!("BEGIN; SET LOCAL app.tenant = '{}'", tx.tenant());
        if let Some(Turn(lock)) = turn {
            begin.push_str(lock);
        }
        if let Err(error) = AnsiTransactionManager::begin_transaction_sql(&mut *tx, &begin).await {
            // BEGIN may have worked before the turn did not come. A connection that is broken is dropped at its next use.
            let _: QueryResult<()> = tx.connection.batch_execute("ROLLBACK").await;
            return Err(error.into());
        }
        match work(&mut tx).await {
            Ok(value) => {
                failpoints::pass("before a commit");
                AnsiTransactionManager::commit_transaction(&mut *tx).await?;
                failpoints::pass("after a commit");
                Ok(value)
            }
            Err(error) => {
                // A connection that cannot even roll back is found broken by the pool and dropped.
                let _: QueryResult<()> = AnsiTransactionManager::rollback_transaction(&mut *tx).await;
                Err(error)
            }
        }
    }

    /// A connection as `ef_system`: finds out which tenant something belongs to, and nothing more.
    pub async fn system(&self) -> Result<bb8::PooledConnection<'_, Manager>> {
        self.system.get().await.map_err(down)
    }

    /// A connection of its own as `ef_system`, outside of the pool: whoever holds a lock for long keeps it here.
    pub async fn leader(&self) -> Result<AsyncPgConnection> {
        connect_as(&self.url, "ef_system").await.map_err(|error| Error::DatabaseDown(error.to_string()))
    }

    /// A connection as `ef_app` without a tenant; row-level security shows it nothing. For tests of that wall.
    pub async fn app_without_tenant(&self) -> Result<bb8::PooledConnection<'_, Manager>> {
        self.app.get().await.map_err(down)
    }

    /// Answers within the time that a request may wait for a connection, or says why not.
    pub async fn ping(&self) -> Result<()> {
        let mut connection = self.system().await?;
        connection.batch_execute("SELECT 1").await?;
        Ok(())
    }
}

/// A request's place among those that have a connection.
async fn permit(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let permit = tokio::time::timeout(CONNECTION_WAIT, of.clone().acquire_owned()).await;
    permit
        .ok()
        .and_then(std::result::Result::ok)
        .ok_or_else(|| Error::DatabaseDown("every connection for requests is in use".to_owned()))
}

fn down(error: bb8::RunError<diesel_async::pooled_connection::PoolError>) -> Error {
    Error::DatabaseDown(error.to_string())
}

async fn connect_as(url: &str, role: &str) -> Result<AsyncPgConnection, ConnectionError> {
    let mut connection = AsyncPgConnection::establish(url).await?;
    connection
        .batch_execute(&format!("SET ROLE {role}; {SESSION_LIMITS}"))
        .await
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

async fn pool(url: &str, role: &'static str, size: u32) -> Result<Pool> {
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |url| {
        let url = url.to_owned();
        async move { connect_as(&url, role).await }.boxed()
    });
    bb8::Pool::builder()
        .max_size(size)
        .connection_timeout(CONNECTION_WAIT)
        // The check is a look at the transaction depth; a dead socket shows at first use and is dropped then.
        .test_on_check_out(false)
        .build(Manager::new_with_config(url, config))
        .await
        .map_err(|error| Error::DatabaseDown(error.to_string()))
}

/// Brings the schema up to date; `url` logs in as the owner of the database. Returns the versions applied.
///
/// Runs on a blocking part of the runtime: needs the multi-thread flavour.
pub async fn migrate(url: &str) -> Result<Vec<String>> {
    let mut connection = owner_connection(url).await?;
    // Two servers that start at once take turns.
    connection.batch_execute("SELECT pg_advisory_lock(hashtext('eventflow migrations'))").await?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let applied = harness
        .run_pending_migrations(MIGRATIONS)
        .map_err(|error| Error::Database(Diesel::QueryBuilderError(error)))?
        .iter()
        .map(ToString::to_string)
        .collect();
    harness.into_inner().batch_execute(LEAD_LOG_ON).await?;
    Ok(applied)
}

/// A dump that was restored into another cluster lacks what happened since. The log of events goes on there above every cursor
/// that somebody may keep: those are ahead of what it has, but not by billions. The comment on the function is the cluster
/// that it is right for.
const LEAD_LOG_ON: &str = "DO $$
DECLARE
  here text := (SELECT system_identifier::text FROM pg_control_system());
  there text := obj_description('log_position()'::regprocedure, 'pg_proc');
BEGIN
  IF there IS NOT DISTINCT FROM here THEN
    RETURN;
  END IF;
  IF there IS NOT NULL THEN
    PERFORM setval('log_numbers', nextval('log_numbers') + (1::bigint << 32));
  END IF;
  EXECUTE format('COMMENT ON FUNCTION log_position() IS %L', here);
END $$";

/// The versions that are embedded but not applied yet.
pub async fn pending_migrations(url: &str) -> Result<Vec<String>> {
    let mut harness = AsyncMigrationHarness::new(owner_connection(url).await?);
    let pending = harness
        .pending_migrations(MIGRATIONS)
        .map_err(|error| Error::Database(Diesel::QueryBuilderError(error)))?;
    Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
}

async fn owner_connection(url: &str) -> Result<AsyncPgConnection> {
    AsyncPgConnection::establish(url).await.map_err(|error| Error::DatabaseDown(error.to_string()))
}

/// What a connection of the application may do that it should not.
#[derive(Debug, diesel::QueryableByName)]
pub struct SessionFacts {
    /// `ef_app` is a superuser or bypasses row-level security.
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub bypasses: bool,
    /// Tables that `ef_app` owns.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub owns: i64,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub login_is_superuser: bool,
}

pub async fn session_facts(db: &Db) -> Result<SessionFacts> {
    use diesel_async::RunQueryDsl;
    let mut connection = db.app_without_tenant().await?;
    let facts = diesel::sql_query(
        "SELECT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS bypasses,
           (SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = current_user) AS owns,
           (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) AS login_is_superuser",
    )
    .get_result(&mut *connection)
    .await?;
    Ok(facts)
}
