//! A partner who has webhooks sent to programs of their own: these keep what they are sent, and misbehave when they are told.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use eventflow_torture::checker::webhooks::Request;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What an answer that is not to be followed leads to.
const ELSEWHERE: &str = "/elsewhere";
/// A larger body is none of ours.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// How a program answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    Good,
    /// It takes the message, after so many milliseconds.
    Slow(u64),
    /// It does not answer, as long as it is so.
    Silent,
    Status(u16),
    /// It says that the message should go elsewhere.
    Redirects,
    /// The connection ends without an answer.
    HangsUp,
}

/// Listens on loopback, with a program at `/0`, `/1` and so on; ends when it is dropped.
pub struct Partner {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    address: SocketAddr,
    programs: Vec<watch::Sender<Manner>>,
    requests: Mutex<Vec<Request>>,
    /// Counts what comes and what is taken, so that one is known to be before the other.
    moments: AtomicU64,
    /// Requests that followed a redirect.
    strays: AtomicU64,
}

impl Partner {
    pub async fn start(programs: usize) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            address,
            programs: (0..programs).map(|_| watch::channel(Manner::Good).0).collect(),
            requests: Mutex::default(),
            moments: AtomicU64::new(0),
            strays: AtomicU64::new(0),
        });
        let task = tokio::spawn({
            let shared = shared.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(take(stream, shared.clone()));
                }
            }
        });
        Ok(Self { address, shared, task })
    }

    pub fn url(&self, program: usize) -> String {
        format!("http://{}/{program}", self.address)
    }

    /// From now on, also for requests that wait for an answer.
    pub fn set(&self, program: usize, manner: Manner) {
        self.shared.programs[program].send_replace(manner);
    }

    /// What came so far, in its order.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests().clone()
    }

    /// How many came to one program so far.
    pub fn requests_of(&self, program: usize) -> usize {
        self.shared.requests().iter().filter(|request| request.program == program).count()
    }

    pub fn strays(&self) -> u64 {
        self.shared.strays.load(Ordering::SeqCst)
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn requests(&self) -> std::sync::MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self) -> u64 {
        self.moments.fetch_add(1, Ordering::SeqCst)
    }

    /// Answers the number of the request among all.
    fn keep(&self, request: Request) -> usize {
        let mut requests = self.requests();
        requests.push(request);
        requests.len() - 1
    }
}

/// One request on a connection of its own; one that breaks off was none.
async fn take(mut stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let (path, request) = read(&mut stream).await?;
    let program: Option<usize> = path.trim_start_matches('/').parse().ok();
    let Some((program, manners)) = program.and_then(|at| Some((at, shared.programs.get(at)?))) else {
        shared.strays.fetch_add(u64::from(path == ELSEWHERE), Ordering::SeqCst);
        return answer(&mut stream, "404 Not Found", "").await;
    };
    let number = shared.keep(Request { program, came: shared.moment(), ..request });
    let mut manners = manners.subscribe();
    let manner = *manners.borrow();
    match manner {
        Manner::Good | Manner::Slow(_) => {
            if let Manner::Slow(ms) = manner {
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
            // Before the answer: what its sender does because of it comes later.
            let taken = shared.moment();
            shared.requests()[number].taken = Some(taken);
            answer(&mut stream, "200 OK", "").await
        }
        Manner::Silent => {
            let _ = manners.wait_for(|manner| *manner != Manner::Silent).await;
            Ok(())
        }
        Manner::Status(status) => answer(&mut stream, &format!("{status} No"), "").await,
        Manner::Redirects => {
            let elsewhere = format!("location: http://{}{ELSEWHERE}\r\n", shared.address);
            answer(&mut stream, "307 Temporary Redirect", &elsewhere).await
        }
        Manner::HangsUp => Ok(()),
    }
}

/// The path, and what else a request says.
async fn read(stream: &mut TcpStream) -> io::Result<(String, Request)> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut request, mut length) = (String::new(), Request::default(), 0);
    reader.read_line(&mut first).await?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        let value = value.to_owned();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or_default(),
            "webhook-id" => request.id = value,
            "webhook-timestamp" => request.timestamp = value,
            "webhook-signature" => request.signature = value,
            _ => {}
        }
    }
    request.body = vec![0; length.min(BODY_BYTES_MAX)];
    reader.read_exact(&mut request.body).await?;
    Ok((first.split(' ').nth(1).unwrap_or_default().to_owned(), request))
}

async fn answer(stream: &mut TcpStream, status: &str, headers: &str) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).await
}
