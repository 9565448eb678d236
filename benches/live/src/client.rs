//! One client: it reads frames, keeps nothing of them but what is counted, and answers pings.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// The time limit for a server to accept a connection and to upgrade it.
const OPENING: Duration = Duration::from_secs(60);

/// The connections from one address: as many as the server lets one address have at once.
const PER_ADDRESS: usize = 64;

/// The bytes in which a message says that it is the last piece of the tree.
const LAST: &[u8] = br#""last":true"#;

/// The bytes before the time in a message.
const SENT: &[u8] = br#""name":"t"#;

/// A connected client.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    /// The bytes of the current frame that have not come yet.
    left: usize,
    /// The begin of the current frame, as far as it is looked at; a head that is cut in two waits here.
    begin: Vec<u8>,
}

/// A message of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// The text of a broadcast, with the microsecond at which it was sent.
    Broadcast(u64),
    /// The last piece of the tree.
    Tree,
    /// Any other text.
    Other,
}

/// Returns the address from which a client comes, so that no address has more clients than the server lets it have.
fn source(number: usize) -> SocketAddr {
    let address = number / PER_ADDRESS;
    let [.., third, fourth] = u32::try_from(address).unwrap_or(0).to_be_bytes();
    (Ipv4Addr::new(127, 1, third, fourth), 0).into()
}

impl Client {
    /// Connects client `number` of a crowd.
    ///
    /// # Errors
    /// Returns why the server did not upgrade the connection.
    pub async fn connect(server: SocketAddr, number: usize) -> Result<Self> {
        tokio::time::timeout(OPENING, Self::open(server, number))
            .await
            .context("the server does not answer")?
    }

    async fn open(server: SocketAddr, number: usize) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(source(number))?;
        let mut stream = socket.connect(server).await?;
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Origin: http://bench\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::with_capacity(256);
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
            ensure!(head.len() < 4_096, "the head has no end");
        }
        if !head.starts_with(b"HTTP/1.1 101") {
            bail!("refused: {}", String::from_utf8_lossy(&head));
        }
        Ok(Self {
            stream,
            left: 0,
            begin: Vec::new(),
        })
    }

    /// Sends a text.
    ///
    /// # Errors
    /// Returns that the connection is broken.
    pub async fn send(&mut self, text: &str) -> Result<()> {
        // The mask is zero, so that the payload is the text itself.
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(u16::try_from(text.len())?.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.stream.write_all(&frame).await?;
        Ok(())
    }

    /// Reads until the server closes, and hands each message on.
    ///
    /// # Errors
    /// Returns that the connection broke.
    pub async fn read(
        &mut self,
        buffer: &SharedBuffer,
        mut hand_on: impl FnMut(Received),
    ) -> Result<()> {
        loop {
            self.stream.readable().await?;
            let mut buffer = buffer.0.borrow_mut();
            match self.stream.try_read(&mut buffer) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(read) => {
                    let answers = self.take(&buffer[..read], &mut hand_on)?;
                    for _ in 0..answers {
                        // A pong without a payload; a socket that cannot take six bytes is broken.
                        self.stream.try_write(&[0x8a, 0x80, 0, 0, 0, 0])?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes bytes, and returns the number of pings among them.
    fn take(&mut self, mut bytes: &[u8], hand_on: &mut impl FnMut(Received)) -> Result<usize> {
        let mut pings = 0;
        while !bytes.is_empty() {
            if self.left > 0 {
                let taken = self.left.min(bytes.len());
                self.begin.extend_from_slice(&bytes[..taken]);
                bytes = &bytes[taken..];
                self.left -= taken;
                if self.left == 0 {
                    hand_on(meaning(&self.begin));
                    self.begin = Vec::new();
                }
                continue;
            }
            self.begin.push(bytes[0]);
            bytes = &bytes[1..];
            let Some((code, length)) = head(&self.begin) else {
                continue;
            };
            self.begin.clear();
            match code {
                0x81 => self.left = length,
                0x89 => {
                    ensure!(length == 0, "a ping with a payload");
                    pings += 1;
                }
                other => bail!("a frame that begins with {other:#x}"),
            }
            // The whole frame is often there: then it is looked at where it is.
            if self.left > 0 && bytes.len() >= length {
                hand_on(meaning(&bytes[..length]));
                bytes = &bytes[length..];
                self.left = 0;
            }
        }
        Ok(pings)
    }
}

/// The buffer of all clients of one thread: each reads into it and takes what it needs at once.
#[derive(Debug)]
pub struct SharedBuffer(std::cell::RefCell<Vec<u8>>);

impl Default for SharedBuffer {
    fn default() -> Self {
        Self(std::cell::RefCell::new(vec![0; 64 * 1024]))
    }
}

/// Returns the first byte and the length of a frame, once the whole head is there.
fn head(bytes: &[u8]) -> Option<(u8, usize)> {
    let code = *bytes.first()?;
    match *bytes.get(1)? {
        126 => {
            let length = [*bytes.get(2)?, *bytes.get(3)?];
            Some((code, u16::from_be_bytes(length).into()))
        }
        length => Some((code, length.into())),
    }
}

fn meaning(text: &[u8]) -> Received {
    let begin = &text[..text.len().min(128)];
    if let Some(place) = find(begin, SENT) {
        let digits = begin[place + SENT.len()..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit());
        let sent = digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
        return Received::Broadcast(sent);
    }
    let end = &text[text.len().saturating_sub(48)..];
    match find(end, LAST) {
        Some(_) => Received::Tree,
        None => Received::Other,
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
