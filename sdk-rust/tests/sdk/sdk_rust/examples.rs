//! The programs in `examples` that use the SDK, run as an integrator would run them.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use eventflow_sdk::types::{BestAvailable, NewHold, NewRefund};
use eventflow_sdk::{SeatStatus, Snapshot, tickets};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

use super::support::{World, binary};

/// More than any of them takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Removed with what is in it.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("eventflow-sdk-rust-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn program(name: &str, world: &World, folder: &Path) -> Command {
    let mut command = Command::new(binary(name));
    command
        .current_dir(folder)
        .env("EVENTFLOW_URL", &world.url)
        .env("EVENTFLOW_SECRET_KEY", &world.secret_key);
    command.kill_on_drop(true);
    command
}

async fn output(mut command: Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    (status.success(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

async fn line(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn the_box_office_sells_and_prints_tickets() {
    let world = World::get().await;
    let (client, event_id) = (world.client(), world.event().await);
    let folder = Folder::new("box-office");
    let mut events = program("box-office", world, &folder.0);
    events.arg("events");
    let (success, text) = output(events).await;
    assert!(success && text.lines().any(|line| line.starts_with(&event_id)), "{text}");

    let mut sell = program("box-office", world, &folder.0);
    sell.args(["sell", &event_id, "--places", "2", "--name", "Clara Schumann"]);
    let (success, text) = output(sell).await;
    assert!(success && text.starts_with("take 84.00 EUR\n"), "{text}");
    let ring = tickets::key_ring(&client.ticket_keys().list().all(100).await.unwrap()).unwrap();
    let sold: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split("  ").collect()).collect();
    assert_eq!(sold.len(), 2);
    for ticket in sold {
        let [id, _label, code] = ticket[..] else { panic!("{ticket:?}") };
        assert_eq!(tickets::ticket_id(&tickets::verify(code, &ring).unwrap()), id);
        assert!(std::fs::read_to_string(folder.0.join(format!("{id}.svg"))).unwrap().contains("<svg"));
    }

    let mut too_many = program("box-office", world, &folder.0);
    too_many.args(["sell", &event_id, "--places", "3000"]);
    let (success, text) = output(too_many).await;
    assert!(!success && text.starts_with("not sold: 400 invalid_request: "), "{text}");
}

#[tokio::test]
async fn the_watcher_tells_which_seats_come_back() {
    let world = World::get().await;
    let (client, event_id) = (world.client(), world.event().await);
    let order = super::support::sell(&client, &event_id, 2).await;
    let folder = Folder::new("resale-watcher");
    let mut watcher = program("resale-watcher", world, &folder.0);
    watcher.args([&event_id, "--sold", "--count", "2"]).stdout(Stdio::piped());
    let mut watcher = watcher.spawn().unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines();
    let states = Snapshot::decode(&client.availability().snapshot(&event_id).await.unwrap()).unwrap();
    assert_eq!(line(&mut lines).await, format!("{} seats are free", states.statuses.count(SeatStatus::Free)));

    // A basket that is left is not what it was asked for.
    let basket = NewHold { best_available: Some(BestAvailable::new(1)), ..NewHold::default() };
    let basket = client.holds().create(&event_id, &basket).await.unwrap();
    client.holds().delete(&basket.id).token(&basket.token).await.unwrap();
    client.refunds().create(&order.id, &NewRefund::default()).await.unwrap();
    let mut told = [line(&mut lines).await, line(&mut lines).await];
    let mut expected = [0, 1].map(|item: usize| format!("free again: {}", order.items[item].label));
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
    assert!(watcher.wait().await.unwrap().success());
}
