//! A link between two programs that can be slow, silent, cut or reset.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Mutex, MutexGuard, watch},
    task::JoinHandle,
};

/// Bytes that travel at once.
const CHUNK: usize = 16 * 1024;
/// A link that drips lets so many bytes pass at a time.
const DROPS: usize = 64;
const DRIP_PAUSE: Duration = Duration::from_millis(4);

/// How a link behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    Good,
    /// Every piece takes so many milliseconds longer.
    Slow(u64),
    /// A few bytes at a time.
    Drips,
    /// Connections are taken, and nothing arrives; what was sent meanwhile comes when the link is good again, as with TCP.
    BlackHole,
    /// Connections end, and new ones end at once.
    Cut,
    /// The same, with a reset on the wire.
    Reset,
}

impl Link {
    fn is_broken(self) -> bool {
        matches!(self, Self::Cut | Self::Reset)
    }
}

/// Listens on loopback and passes everything on; ends when it is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    link: watch::Sender<Link>,
    /// One fault at a time.
    turn: Mutex<()>,
    /// Connections and pieces that met a link that was not good.
    met: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

/// Both ends of a link see this.
#[derive(Clone)]
struct Wire {
    link: watch::Receiver<Link>,
    met: Arc<AtomicU64>,
}

impl Wire {
    fn meets(&self) {
        self.met.fetch_add(1, Ordering::SeqCst);
    }
}

impl Proxy {
    /// To the targets in turn; one that refuses the connection is passed over.
    pub async fn start(targets: &[SocketAddr]) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (link, behaviour) = watch::channel(Link::Good);
        let targets = targets.to_vec();
        let met = Arc::new(AtomicU64::new(0));
        let wire = Wire { link: behaviour, met: met.clone() };
        let task = tokio::spawn(async move {
            let mut turn = 0;
            while let Ok((client, _)) = listener.accept().await {
                let mut targets = targets.clone();
                let first = turn % targets.len();
                targets.rotate_left(first);
                turn += 1;
                tokio::spawn(carry(client, targets, wire.clone()));
            }
        });
        Ok(Self { address, link, turn: Mutex::default(), met, task })
    }

    /// Nobody else changes the link meanwhile who asks for this.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// For a while, also on open connections; true when somebody met it.
    pub async fn disturb(&self, link: Link, time: Duration) -> bool {
        let _turn = self.turn().await;
        let before = self.met.load(Ordering::SeqCst);
        self.set(link);
        tokio::time::sleep(time).await;
        self.set(Link::Good);
        self.met.load(Ordering::SeqCst) > before
    }

    /// From now on, also on open connections.
    pub fn set(&self, link: Link) {
        self.link.send_replace(link);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, targets: Vec<SocketAddr>, wire: Wire) {
    let is_broken = wire.link.borrow().is_broken();
    if is_broken {
        wire.meets();
    } else if let Some(mut server) = connect(&targets).await {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        // Whoever ends first ends both: nobody here speaks after the other has hung up.
        tokio::select! {
            _ = pump(from_client, to_server, wire.clone()) => {}
            _ = pump(from_server, to_client, wire.clone()) => {}
            () = broken(wire.link.clone()) => wire.meets(),
        }
    }
    if *wire.link.borrow() == Link::Reset {
        // Without lingering, closing is a reset; a socket that cannot do that is closed.
        let _ = client.set_zero_linger();
    }
}

async fn connect(targets: &[SocketAddr]) -> Option<TcpStream> {
    for target in targets {
        if let Ok(stream) = TcpStream::connect(target).await {
            let _ = stream.set_nodelay(true);
            return Some(stream);
        }
    }
    None
}

async fn broken(mut link: watch::Receiver<Link>) {
    if link.wait_for(|link| link.is_broken()).await.is_err() {
        std::future::pending().await
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut wire: Wire,
) -> io::Result<()> {
    let mut bytes = vec![0; CHUNK];
    loop {
        let count = from.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        if *wire.link.borrow() != Link::Good {
            wire.meets();
        }
        let _ = wire.link.wait_for(|link| *link != Link::BlackHole).await;
        let now = *wire.link.borrow();
        match now {
            Link::Slow(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Link::Drips => {
                for drops in bytes[..count].chunks(DROPS) {
                    to.write_all(drops).await?;
                    tokio::time::sleep(DRIP_PAUSE).await;
                }
                continue;
            }
            _ => {}
        }
        to.write_all(&bytes[..count]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every byte with the same one.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn a_link_breaks_and_heals() {
        let refusing = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
        let proxy = Proxy::start(&[refusing, echo().await]).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        let mut byte = [0];
        for link in [Link::Good, Link::Slow(5), Link::Drips] {
            proxy.set(link);
            stream.write_all(b"a").await.unwrap();
            stream.read_exact(&mut byte).await.unwrap();
            assert_eq!(&byte, b"a", "{link:?}");
        }
        assert!(!proxy.disturb(Link::Slow(5), Duration::from_millis(1)).await, "nobody was there");
        let (was_met, sent) =
            tokio::join!(proxy.disturb(Link::Slow(5), Duration::from_millis(50)), stream.write_all(b"a"));
        sent.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
        assert!(was_met, "a piece was slower");
        proxy.set(Link::BlackHole);
        stream.write_all(b"b").await.unwrap();
        let silent = tokio::time::timeout(Duration::from_millis(100), stream.read_exact(&mut byte)).await;
        assert!(silent.is_err(), "a black hole answered");
        proxy.set(Link::Reset);
        let error = stream.read_exact(&mut byte).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        proxy.set(Link::Good);
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        stream.write_all(b"c").await.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"c");
    }
}
