//! Futures without a runtime: each is polled once.

use std::task::{Context, Poll, Waker};

/// Returns the result of a future that waits for nothing.
pub fn now_or_never<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}
