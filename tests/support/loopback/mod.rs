//! Servers on loopback for the length of a test's process. In: what answers. Out: where.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};

/// Serves on a free port and returns the URL.
pub(crate) fn serve(app: Router) -> String {
    let address = listen(|listener| async { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}

/// Answers every connection to a free port by a future of its own.
pub(crate) fn accept<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = Option<()>> + Send + 'static,
{
    listen(|listener| async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(answer(stream));
        }
    })
}

/// Works on a free port, on a thread of its own that ends with the process.
fn listen<F: Future<Output = ()>>(
    work: impl FnOnce(TcpListener) -> F + Send + 'static,
) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { work(TcpListener::from_std(listener).unwrap()).await });
    });
    address
}
