//! A link between two programs that can be slow, silent, cut or reset.

use std::{io, net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
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
    task: JoinHandle<()>,
}

impl Proxy {
    /// To the targets in turn; one that refuses the connection is passed over.
    pub async fn start(targets: &[SocketAddr]) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (link, behaviour) = watch::channel(Link::Good);
        let targets = targets.to_vec();
        let task = tokio::spawn(async move {
            let mut turn = 0;
            while let Ok((client, _)) = listener.accept().await {
                let mut targets = targets.clone();
                let first = turn % targets.len();
                targets.rotate_left(first);
                turn += 1;
                tokio::spawn(carry(client, targets, behaviour.clone()));
            }
        });
        Ok(Self { address, link, task })
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

async fn carry(mut client: TcpStream, targets: Vec<SocketAddr>, link: watch::Receiver<Link>) {
    if let Some(mut server) = connect(&targets).await
        && !link.borrow().is_broken()
    {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        // Whoever ends first ends both: nobody here speaks after the other has hung up.
        tokio::select! {
            _ = pump(from_client, to_server, link.clone()) => {}
            _ = pump(from_server, to_client, link.clone()) => {}
            () = broken(link.clone()) => {}
        }
    }
    if *link.borrow() == Link::Reset {
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
    mut link: watch::Receiver<Link>,
) -> io::Result<()> {
    let mut bytes = vec![0; CHUNK];
    loop {
        let count = from.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        let _ = link.wait_for(|link| *link != Link::BlackHole).await;
        let now = *link.borrow();
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
