//! Asks a part over HTTP whether it is healthy, within a time.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// An answer's body is read up to here.
const BODY_LIMIT: usize = 64 * 1024;

/// Requests a path on a loopback port. The error describes the failure, for people.
pub(super) async fn get(
    port: u16,
    path: &str,
    timeout: Duration,
) -> Result<(StatusCode, String), String> {
    match tokio::time::timeout(timeout, ask(port, path)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!(
            "not answering on port {port} ({})",
            root_cause(&*error)
        )),
        Err(_) => Err(format!(
            "not answering on port {port} within {} s",
            timeout.as_secs_f32()
        )),
    }
}

/// The pause between a bad response and the next attempt.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks until the answer is 200, or the time is up. The error is what was seen last; what the end of the time
/// cut short is not reported in its place.
pub(super) async fn wait_until_ok(port: u16, path: &str, timeout: Duration) -> Result<(), String> {
    let deadline = Instant::now() + timeout;
    let mut last = None;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let Err(seen) = check_ok(port, path, left).await else {
            return Ok(());
        };
        if Instant::now() >= deadline {
            return Err(last.unwrap_or(seen));
        }
        last = Some(seen);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks once whether the answer is 200.
pub(super) async fn check_ok(port: u16, path: &str, timeout: Duration) -> Result<(), String> {
    match get(port, path, timeout).await? {
        (StatusCode::OK, _) => Ok(()),
        (status, body) => {
            let body = body.lines().next().unwrap_or_default().trim().to_owned();
            Err(
                format!("not ready: {path} on port {port} answers {status} {body}")
                    .trim_end()
                    .to_owned(),
            )
        }
    }
}

async fn ask(
    port: u16,
    path: &str,
) -> Result<(StatusCode, String), Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, "127.0.0.1")
        .body(Body::empty())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = to_bytes(Body::new(response.into_body()), BODY_LIMIT).await?;
    connection.abort();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string().to_lowercase()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;

    use super::*;

    #[tokio::test]
    async fn what_is_never_well_is_reported_with_its_last_answer_when_the_time_is_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let no = || async { (StatusCode::SERVICE_UNAVAILABLE, "no queue yet\nat all\n") };
        let server = axum::serve(listener, Router::new().route("/readyz", get(no)));
        let server = tokio::spawn(server.into_future());
        let timeout = Duration::from_secs(1);
        let began = Instant::now();
        let seen = wait_until_ok(port, "/readyz", timeout).await;
        assert!(began.elapsed() >= timeout);
        let text = "not ready: /readyz on port PORT answers 503 Service Unavailable no queue yet";
        assert_eq!(seen, Err(text.replace("PORT", &port.to_string())));
        server.abort();
    }
}
