//! The shutdown of the server: unready at once, every client asked to reconnect elsewhere, no new client accepted.

use std::time::{Duration, Instant};

use crate::running::{ORIGIN, start, start_with};

#[tokio::test]
async fn every_client_is_closed_with_a_reason() {
    let running = start().await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(running.connect_and_take_welcome().await);
    }
    let end = running.tell_to_stop();

    for mut client in clients {
        assert_eq!(
            client.hear_close().await,
            (1012, "the server is restarting".to_owned())
        );
    }
    end.await.unwrap();
}

#[tokio::test]
async fn a_server_without_clients_stops_at_once() {
    let running = start().await;
    let address = running.address;
    let started = Instant::now();

    running.stop().await;

    assert!(started.elapsed() < Duration::from_secs(1));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "still listening"
    );
}

#[tokio::test]
async fn while_clients_leave_the_server_is_unready_and_lets_nobody_in() {
    let running = start_with(&[], |server| server.timing.close = Duration::from_secs(2)).await;
    let client = running.connect_and_take_welcome().await;
    let (address, server) = (running.address, running.server.clone());
    let end = running.tell_to_stop();
    server.readiness.draining().await;

    // The client does not answer the close, so the server waits for it a while.
    let asking = crate::running::Client::refused_at(address, ORIGIN).await;
    assert_eq!(asking, 503);
    assert!(server.readiness.check(Instant::now()).is_err());
    end.await.unwrap();
    drop(client);
}
