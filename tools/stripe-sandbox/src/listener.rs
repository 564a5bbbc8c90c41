//! A loopback listener whose connections can be reset from within a request: a caller must learn to live with an answer
//! that never arrives.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use poem::http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// The switches of the open connections, by the peer's address.
#[derive(Clone, Default)]
pub struct Switches(Arc<Mutex<HashMap<SocketAddr, Arc<AtomicBool>>>>);

impl Switches {
    /// The next byte sent to this peer is a reset.
    pub fn reset(&self, peer: SocketAddr) {
        if let Some(switch) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&peer) {
            switch.store(true, Ordering::SeqCst);
        }
    }

    fn add(&self, peer: SocketAddr) -> Arc<AtomicBool> {
        let switch = Arc::new(AtomicBool::new(false));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(peer, switch.clone());
        switch
    }

    fn remove(&self, peer: SocketAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&peer);
    }
}

pub struct Listener {
    listener: TcpListener,
    switches: Switches,
}

impl Listener {
    pub fn new(listener: TcpListener, switches: Switches) -> Self {
        Self { listener, switches }
    }
}

impl Acceptor for Listener {
    type Io = Connection;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.listener.local_addr().into_iter().map(|addr| LocalAddr(addr.into())).collect()
    }

    async fn accept(&mut self) -> io::Result<(Connection, LocalAddr, RemoteAddr, Scheme)> {
        let (stream, peer) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        let local = LocalAddr(stream.local_addr()?.into());
        let connection =
            Connection { stream, peer, switch: self.switches.add(peer), switches: self.switches.clone() };
        Ok((connection, local, RemoteAddr(peer.into()), Scheme::HTTP))
    }
}

pub struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    switch: Arc<AtomicBool>,
    switches: Switches,
}

impl Connection {
    /// Without lingering, closing a socket with unsent bytes is a reset on the wire.
    fn refuse(&self) -> Option<io::Error> {
        self.switch.load(Ordering::SeqCst).then(|| {
            if let Err(error) = self.stream.set_zero_linger() {
                tracing::debug!(%error, "the connection is closed instead of reset");
            }
            io::ErrorKind::ConnectionReset.into()
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.switches.remove(self.peer);
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.refuse() {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.refuse() {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.stream).poll_shutdown(context),
        }
    }
}
