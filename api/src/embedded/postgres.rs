//! The private Postgres: one cluster, made once, durable. It has no network address; whoever may open its socket is
//! identified by the kernel (`peer`), so there is no password to keep.

use std::cmp::Reverse;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use tokio::process::Command;

use super::directories::{Account, Directories, encode_path};
use super::process::{self, Engine, Spawner};

/// The oldest release with everything the schema uses (`security_invoker` views among it).
const OLDEST_MAJOR: u32 = 15;
const DATABASE: &str = "eventflow";
/// Only names the socket file; nothing listens on this port.
const PORT: &str = "5432";
/// Applied at every start, over postgresql.conf. Sized for a small machine that also runs the server and Redis.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", ""),
    ("port", PORT),
    ("unix_socket_permissions", "0700"),
    ("max_connections", "60"),
    ("shared_buffers", "256MB"),
    ("effective_cache_size", "1GB"),
    ("work_mem", "8MB"),
    ("maintenance_work_mem", "64MB"),
    ("random_page_cost", "1.1"),
    ("jit", "off"),
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("wal_compression", "on"),
    ("max_wal_size", "1GB"),
    ("checkpoint_timeout", "15min"),
    // A fresh installation grows fast: the plans made for its empty tables shall not live for long.
    ("autovacuum_naptime", "5s"),
    ("log_checkpoints", "off"),
    ("log_timezone", "UTC"),
    ("timezone", "UTC"),
];
const ROLES: [&str; 3] = ["postgres", "ef_owner", "ef_login"];

/// Every role and what it may be, restated at each start: a role that drifted is put right.
const CREATE_ROLES: &str = "
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['ef_owner', 'ef_login', 'ef_app', 'ef_system'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I', wanted);
        END IF;
    END LOOP;
END $$;
ALTER ROLE ef_owner LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE ef_login LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE ef_app NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE ef_system NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
GRANT ef_app, ef_system TO ef_login;
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
";

/// Run inside the application's database.
const LIMIT_DATABASE: &str = "
ALTER DATABASE eventflow OWNER TO ef_owner;
REVOKE ALL ON DATABASE eventflow FROM PUBLIC;
GRANT CONNECT ON DATABASE eventflow TO ef_login;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO ef_owner;
GRANT USAGE ON SCHEMA public TO ef_app, ef_system;
";

pub(super) struct Postgres {
    program: PathBuf,
    account: Option<Account>,
    home: PathBuf,
    sockets: PathBuf,
    pid_file: PathBuf,
    log: PathBuf,
}

impl Postgres {
    /// Finds the programs, makes the cluster if there is none, and writes who may connect.
    pub(super) async fn prepare(directories: &Directories, progress: &impl Fn(&str)) -> Result<Postgres> {
        let home = directories.root.join("postgres");
        let account = directories.account_for_child("postgres", &home)?;
        let programs = find_programs(cluster_major(&home)?, account.as_ref())?;
        let sockets = directories.socket_home("postgres", account.as_ref())?;
        let log = directories.log("postgres");
        if !home.exists() {
            progress("making the Postgres cluster (once)");
            create_cluster(&programs, directories, &home, account.as_ref(), &log).await?;
        }
        write_access(&home, &directories.server, account.as_ref())?;
        let pid_file = home.join("postmaster.pid");
        Ok(Postgres { program: programs.join("postgres"), account, home, sockets, pid_file, log })
    }

    pub(super) fn url(&self, role: &str) -> String {
        self.database_url(role, DATABASE)
    }

    /// The superuser in the database that every cluster has.
    pub(super) fn maintenance_url(&self) -> String {
        self.database_url("postgres", "postgres")
    }

    fn database_url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@/{database}?host={}&port={PORT}", encode_path(&self.sockets))
    }
}

impl Engine for Postgres {
    const NAME: &'static str = "Postgres";
    /// Fast shutdown (sessions are ended, a checkpoint is written), then immediate (recovery at the next start).
    const STOP: &'static [(i32, Duration)] =
        &[(libc::SIGINT, Duration::from_secs(30)), (libc::SIGQUIT, Duration::from_secs(5))];

    fn command(&self) -> Command {
        let mut command = process::bare_command(&self.program, &self.home, self.account.as_ref());
        command.arg("-D").arg(&self.home).arg("-k").arg(&self.sockets);
        for (setting, value) in SETTINGS {
            command.arg("-c").arg(format!("{setting}={value}"));
        }
        command
    }

    fn home(&self) -> &Path {
        &self.home
    }

    fn pid_file(&self) -> &Path {
        &self.pid_file
    }

    fn log(&self) -> &Path {
        &self.log
    }

    /// The eighth line of the pid file is `ready` once the server accepts connections.
    async fn ready(&self, pid: u32) -> bool {
        let text = fs::read_to_string(&self.pid_file).unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines.first().and_then(|line| line.parse().ok()) == Some(pid) && lines.get(7) == Some(&"ready")
    }
}

/// Idempotent. Connects as the superuser, which nothing else in the server does.
pub(super) async fn create_roles_and_database(maintenance_url: &str, database_url: &str) -> Result<()> {
    let mut server = AsyncPgConnection::establish(maintenance_url)
        .await
        .context("cannot connect to the embedded Postgres")?;
    server.batch_execute(CREATE_ROLES).await.context("cannot create the database roles")?;
    let mut database = match AsyncPgConnection::establish(database_url).await {
        Ok(database) => database,
        Err(_) => {
            let create =
                format!("CREATE DATABASE {DATABASE} OWNER ef_owner TEMPLATE template0 ENCODING 'UTF8'");
            server.batch_execute(&create).await.context("cannot create the database")?;
            AsyncPgConnection::establish(database_url).await.context("cannot connect to the new database")?
        }
    };
    database.batch_execute(LIMIT_DATABASE).await.context("cannot set the rights on the database")
}

/// Made beside its final place and renamed when complete, so that a cluster which is there is a whole one.
async fn create_cluster(
    programs: &Path,
    directories: &Directories,
    home: &Path,
    account: Option<&Account>,
    log: &Path,
) -> Result<()> {
    let name = "postgres.partial";
    let spawner = Spawner::new("initdb")?;
    for locale in ["C.UTF-8", "C"] {
        match fs::remove_dir_all(directories.root.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).context("cannot remove the half-made cluster of an earlier run");
            }
            _ => {}
        }
        let partial = directories.home(name, account)?;
        let mut command = process::bare_command(&programs.join("initdb"), &partial, account);
        command.arg("-D").arg(&partial).args(["-U", "postgres", "-E", "UTF8", "--data-checksums"]);
        command.args(["--auth-local=peer", "--auth-host=reject"]).arg(format!("--locale={locale}"));
        let status = spawner.spawn(command, libc::SIGKILL, log).await?.wait().await?;
        if status.success() {
            return fs::rename(&partial, home).context("cannot put the new cluster in its place");
        }
        // A system without the C.UTF-8 locale has C; anything else that is wrong will fail again.
        tracing::warn!(%status, locale, "initdb failed");
    }
    bail!(
        "initdb cannot make a cluster in {}; it says:\n{}",
        directories.root.display(),
        process::log_tail(log)
    )
}

/// Written at every start: the account of the server may have changed since the last one.
fn write_access(home: &Path, server: &Account, account: Option<&Account>) -> Result<()> {
    let header = "# Written by eventflow at every start; changes are lost.\n";
    let access = format!("{header}local all {} peer map=eventflow\nlocal all all reject\n", ROLES.join(","));
    let user = server.name.replace('"', "\"\"");
    let map: String = ROLES.iter().map(|role| format!("eventflow \"{user}\" {role}\n")).collect();
    for (name, text) in [("pg_hba.conf", access), ("pg_ident.conf", format!("{header}{map}"))] {
        let path = home.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        if let Some(account) = account {
            chown(&path, Some(account.uid), Some(account.gid))?;
        }
    }
    Ok(())
}

/// The release that made the cluster, if there is one.
fn cluster_major(home: &Path) -> Result<Option<u32>> {
    match fs::read_to_string(home.join("PG_VERSION")) {
        Ok(text) => Ok(Some(text.trim().parse().context("PG_VERSION is not a number")?)),
        Err(error) if error.kind() == ErrorKind::NotFound && !home.exists() => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} is not a Postgres cluster", home.display())),
    }
}

/// The directory with `initdb` and `postgres` of the right release: that of the cluster, else the first that is new enough.
pub(super) fn find_programs(cluster: Option<u32>, account: Option<&Account>) -> Result<PathBuf> {
    let mut seen = Vec::new();
    for directory in program_directories() {
        let Some(major) = program_major(&directory) else { continue };
        // PATH often holds a link to the real program.
        let real = directory.join("postgres").canonicalize()?;
        let reachable = match (account, real.parent()) {
            (Some(account), Some(real)) => account.first_closed(real)?.is_none(),
            _ => true,
        };
        if reachable && cluster.map_or(major >= OLDEST_MAJOR, |cluster| cluster == major) {
            return Ok(directory);
        }
        let note = if reachable { "" } else { ", closed to the account that runs it" };
        seen.push(format!("{major} in {}{note}", directory.display()));
    }
    let found = if seen.is_empty() { String::new() } else { format!(" (found: {})", seen.join("; ")) };
    match cluster {
        Some(major) => bail!(
            "the data directory was made by PostgreSQL {major}, which is not installed{found}: install it (Debian, \
             Ubuntu: `apt-get install postgresql-{major}`), or start with another data directory"
        ),
        None => bail!(
            "`initdb` and `postgres` (PostgreSQL {OLDEST_MAJOR} or newer) are not installed{found}: install them \
             (Debian, Ubuntu: `apt-get install postgresql`; Fedora: `dnf install postgresql-server`), or set \
             DATABASE_URL to a Postgres of yours"
        ),
    }
}

/// Where distributions put the server programs, which are rarely in PATH: newest release first.
fn program_directories() -> Vec<PathBuf> {
    let mut versioned: Vec<(u32, PathBuf)> = Vec::new();
    for (parent, prefix) in
        [("/usr/lib/postgresql", ""), ("/usr/local/lib/postgresql", ""), ("/usr", "pgsql-")]
    {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let release =
                name.to_str().and_then(|name| name.strip_prefix(prefix)).and_then(|name| name.parse().ok());
            versioned.extend(release.map(|release| (release, entry.path().join("bin"))));
        }
    }
    versioned.sort_by_key(|(release, _)| Reverse(*release));
    let fixed = ["/usr/pgsql/bin", "/usr/local/pgsql/bin"].map(PathBuf::from);
    process::directories_in_path("postgres")
        .into_iter()
        .chain(versioned.into_iter().map(|(_, directory)| directory))
        .chain(fixed)
        .filter(|directory| directory.join("initdb").is_file() && directory.join("postgres").is_file())
        .collect()
}

/// From `postgres (PostgreSQL) 15.8 (Debian …)`.
fn program_major(directory: &Path) -> Option<u32> {
    let output = std::process::Command::new(directory.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version =
        text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    version.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
}
