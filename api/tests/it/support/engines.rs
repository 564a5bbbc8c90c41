//! One private Postgres and Redis for the whole test program, and a new database for each test.

use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use eventflow_api::embedded::Embedded;
use eventflow_store::migrate;
use tokio::runtime::Runtime;

/// The database of the embedded default; its name is replaced in the URLs.
const DEFAULT: &str = "/eventflow?";
/// Migrated once, copied for each test.
const TEMPLATE: &str = "ef_template";
/// Removes the data directory when this process is gone, however it ended: its standard input closes then.
const CLEAN_UP: &str = r#"cat >/dev/null; for i in 1 2 3 4 5 6; do rm -rf "$0" && exit; sleep 1; done"#;

/// Runs for the life of the process; the kernel stops the engines with it.
pub struct Engines {
    embedded: Embedded,
    /// The engines are watched here: the runtime of a test ends with the test.
    runtime: Runtime,
    next: AtomicU32,
    _cleaner: Child,
}

/// A database of one test, removed when it is dropped.
pub struct Database {
    name: String,
    pub owner_url: String,
    pub app_url: String,
    /// A superuser, whom row-level security does not bind: to look behind the API.
    pub admin_url: String,
    pub redis_url: String,
}

pub fn engines() -> &'static Engines {
    static ENGINES: OnceLock<Engines> = OnceLock::new();
    // On a thread of its own: a runtime may not block on another one.
    ENGINES.get_or_init(|| std::thread::spawn(Engines::start).join().unwrap())
}

impl Engines {
    fn start() -> Self {
        let directory = std::env::temp_dir().join(format!("eventflow-it-{}", std::process::id()));
        let cleaner = Command::new("sh")
            .args(["-c", CLEAN_UP])
            .arg(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let embedded = runtime.block_on(async {
            let embedded = Embedded::start(&directory, |_| {}).await.unwrap();
            let create = format!("CREATE DATABASE {TEMPLATE} OWNER ef_owner TEMPLATE eventflow");
            execute(&maintenance_url(&embedded), &create).await.unwrap();
            let applied = migrate(&named(embedded.database_url(), TEMPLATE)).await.unwrap();
            assert!(!applied.is_empty(), "no migration was applied");
            embedded
        });
        Self { embedded, runtime, next: AtomicU32::new(1), _cleaner: cleaner }
    }

    /// A migrated, empty database.
    pub async fn database(&'static self) -> Database {
        let name = format!("ef_test_{}", self.next.fetch_add(1, Ordering::Relaxed));
        self.create(&name, TEMPLATE).await;
        self.urls(name)
    }

    /// A database that was never migrated.
    pub async fn bare_database(&'static self) -> Database {
        let name = format!("ef_bare_{}", self.next.fetch_add(1, Ordering::Relaxed));
        self.create(&name, "eventflow").await;
        self.urls(name)
    }

    fn urls(&self, name: String) -> Database {
        Database {
            owner_url: named(self.embedded.database_url(), &name),
            app_url: named(self.embedded.app_database_url(), &name),
            admin_url: named(self.embedded.admin_database_url(), &name),
            redis_url: self.embedded.redis_url().to_owned(),
            name,
        }
    }

    async fn create(&self, name: &str, template: &str) {
        let sql = format!("CREATE DATABASE {name} OWNER ef_owner TEMPLATE {template}");
        let began = std::time::Instant::now();
        // Whoever was connected to the template a moment ago may not be gone yet.
        while let Err(error) = execute(&maintenance_url(&self.embedded), &sql).await {
            assert!(error.contains("being accessed") && began.elapsed() < super::PATIENCE, "{error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let engines = engines();
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let url = maintenance_url(&engines.embedded);
        engines.runtime.spawn(async move { execute(&url, &sql).await });
    }
}

fn maintenance_url(embedded: &Embedded) -> String {
    named(embedded.admin_database_url(), "postgres")
}

fn named(url: &str, database: &str) -> String {
    assert!(url.contains(DEFAULT), "{url}");
    url.replace(DEFAULT, &format!("/{database}?"))
}

pub async fn execute(url: &str, sql: &str) -> Result<(), String> {
    let mut connection = AsyncPgConnection::establish(url).await.map_err(|error| error.to_string())?;
    connection.batch_execute(sql).await.map_err(|error| error.to_string())
}
