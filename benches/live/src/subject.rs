//! A server under load: started, told what to send, and ended.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::client::Client;

/// A running server.
#[derive(Debug)]
pub struct Subject {
    /// The address on which it listens.
    pub address: SocketAddr,
    /// The id of its process.
    pub pid: u32,
    child: Child,
    control: Control,
}

/// The way to a server by which it learns what to send.
#[derive(Debug)]
enum Control {
    /// A line on its standard input, as our server gets a message of its queue.
    Input,
    /// A message of a client, which a peer sends to all.
    Client(Client),
}

impl Subject {
    /// Starts a server by its command, and waits until it says `listening PORT`.
    ///
    /// # Errors
    /// Returns why the server did not start.
    pub async fn start(command: &str, is_ours: bool) -> Result<Self> {
        let mut words = command.split(' ');
        let mut child = Command::new(words.next().context("a command")?)
            .args(words)
            // As `ServerEnvironment` of templates/websocket.yaml has it.
            .env("MIMALLOC_PURGE_DELAY", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("failed to start `{command}`"))?;
        let output = child.stdout.take().context("an output")?;
        let mut lines = BufReader::new(output).lines();
        let line = lines.next_line().await?.context("the server ended")?;
        let port: u16 = line
            .strip_prefix("listening ")
            .context("a port")?
            .trim()
            .parse()?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let control = if is_ours {
            Control::Input
        } else {
            Control::Client(Client::connect(address, 65_000).await?)
        };
        Ok(Self {
            address,
            pid: child.id().context("a process")?,
            child,
            control,
        })
    }

    /// Has the server send a text to all.
    ///
    /// # Errors
    /// Returns that the server is gone.
    pub async fn broadcast(&mut self, text: &str) -> Result<()> {
        match &mut self.control {
            Control::Input => {
                let input = self.child.stdin.as_mut().context("an input")?;
                input.write_all(format!("{text}\n").as_bytes()).await?;
                input.flush().await?;
            }
            Control::Client(client) => client.send(text).await?,
        }
        Ok(())
    }

    /// Ends the server.
    ///
    /// # Errors
    /// Returns why it could not be ended.
    pub async fn end(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}
