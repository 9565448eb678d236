//! In: the text of a message. Out: the bytes of the WebSocket frame that carries it. They are the same for every
//! connection: they are made once, and never copied for one.

use std::fmt;

use axum::body::Bytes;

use crate::frame_head::{Kind, frame_head};

/// A text message as one frame. Clones share its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct TextFrame {
    bytes: Bytes,
    text_begin: usize,
}

impl TextFrame {
    /// Returns the frame: its head and the text.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the frame, without this handle on it.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        // The bytes after the head were a `String`.
        std::str::from_utf8(&self.bytes[self.text_begin..]).unwrap_or_default()
    }
}

impl From<String> for TextFrame {
    fn from(text: String) -> Self {
        let mut bytes = frame_head(Kind::Text, text.len());
        let text_begin = bytes.len();
        bytes.extend(text.as_bytes());
        Self {
            bytes: bytes.into(),
            text_begin,
        }
    }
}

impl fmt::Debug for TextFrame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    use super::*;

    #[test]
    fn a_frame_is_read_as_its_text() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
            let text = "x".repeat(length);
            let frame = TextFrame::from(text.clone());

            let mut socket = FrameSocket::new(Cursor::new(frame.bytes().to_vec()));
            let read = socket.read(None).unwrap().unwrap();

            assert_eq!(read.header().opcode, OpCode::Data(Data::Text));
            assert!(read.header().is_final);
            assert_eq!(read.payload(), text.as_bytes());
            assert_eq!(frame.as_str(), text);
            assert_eq!(socket.read(None).unwrap(), None, "nothing follows");
        }
    }
}
