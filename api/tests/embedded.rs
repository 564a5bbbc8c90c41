//! The embedded engines, with the real programs: start, survive, restart, clean up, refuse.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use eventflow_api::embedded::Embedded;

const PATIENCE: Duration = Duration::from_secs(60);
/// Set for the copy of this test program that plays the server which is killed.
const VICTIM_DIRECTORY: &str = "EVENTFLOW_TEST_VICTIM_DIRECTORY";

#[tokio::test(flavor = "multi_thread")]
async fn engines_answer_and_data_survives_a_restart() {
    let data = DataDirectory::new("survive");
    let mut engines = start(&data.0).await;
    ping_redis(engines.redis_url()).unwrap();
    execute(engines.database_url(), "CREATE TABLE notes (body text); INSERT INTO notes VALUES ('kept')")
        .await
        .unwrap();
    let children = data.children();
    engines.stop().await;
    for pid in children {
        assert!(!is_running(pid), "process {pid} outlived the stop");
    }

    engines = start(&data.0).await;
    execute(engines.database_url(), &expect("(SELECT count(*) FROM notes WHERE body = 'kept') = 1"))
        .await
        .unwrap();
    ping_redis(engines.redis_url()).unwrap();
    engines.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_have_the_least_they_need() {
    let data = DataDirectory::new("roles");
    let engines = start(&data.0).await;
    let login = engines.app_database_url();
    execute(engines.database_url(), "CREATE TABLE secrets (body text); GRANT SELECT ON secrets TO ef_app")
        .await
        .unwrap();

    execute(login, "SET ROLE ef_app; SELECT * FROM secrets").await.unwrap();
    execute(login, "SET ROLE ef_system").await.unwrap();
    for denied in [
        "SELECT * FROM secrets",
        "SET ROLE ef_owner",
        "SET ROLE postgres",
        "CREATE TABLE mine (id int)",
        "SET ROLE ef_app; CREATE TABLE mine (id int)",
        "SET ROLE ef_app; DELETE FROM secrets",
        "CREATE ROLE helper",
        "CREATE DATABASE other",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ] {
        execute(login, denied).await.expect_err(denied);
    }
    let unbound = "NOT EXISTS (SELECT FROM pg_roles WHERE rolname LIKE 'ef\\_%' AND (rolsuper OR rolbypassrls OR rolcreaterole))";
    execute(engines.database_url(), &expect(unbound)).await.unwrap();
    execute(engines.database_url(), &expect("current_setting('fsync') = 'on'")).await.unwrap();
    execute(engines.database_url(), &expect("current_setting('synchronous_commit') = 'on'")).await.unwrap();
    execute(engines.database_url(), &expect("current_setting('listen_addresses') = ''")).await.unwrap();
    engines.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_servers_account_can_reach_the_engines() {
    let data = DataDirectory::new("private");
    let engines = start(&data.0).await;
    for socket in [postgres_socket(engines.database_url()), redis_socket(engines.redis_url())] {
        let directory = fs::metadata(socket.parent().unwrap()).unwrap();
        assert_eq!(directory.permissions().mode() & 0o777, 0o700, "{}", socket.display());
    }
    for (pid, home) in data.children().into_iter().zip(["postgres", "redis"]) {
        let process = fs::metadata(format!("/proc/{pid}")).unwrap();
        assert_ne!(process.uid(), 0, "{home} runs as root");
        assert_eq!(process.uid(), fs::metadata(data.0.join(home)).unwrap().uid());
    }
    engines.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_engine_comes_back() {
    let data = DataDirectory::new("restart");
    let engines = start(&data.0).await;
    execute(engines.database_url(), "CREATE TABLE notes (body text); INSERT INTO notes VALUES ('kept')")
        .await
        .unwrap();
    for _ in 0..2 {
        for pid in data.children() {
            kill(pid);
        }
        let kept = expect("(SELECT count(*) FROM notes) = 1");
        eventually("Postgres to come back", async || execute(engines.database_url(), &kept).await.is_ok())
            .await;
        eventually("Redis to come back", async || ping_redis(engines.redis_url()).is_ok()).await;
    }
    let children = data.children();
    engines.stop().await;
    assert!(!children.into_iter().any(is_running));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_directory_is_refused() {
    let data = DataDirectory::new("second");
    let engines = start(&data.0).await;
    let refusal = Embedded::start(&data.0, |_| {}).await.err().expect("the directory is in use").to_string();
    assert!(refusal.contains("in use") && refusal.contains(&std::process::id().to_string()), "{refusal}");
    ping_redis(engines.redis_url()).expect("the first server is unharmed");
    execute(engines.database_url(), "SELECT 1").await.expect("the first server is unharmed");
    engines.stop().await;
    start(&data.0).await.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_server_stops_its_engines() {
    let data = DataDirectory::new("drop");
    let engines = start(&data.0).await;
    let children = data.children();
    drop(engines);
    eventually("the engines to stop", async || !children.iter().any(|pid| is_running(*pid))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_die_with_a_server_that_is_killed() {
    let data = DataDirectory::new("victim");
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--nocapture"])
        .env(VICTIM_DIRECTORY, &data.0)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the victim to start", async || data.0.join("ready").exists()).await;
    let children = data.children();
    server.kill().unwrap();
    server.wait().unwrap();
    // The next server does not have to wait for that.
    let engines = start(&data.0).await;
    assert!(!children.iter().any(|pid| is_running(*pid)), "an engine outlived its server");
    execute(engines.database_url(), "SELECT 1").await.unwrap();
    ping_redis(engines.redis_url()).unwrap();
    engines.stop().await;
}

/// Not a test of its own: the server that `engines_die_with_a_server_that_is_killed` kills.
#[tokio::test(flavor = "multi_thread")]
async fn victim() {
    let Some(directory) = std::env::var_os(VICTIM_DIRECTORY) else { return };
    let directory = PathBuf::from(directory);
    let _engines = start(&directory).await;
    fs::write(directory.join("ready"), "").unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_of_an_earlier_run_are_stopped() {
    let data = DataDirectory::new("orphan");
    let engines = start(&data.0).await;
    let [postgres, redis] = data.children();
    let (postgres_program, redis_program) = (program(postgres), program(redis));
    let postgres_arguments = arguments(postgres);
    let socket = redis_socket(engines.redis_url());
    engines.stop().await;

    let mut orphans = [
        Orphan(
            as_owner_of(&data.0.join("postgres"), &postgres_program)
                .args(postgres_arguments)
                .spawn()
                .unwrap(),
        ),
        // Debian's redis-server is one program with redis-check-rdb; its name decides.
        Orphan(
            as_owner_of(&data.0.join("redis"), &redis_program)
                .arg0("redis-server")
                .args(["--port", "0", "--save", "", "--dir"])
                .arg(data.0.join("redis"))
                .arg("--pidfile")
                .arg(data.0.join("redis/redis.pid"))
                .arg("--unixsocket")
                .arg(&socket)
                .spawn()
                .unwrap(),
        ),
    ];
    eventually("the orphans to start", async || {
        let pids = [data.child("postgres/postmaster.pid"), data.child("redis/redis.pid")];
        pids == orphans.each_ref().map(|orphan| Some(orphan.0.id()))
    })
    .await;

    let engines = start(&data.0).await;
    for orphan in &mut orphans {
        assert!(ended(&mut orphan.0), "the orphan {} is still there", orphan.0.id());
    }
    execute(engines.database_url(), "SELECT 1").await.unwrap();
    ping_redis(engines.redis_url()).unwrap();
    engines.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_process_ids_are_not_trusted() {
    let data = DataDirectory::new("stale");
    start(&data.0).await.stop().await;
    let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
    fs::write(data.0.join("postgres/postmaster.pid"), format!("{}\n", stranger.id())).unwrap();
    fs::write(data.0.join("redis/redis.pid"), format!("{}\n", stranger.id())).unwrap();
    let engines = start(&data.0).await;
    let unharmed = !ended(&mut stranger);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert!(unharmed, "a stranger with our old process id was stopped");
    engines.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_path_and_a_half_made_cluster_are_no_obstacle() {
    let data = DataDirectory::new("long");
    let long = data
        .0
        .join("a folder with spaces, ünïcode & a name that is far too long for a socket's address".repeat(2));
    fs::create_dir_all(long.join("postgres.partial/base")).unwrap();
    fs::write(long.join("postgres.partial/PG_VERSION"), "0").unwrap();
    let engines = start(&long).await;
    execute(engines.database_url(), "SELECT 1").await.unwrap();
    ping_redis(engines.redis_url()).unwrap();
    let sockets = redis_socket(engines.redis_url()).parent().unwrap().parent().unwrap().to_owned();
    assert!(!sockets.starts_with(&long) && !long.join("postgres.partial").exists());
    engines.stop().await;
    assert!(!sockets.exists(), "{} is left behind", sockets.display());
}

/// A directory below the system's temporary one, removed at the end.
struct DataDirectory(PathBuf);

impl DataDirectory {
    fn new(name: &str) -> DataDirectory {
        let path = std::env::temp_dir().join(format!("ef-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        DataDirectory(path.canonicalize().unwrap())
    }

    fn child(&self, pid_file: &str) -> Option<u32> {
        fs::read_to_string(self.0.join(pid_file)).ok()?.lines().next()?.trim().parse().ok()
    }

    /// Postgres, Redis.
    fn children(&self) -> [u32; 2] {
        ["postgres/postmaster.pid", "redis/redis.pid"]
            .map(|file| self.child(file).expect("the engine is running"))
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A process of an earlier run. One that a failed test leaves behind is killed.
struct Orphan(Child);

impl Drop for Orphan {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

async fn start(directory: &Path) -> Embedded {
    Embedded::start(directory, |_| {}).await.unwrap()
}

async fn execute(url: &str, sql: &str) -> Result<(), String> {
    let mut connection = AsyncPgConnection::establish(url).await.map_err(|error| error.to_string())?;
    connection.batch_execute(sql).await.map_err(|error| error.to_string())
}

/// SQL that fails unless the condition holds.
fn expect(condition: &str) -> String {
    format!("DO $$ BEGIN ASSERT {condition}; END $$")
}

fn ping_redis(url: &str) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(redis_socket(url))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer)?;
    assert_eq!(&answer, b"+PONG\r\n");
    Ok(())
}

fn redis_socket(url: &str) -> PathBuf {
    PathBuf::from(url.strip_prefix("redis+unix://").unwrap())
}

fn postgres_socket(url: &str) -> PathBuf {
    let host = url.split_once("host=").unwrap().1;
    let (directory, port) = host.split_once("&port=").unwrap();
    Path::new(directory).join(format!(".s.PGSQL.{port}"))
}

async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_running(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|command| !command.is_empty())
}

fn ended(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_some()
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
}

fn program(pid: u32) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/exe")).unwrap()
}

fn arguments(pid: u32) -> Vec<String> {
    let command = String::from_utf8(fs::read(format!("/proc/{pid}/cmdline")).unwrap()).unwrap();
    command.trim_end_matches('\0').split('\0').skip(1).map(str::to_owned).collect()
}

fn as_owner_of(directory: &Path, program: &Path) -> Command {
    let owner = fs::metadata(directory).unwrap();
    let mut command = Command::new(program);
    command.current_dir(directory).stdout(Stdio::null()).stderr(Stdio::null());
    if owner.uid() != fs::metadata("/proc/self").unwrap().uid() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command
}
