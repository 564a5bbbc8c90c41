//! The topic `stream`: many look on while one buyer, then eight, hold seats.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    Bench, SEATS, WARM, lookers,
    process::{self, cpu},
    step,
};

/// The one buyer whom all look on holds seats this often; then so many buyers as fast as they can.
const CHANGE_EVERY: Duration = Duration::from_millis(50);
const BURST_BUYERS: usize = 8;
/// What `stream.json` has.
const STREAM_VALUES: &[&str] = &[
    "bytes_per_stream",
    "burst_changes_per_second",
    "burst_frames_per_second",
    "burst_latency",
    "changes",
    "commit",
    "cpu_us_per_change_and_stream",
    "latency",
    "load_average",
    "subscribers",
];
impl Bench<'_> {
    pub(super) async fn streams(&mut self) -> Result<()> {
        process::allow_open_files();
        let count = usize::from(self.arguments.streams);
        let map = self.hall.seats(SEATS).await?;
        let (address, key) = (self.server.address, self.hall.publishable_key.clone());
        // Once unmeasured: what the allocator takes for the first time is not the price of a stream.
        let event = self.hall.event(&map).await?;
        lookers::Lookers::open(&lookers::Scene::new(SEATS), address, &event, &key, count / 10 + 1)
            .await?
            .stop()
            .await?;
        let event = self.hall.event(&map).await?;
        tokio::time::sleep(WARM).await;
        let before = process::memory_mib(self.server.id).0;
        let scene = lookers::Scene::new(SEATS);
        let lookers = lookers::Lookers::open(&scene, address, &event, &key, count).await?;
        tokio::time::sleep(WARM).await;
        let with = process::memory_mib(self.server.id).0;
        let used = cpu(self.server.id);
        // One buyer, a hold every 50 ms.
        let next = Arc::new(AtomicUsize::new(0));
        let secret = self.hall.secret_key.clone();
        let changer = || lookers::Changer::new(&scene, address, &event, &secret, &next);
        let mut buyer = changer().await?;
        let began = Instant::now();
        let mut ticks = tokio::time::interval(CHANGE_EVERY);
        while began.elapsed() < self.run_time() && buyer.change().await? {
            ticks.tick().await;
        }
        let calm = next.load(Ordering::Acquire);
        lookers::all_seen(&scene, calm, count).await?;
        let calm_cpu = cpu(self.server.id).since(&used).platform();
        // Eight buyers as fast as they can.
        lookers.enter(lookers::Phase::Burst);
        let frames = scene.counts().1;
        let began = Instant::now();
        let mut buyers = tokio::task::JoinSet::new();
        for _ in 0..BURST_BUYERS {
            let (mut buyer, time) = (changer().await?, self.run_time());
            buyers.spawn(async move {
                while began.elapsed() < time && buyer.change().await? {}
                Ok::<_, anyhow::Error>(())
            });
        }
        while let Some(buyer) = buyers.join_next().await {
            buyer??;
        }
        let seconds = began.elapsed().as_secs_f64();
        let changes = next.load(Ordering::Acquire).min((SEATS / lookers::GROUP) as usize);
        lookers::all_seen(&scene, changes, count).await?;
        let frames = (scene.counts().1 - frames) as f64 / count as f64;
        let peak = process::memory_mib(self.server.id).0;
        let [calm_latency, burst_latency] = lookers.stop().await?;
        self.report.set("subscribers", count as f64);
        for (name, latency) in [("latency", &calm_latency), ("burst_latency", &burst_latency)] {
            for (label, quantile) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
                let millis = latency.value_at_quantile(quantile) as f64 / 1e6;
                self.report.set(format!("{name}_{label}_ms"), millis);
            }
            self.report.set(format!("{name}_max_ms"), latency.max() as f64 / 1e6);
        }
        self.report.set("bytes_per_stream", (with - before) * 1024.0 * 1024.0 / count as f64);
        self.report.set("bytes_per_stream_after_burst", (peak - before) * 1024.0 * 1024.0 / count as f64);
        self.report.set("changes", calm as f64);
        self.report.set("cpu_us_per_change_and_stream", calm_cpu * 1e6 / (calm * count) as f64);
        self.report.set("burst_changes_per_second", (changes - calm) as f64 / seconds);
        self.report.set("burst_frames_per_second", frames / seconds);
        let value = |name: &str| self.report.get(name).unwrap_or_default();
        step(&format!(
            "{count} streams: a change is everywhere within p50 {:.1}, p95 {:.1}, p99 {:.1} ms; {:.0} bytes a stream",
            value("latency_p50_ms"),
            value("latency_p95_ms"),
            value("latency_p99_ms"),
            value("bytes_per_stream"),
        ));
        step(&format!(
            "{:.0} holds/s make {:.0} frames/s: p50 {:.1}, p95 {:.1}, p99 {:.1} ms",
            value("burst_changes_per_second"),
            value("burst_frames_per_second"),
            value("burst_latency_p50_ms"),
            value("burst_latency_p95_ms"),
            value("burst_latency_p99_ms"),
        ));
        self.report.set("load_average_after", process::load_average());
        self.report.write_some(&self.arguments.out.with_file_name("stream.json"), STREAM_VALUES)?;
        self.forget_redis().await
    }
}
