//! The load generator: connections that each send a request, read the answer to its end, and send the next one (closed
//! loop). It shares the machine with what it measures, so it does as little as possible: requests are written by hand
//! into one buffer, and of an answer only the status and the length are parsed.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    task::JoinSet,
};

use crate::wire::{self, Answer};

/// Longer than the server's own limits; whoever waits longer has found a defect.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// One thread can drive this many connections without being the bottleneck.
const CONNECTIONS_OF_ONE_THREAD: usize = 16;
const PAUSE: Duration = Duration::from_millis(5);

const CONNECT: u8 = 0;
const WARM: u8 = 1;
const MEASURE: u8 = 2;
const STOP: u8 = 3;

/// What one connection sends.
pub trait Caller: Send {
    /// Writes the next request; false when nothing is left to ask for.
    fn request(&mut self, out: &mut Vec<u8>) -> bool;
    /// Whether this is the answer that was asked for.
    fn accepts(&mut self, status: u16, body: &[u8]) -> bool;
}

#[derive(Debug, Clone)]
pub enum Target {
    Http(SocketAddr),
    Redis(PathBuf),
}

#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub connections: usize,
    pub warm: Duration,
    pub run: Duration,
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub connections: usize,
    pub good: u64,
    pub errors: u64,
    /// The first answers that were not as expected.
    pub complaints: Vec<String>,
    pub seconds: f64,
    latency: Histogram<u64>,
}

impl Outcome {
    pub fn per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.good as f64 / self.seconds } else { 0.0 }
    }

    pub fn millis(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e6
    }
}

struct Shared {
    phase: AtomicU8,
    ready: AtomicUsize,
    running: AtomicUsize,
    complaints: Mutex<Vec<String>>,
}

struct Tally {
    good: u64,
    errors: u64,
    latency: Histogram<u64>,
    last: Option<Instant>,
}

/// Runs the callers that `caller` makes, one for each connection. `at` is called when the measurement begins and ends.
pub async fn run(
    target: &Target,
    plan: Plan,
    caller: impl Fn(usize) -> Box<dyn Caller>,
    mut at: impl FnMut(),
) -> Result<Outcome> {
    let shared = Arc::new(Shared {
        phase: AtomicU8::new(CONNECT),
        ready: AtomicUsize::new(0),
        running: AtomicUsize::new(plan.connections),
        complaints: Mutex::default(),
    });
    let threads = if plan.connections <= CONNECTIONS_OF_ONE_THREAD { 1 } else { 2 };
    let mut callers: Vec<Vec<Box<dyn Caller>>> = (0..threads).map(|_| Vec::new()).collect();
    for connection in 0..plan.connections {
        callers[connection % threads].push(caller(connection));
    }
    let handles: Vec<_> = callers
        .into_iter()
        .map(|callers| {
            let (shared, target) = (shared.clone(), target.clone());
            std::thread::spawn(move || thread(&shared, &target, callers))
        })
        .collect();
    let idle = |shared: &Shared| shared.running.load(Ordering::Acquire) == 0;
    while shared.ready.load(Ordering::Acquire) < plan.connections && !idle(&shared) {
        tokio::time::sleep(PAUSE).await;
    }
    if !plan.warm.is_zero() {
        shared.phase.store(WARM, Ordering::Release);
        tokio::time::sleep(plan.warm).await;
    }
    at();
    let began = Instant::now();
    shared.phase.store(MEASURE, Ordering::Release);
    while began.elapsed() < plan.run && !idle(&shared) {
        tokio::time::sleep(PAUSE.min(plan.run.saturating_sub(began.elapsed()))).await;
    }
    shared.phase.store(STOP, Ordering::Release);
    at();
    let ended = Instant::now();
    let mut all =
        Tally { good: 0, errors: 0, latency: Histogram::new(3).context("a histogram")?, last: None };
    for handle in handles {
        let tallies = tokio::task::spawn_blocking(move || handle.join())
            .await?
            .map_err(|_| anyhow::anyhow!("a thread of the load generator panicked"))??;
        for tally in tallies {
            all.good += tally.good;
            all.errors += tally.errors;
            all.latency.add(&tally.latency)?;
            all.last = all.last.max(tally.last);
        }
    }
    // Who ran out of work before the time was over is measured up to the last answer.
    let end = all.last.map_or(ended, |last| last.min(ended));
    let complaints = std::mem::take(&mut *shared.complaints.lock().unwrap_or_else(|e| e.into_inner()));
    Ok(Outcome {
        connections: plan.connections,
        good: all.good,
        errors: all.errors,
        complaints,
        seconds: (end - began).as_secs_f64(),
        latency: all.latency,
    })
}

fn thread(shared: &Arc<Shared>, target: &Target, callers: Vec<Box<dyn Caller>>) -> Result<Vec<Tally>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for caller in callers {
            let (shared, target) = (shared.clone(), target.clone());
            tasks.spawn(async move {
                let result = connection(&shared, &target, caller).await;
                shared.running.fetch_sub(1, Ordering::AcqRel);
                result
            });
        }
        let mut tallies = Vec::new();
        while let Some(tally) = tasks.join_next().await {
            tallies.push(tally??);
        }
        Ok(tallies)
    })
}

async fn connection(shared: &Shared, target: &Target, caller: Box<dyn Caller>) -> Result<Tally> {
    match target {
        Target::Http(address) => {
            let stream = TcpStream::connect(address).await.context("cannot connect")?;
            stream.set_nodelay(true)?;
            drive(shared, stream, wire::http_answer, caller).await
        }
        Target::Redis(socket) => {
            let stream = UnixStream::connect(socket).await.context("cannot connect to Redis")?;
            drive(shared, stream, wire::redis_answer, caller).await
        }
    }
}

async fn drive<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    mut stream: S,
    parse: fn(&[u8]) -> Result<Option<Answer>>,
    mut caller: Box<dyn Caller>,
) -> Result<Tally> {
    let mut tally = Tally { good: 0, errors: 0, latency: Histogram::new(3)?, last: None };
    shared.ready.fetch_add(1, Ordering::AcqRel);
    while shared.phase.load(Ordering::Acquire) == CONNECT {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (mut out, mut buffer) = (Vec::with_capacity(4096), Vec::with_capacity(64 * 1024));
    loop {
        let phase = shared.phase.load(Ordering::Relaxed);
        out.clear();
        if phase == STOP || !caller.request(&mut out) {
            return Ok(tally);
        }
        let began = Instant::now();
        let answer = exchange(&mut stream, &out, &mut buffer, parse).await?;
        let took = began.elapsed();
        let good = caller.accepts(answer.status, &buffer[answer.body.clone()]);
        if !good {
            let text =
                String::from_utf8_lossy(&buffer[answer.body.clone()]).chars().take(300).collect::<String>();
            let mut complaints = shared.complaints.lock().unwrap_or_else(|e| e.into_inner());
            if complaints.len() < 5 {
                complaints.push(format!("{} {text}", answer.status));
            }
        }
        // An answer that comes after the end does not count; one that was asked for before the beginning neither.
        if phase == MEASURE && shared.phase.load(Ordering::Relaxed) == MEASURE {
            tally.latency.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX))?;
            tally.last = Some(began + took);
            if good {
                tally.good += 1;
            } else {
                tally.errors += 1;
            }
        } else if !good {
            // Wrong answers count whenever they come.
            tally.errors += 1;
        }
    }
}

/// Sends one request and reads its answer to the end into `buffer`.
pub async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: &[u8],
    buffer: &mut Vec<u8>,
    parse: fn(&[u8]) -> Result<Option<Answer>>,
) -> Result<Answer> {
    stream.write_all(request).await?;
    buffer.clear();
    let limit = tokio::time::sleep(ANSWER_LIMIT);
    tokio::pin!(limit);
    loop {
        let read = tokio::select! {
            biased;
            read = stream.read_buf(buffer) => read?,
            () = &mut limit => bail!("no answer within {} s", ANSWER_LIMIT.as_secs()),
        };
        if read == 0 {
            bail!("the connection was closed before the answer came");
        }
        if let Some(answer) = parse(buffer)? {
            return Ok(answer);
        }
    }
}
