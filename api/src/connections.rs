//! Connections as the server takes them: small answers leave at once; a peer that does not read is cut instead of waited for,
//! with little kept for it meanwhile; one that never comes to the end of its request is cut, too; and a peer that went away is
//! noticed at once, also while nothing is written to it.

use std::{
    future::Future,
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
    time::{Instant, Sleep},
};
use tokio_io_timeout::TimeoutWriter;

/// What the kernel keeps of an answer beyond what is on its way to the peer: enough for a full pipe, no more.
#[cfg(target_os = "linux")]
const UNSENT_MAX: u32 = 64 * 1024;

/// Takes connections whose writes fail when the peer takes nothing for `patience`, and whose reads fail when nothing was to be written
/// for `silence`: no request is asked for so slowly, or takes so long.
pub struct Impatient<A> {
    acceptor: A,
    patience: Duration,
    silence: Duration,
}

impl<A> Impatient<A> {
    pub fn new(acceptor: A, patience: Duration, silence: Duration) -> Self {
        Self { acceptor, patience, silence }
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
        let connection = Connection {
            stream: Box::pin(stream),
            gone: false,
            silence: self.silence,
            written: Instant::now(),
            alarm: Box::pin(tokio::time::sleep(self.silence)),
        };
        Ok((connection, local, remote, scheme))
    }
}

/// One connection.
pub struct Connection {
    stream: Pin<Box<TimeoutWriter<TcpStream>>>,
    /// The peer has closed. The HTTP library takes that for an error, but the framework goes on to wait for the end of the
    /// answer, which a stream does not have: it has to meet the error again when it writes.
    gone: bool,
    silence: Duration,
    /// When something was written last, or the connection began.
    written: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl Connection {
    /// Whether nothing was written for too long. If not, asks again in time.
    fn is_silent(&mut self, context: &mut Context<'_>) -> bool {
        while self.alarm.as_mut().poll(context).is_ready() {
            let due = self.written + self.silence;
            if due <= Instant::now() {
                return true;
            }
            self.alarm.as_mut().reset(due);
        }
        false
    }

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
        if self.is_silent(context) {
            self.gone = true;
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
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
        self.written = Instant::now();
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

#[cfg(test)]
mod tests {
    use poem::listener::{Listener, TcpListener};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const SILENCE: Duration = Duration::from_millis(300);

    /// Both ends of a connection: the client's, and ours.
    async fn connect() -> (TcpStream, Connection) {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let mut acceptor = Impatient::new(acceptor, Duration::from_secs(20), SILENCE);
        let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
        let (client, ours) = tokio::join!(TcpStream::connect(address), acceptor.accept());
        (client.unwrap(), ours.unwrap().0)
    }

    #[tokio::test]
    async fn a_request_without_an_end_is_cut() {
        let (mut client, mut ours) = connect().await;
        let trickle = async {
            loop {
                // Never silent for long itself.
                let _ = client.write_all(b"x").await;
                tokio::time::sleep(SILENCE / 10).await;
            }
        };
        let read = async {
            let began = Instant::now();
            let mut bytes = [0; 64];
            loop {
                match ours.read(&mut bytes).await {
                    Ok(count) => assert!(count > 0, "the client is there"),
                    Err(error) => return (error.kind(), began.elapsed()),
                }
            }
        };
        let (kind, after) = tokio::select! { read = read => read, () = trickle => unreachable!() };
        assert_eq!(kind, ErrorKind::TimedOut);
        assert!(after > SILENCE / 2, "{after:?}");
        // Nothing is written to it any more.
        assert_eq!(ours.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn who_is_answered_is_not_cut() {
        let (mut client, mut ours) = connect().await;
        let mut byte = [0];
        for _ in 0..5 {
            tokio::time::sleep(SILENCE / 2).await;
            client.write_all(b"?").await.unwrap();
            ours.read_exact(&mut byte).await.unwrap();
            ours.write_all(b"!").await.unwrap();
            client.read_exact(&mut byte).await.unwrap();
        }
        // The others' silence ends it all the same.
        assert_eq!(ours.read(&mut byte).await.unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
