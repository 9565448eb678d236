//! The shutdown: the server is not ready at once, closes every connection with a reason, and admits nobody.

use std::time::{Duration, Instant};

use crate::test_server::{ORIGIN, start, start_with};

#[tokio::test]
async fn every_client_is_closed_with_a_reason() {
    let test = start().await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(test.connect_past_initial_messages().await);
    }
    let end = test.start_stopping();

    for mut client in clients {
        assert_eq!(
            client.next_close().await,
            (1012, "the server is restarting".to_owned())
        );
    }
    end.await.unwrap();
}

#[tokio::test]
async fn a_server_without_clients_stops_at_once() {
    let test = start().await;
    let address = test.address;
    let started = Instant::now();

    test.stop().await;

    assert!(started.elapsed() < Duration::from_secs(1));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "still listening"
    );
}

#[tokio::test]
async fn a_draining_server_is_not_ready_and_admits_nobody() {
    let test = start_with(&[], |server| server.timing.close = Duration::from_secs(2)).await;
    let client = test.connect_past_initial_messages().await;
    let (address, server) = (test.address, test.server.clone());
    let end = test.start_stopping();
    server.readiness.wait_until_draining().await;

    // The client does not reply to the close frame, so the server waits for it.
    let status = crate::test_server::TestClient::refused_at(address, ORIGIN).await;
    assert_eq!(status, 503);
    assert!(server.readiness.check(Instant::now()).is_err());
    end.await.unwrap();
    drop(client);
}
