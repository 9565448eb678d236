//! A stream whose other end may send so many bytes and no more.
//!
//! The limit on messages sees whole messages only. A client could send the parts of one without end, each of them
//! empty; here every byte counts, and so does every frame, of which none is shorter than six bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::bucket::Bucket;
use crate::clock;

/// The most bytes at once: the head of the handshake, and ten messages of 4 KiB.
const BURST: f64 = 64.0 * 1024.0;

/// The most bytes a second after that: one message of 4 KiB, and the frames around it.
const PER_SECOND: f64 = 5.0 * 1024.0;

/// A stream that ends with [`io::ErrorKind::QuotaExceeded`] when its other end has sent too much.
#[derive(Debug)]
pub struct Metered<S> {
    stream: S,
    budget: Bucket,
}

impl<S> Metered<S> {
    /// Returns a stream with a full budget.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            budget: Bucket::new(BURST, PER_SECOND, clock::now()),
        }
    }

    /// Returns the stream, and what its other end may still send.
    pub fn into_parts(self) -> (S, Bucket) {
        (self.stream, self.budget)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.budget.has(0.0, clock::now()) {
            return Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = u32::try_from(buffer.filled().len() - before).unwrap_or(u32::MAX);
        self.budget.spend(read.into(), clock::now());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_stream_ends_when_its_budget_is_spent() {
        let mut stream = Metered::new(tokio::io::repeat(7));
        let mut buffer = [0; 4_096];
        let mut read = 0;

        let error = loop {
            match stream.read(&mut buffer).await {
                Ok(bytes) => read += bytes,
                Err(error) => break error,
            }
        };

        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
        assert!((64 * 1024..=80 * 1024).contains(&read), "{read}");
    }
}
