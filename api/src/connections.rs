//! Connections as the server takes them: small answers leave at once; a peer that does not read is cut instead of waited for,
//! with little kept for it meanwhile; and a peer that went away is noticed at once, also while nothing is written to it.

use std::{
    io::{ErrorKind, Result},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use poem::{
    http::uri::Scheme,
    listener::Acceptor,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_io_timeout::TimeoutWriter;

/// What the kernel keeps of an answer beyond what is on its way to the peer: enough for a full pipe, no more.
#[cfg(target_os = "linux")]
const UNSENT_MAX: u32 = 64 * 1024;

/// Takes connections whose writes fail when the peer takes nothing for `patience`.
pub struct Impatient<A> {
    acceptor: A,
    patience: Duration,
}

impl<A> Impatient<A> {
    pub fn new(acceptor: A, patience: Duration) -> Self {
        Self { acceptor, patience }
    }
}

impl<A: Acceptor<Io = TcpStream>> Acceptor for Impatient<A> {
    type Io = Connection;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.acceptor.local_addr()
    }

    async fn accept(&mut self) -> Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        let (stream, local, remote, scheme) = self.acceptor.accept().await?;
        // A connection that has gone meanwhile takes no options; whoever reads it will notice.
        let _ = stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_MAX);
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.patience));
        Ok((Connection { stream: Box::pin(stream), gone: false }, local, remote, scheme))
    }
}

/// One connection.
pub struct Connection {
    stream: Pin<Box<TimeoutWriter<TcpStream>>>,
    /// The peer has closed. The HTTP library takes that for an error, but the framework goes on to wait for the end of the
    /// answer, which a stream does not have: it has to meet the error again when it writes.
    gone: bool,
}

impl Connection {
    fn check(&self) -> Result<()> {
        if self.gone { Err(ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = into.filled().len();
        let read = self.stream.as_mut().poll_read(context, into);
        self.gone |= match &read {
            Poll::Ready(Ok(())) => into.filled().len() == before && into.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.check()?;
        self.stream.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.check()?;
        self.stream.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.stream.as_mut().poll_shutdown(context)
    }
}
