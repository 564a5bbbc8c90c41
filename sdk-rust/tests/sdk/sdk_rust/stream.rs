//! The live stream through a proxy that cuts it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventflow_sdk::types::{BestAvailable, Hold, ItemInput, NewHold, PriceTierPatch};
use eventflow_sdk::{
    AreaChange, AvailabilityEvent, AvailabilityStream, Client, Error, SeatChange, SeatStatus, Snapshot,
    StreamExt, StreamOptions,
};

use super::support::World;
use super::support::proxy::{Fault, FaultProxy};

/// More than any event takes.
const PATIENCE: Duration = Duration::from_secs(30);

struct Scene {
    proxy: FaultProxy,
    /// Beside the proxy.
    direct: Client,
    client: Client,
    event_id: String,
    /// What `on_retry` was told.
    retried: Arc<Mutex<Vec<(String, Duration)>>>,
}

/// A stream, read one event at a time.
struct Viewer(AvailabilityStream);

type Diff = (Arc<Snapshot>, Vec<SeatChange>, Vec<AreaChange>);

impl Scene {
    async fn new() -> Self {
        let world = World::get().await;
        let proxy = FaultProxy::start(&world.url).await;
        let retried: Arc<Mutex<Vec<(String, Duration)>>> = Arc::default();
        let told = Arc::clone(&retried);
        let client = world.builder(&proxy.url).on_retry(move |error, pause| {
            told.lock().unwrap().push((error.code().to_owned(), pause));
        });
        let client = client.build().unwrap();
        Self { proxy, direct: world.client(), client, event_id: world.event().await, retried }
    }

    fn viewer(&self, options: StreamOptions) -> Viewer {
        Viewer(self.client.events().stream(&self.event_id, options))
    }

    async fn hold(&self) -> Hold {
        let best = NewHold { best_available: Some(BestAvailable::new(3)), ..NewHold::default() };
        self.direct.holds().create(&self.event_id, &best).await.unwrap()
    }

    /// What the server says now.
    async fn truth(&self) -> Snapshot {
        Snapshot::decode(&self.direct.availability().snapshot(&self.event_id).await.unwrap()).unwrap()
    }

    fn codes(&self) -> Vec<String> {
        self.retried.lock().unwrap().iter().map(|(code, _)| code.clone()).collect()
    }
}

impl Viewer {
    async fn event(&mut self) -> Result<AvailabilityEvent, Error> {
        tokio::time::timeout(PATIENCE, self.0.next()).await.unwrap().unwrap()
    }

    /// Offers that nobody waits for may come at any time.
    async fn expected(&mut self) -> AvailabilityEvent {
        loop {
            let event = self.event().await.unwrap();
            if !matches!(event, AvailabilityEvent::Offer) {
                return event;
            }
        }
    }

    async fn snapshot(&mut self) -> Arc<Snapshot> {
        match self.expected().await {
            AvailabilityEvent::Snapshot { states } => states,
            other => panic!("{other:?}"),
        }
    }

    async fn diff(&mut self) -> Diff {
        match self.expected().await {
            AvailabilityEvent::Diff { states, seats, areas } => (states, seats, areas),
            other => panic!("{other:?}"),
        }
    }

    /// The next diff that changes areas: one may say again what is known, of a later revision.
    async fn areas(&mut self) -> Vec<i64> {
        loop {
            let (_, _, areas) = self.diff().await;
            if !areas.is_empty() {
                return areas.iter().map(|area| i64::from(area.after) - i64::from(area.before)).collect();
            }
        }
    }

    /// Changes until so many seats have changed: the server may spread them over several diffs.
    async fn changes(&mut self, count: usize) -> (Arc<Snapshot>, BTreeMap<u32, SeatStatus>) {
        let mut changed = BTreeMap::new();
        loop {
            let (states, seats, _) = self.diff().await;
            changed.extend(seats.iter().map(|change| (change.seat.0, change.after)));
            if changed.len() >= count {
                return (states, changed);
            }
        }
    }
}

fn held(hold: &Hold) -> BTreeMap<u32, SeatStatus> {
    hold.items.iter().filter_map(|item| Some((item.seat?, SeatStatus::Held))).collect()
}

#[tokio::test]
async fn a_snapshot_comes_first_then_what_changes() {
    let scene = Scene::new().await;
    let mut viewer = scene.viewer(StreamOptions::default());
    let first = viewer.snapshot().await;
    assert_eq!(first.statuses.count(SeatStatus::Free), first.statuses.len());
    let hold = scene.hold().await;
    let (states, changed) = viewer.changes(3).await;
    assert_eq!(changed, held(&hold));
    assert!(states.revision > first.revision);
    assert_eq!(
        first.statuses.count(SeatStatus::Free),
        first.statuses.len(),
        "what is kept stays what it was"
    );
    // The seats may be told once more after that: nothing changes but the revision.
    let truth = scene.truth().await;
    assert_eq!((&states.statuses, &states.areas), (&truth.statuses, &truth.areas));

    let places = ItemInput { ga_area: Some("stehparkett".into()), quantity: Some(2), ..ItemInput::default() };
    let places = NewHold { items: Some(vec![places]), ..NewHold::default() };
    let standing = scene.direct.holds().create(&scene.event_id, &places).await.unwrap();
    assert_eq!(viewer.areas().await, [-2]);
    let of_event = eventflow_sdk::nouns::query::HoldsDelete { event_id: Some(scene.event_id.clone()) };
    scene.direct.holds().delete(&standing.id).query(of_event).await.unwrap();
    assert_eq!(viewer.areas().await, [2]);
}

#[tokio::test]
async fn a_change_of_prices_is_an_offer_to_read_them_again() {
    let scene = Scene::new().await;
    let mut viewer = scene.viewer(StreamOptions::default());
    viewer.snapshot().await;
    let tiers = scene.direct.price_tiers().list(&scene.event_id).await.unwrap();
    let dearer = PriceTierPatch { price_minor: Some(9900), ..PriceTierPatch::default() };
    scene.direct.price_tiers().update(&tiers.data[0].id, &dearer).await.unwrap();
    assert!(matches!(viewer.event().await.unwrap(), AvailabilityEvent::Offer));
}

#[tokio::test]
async fn a_killed_connection_goes_on_where_it_was_with_everything_that_happened_meanwhile() {
    let scene = Scene::new().await;
    let mut viewer = scene.viewer(StreamOptions::default());
    viewer.snapshot().await;
    scene.hold().await;
    let (states, _) = viewer.changes(3).await;
    scene.proxy.fail([Fault::Refuse]);
    scene.proxy.cut();
    let hold = scene.hold().await;
    let (now, changed) = viewer.changes(3).await;
    assert_eq!(changed, held(&hold));
    let revision = Some(states.revision.to_string());
    assert_eq!(scene.proxy.headers("last-event-id"), [None, revision.clone(), revision]);
    assert_eq!(scene.codes(), ["network", "network"]);
    assert_eq!(*now, scene.truth().await);
}

#[tokio::test]
async fn what_cannot_be_reached_by_diffs_comes_as_a_snapshot() {
    let scene = Scene::new().await;
    let mut viewer = scene.viewer(StreamOptions::default());
    viewer.snapshot().await;
    scene.proxy.hide_diffs(true);
    let reading = tokio::spawn(async move { viewer.snapshot().await });
    scene.hold().await;
    scene.proxy.hidden_diff().await;
    scene.proxy.hide_diffs(false);
    // Applied to what we have, the next diff would show wrong seats.
    scene.hold().await;
    assert_eq!(*reading.await.unwrap(), scene.truth().await);
    assert_eq!(scene.proxy.headers("last-event-id"), [None, None]);
}

#[tokio::test]
async fn a_connection_that_says_nothing_counts_as_lost() {
    let scene = Scene::new().await;
    let silence = Some(Duration::from_millis(400));
    let mut viewer = scene.viewer(StreamOptions { silence, ..StreamOptions::default() });
    viewer.snapshot().await;
    let reading = tokio::spawn(async move { viewer.changes(3).await });
    // The heartbeat comes every 15 seconds only.
    while scene.proxy.seen().len() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let hold = scene.hold().await;
    assert_eq!(reading.await.unwrap().1, held(&hold));
    assert!(scene.codes().iter().all(|code| code == "network"));
}

#[tokio::test]
async fn a_stream_ends_with_its_last_retry() {
    let scene = Scene::new().await;
    scene.proxy.fail([Fault::Refuse, Fault::Refuse]);
    let mut impatient = scene.viewer(StreamOptions { retries: Some(1), ..StreamOptions::default() });
    assert!(matches!(impatient.event().await, Err(Error::Connection { .. })));
    assert!(impatient.0.next().await.is_none(), "it is over");
    assert_eq!(scene.codes(), ["network"]);
}

#[tokio::test]
async fn a_full_or_restarting_server_is_asked_again_when_it_says() {
    let scene = Scene::new().await;
    let full = r#"{"code":"stream_limit","status":429,"detail":"Too many streams."}"#;
    scene.proxy.fail([
        Fault::answer(429, &[("retry-after", "2")], full),
        Fault::answer(503, &[("retry-after", "1")], ""),
    ]);
    scene.viewer(StreamOptions::default()).snapshot().await;
    assert_eq!(scene.codes(), ["stream_limit", "unavailable"]);
    let pauses: Vec<u64> = scene.retried.lock().unwrap().iter().map(|(_, pause)| pause.as_secs()).collect();
    assert!(pauses[0] >= 2 && pauses[1] >= 1, "{pauses:?}");
}

#[tokio::test]
async fn who_may_not_look_on_is_told_so_once() {
    let scene = Scene::new().await;
    let token = Some("ef_sk_test_nobody".to_owned());
    let mut stranger = scene.viewer(StreamOptions { token, ..StreamOptions::default() });
    assert!(matches!(stranger.event().await, Err(Error::Authentication(_))));
    let nowhere = scene.client.events().stream("evt_01h455vb4pex5vsknk084sn02q", StreamOptions::default());
    assert!(matches!(Viewer(nowhere).event().await, Err(Error::NotFound(_))));
    assert_eq!((scene.proxy.seen().len(), scene.codes().len()), (2, 0));
}
