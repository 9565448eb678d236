//! In: a text. Out: the bytes of the WebSocket frame that carries it compressed, as a binary message in the zlib format
//! (RFC 1950), which browsers call `deflate`. A tree in JSON takes two fifths of its size then.
//!
//! The protocol's own compression (RFC 7692) would need a compressor for each connection, and compress every change once
//! for each of them. These bytes are the same for all.

use std::io::{self, Write};

use axum::body::Bytes;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::frame_head::{Kind, frame_head};

/// Returns the frame of a text.
pub fn compressed(text: &str) -> Bytes {
    // A `Vec` takes everything, so there is no error.
    let packed = pack(text).unwrap_or_default();
    let mut bytes = frame_head(Kind::Binary, packed.len());
    bytes.extend(packed);
    bytes.into()
}

/// Compresses fast: zlib's usual level takes five to eight times as long for an eighth less (docs/scale.md).
fn pack(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use flate2::read::ZlibDecoder;
    use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    use super::*;

    #[test]
    fn a_frame_is_unpacked_to_its_text() {
        let text = r#"{"name":"north","numbers":[1,22,333]},"#.repeat(400);
        let frame = compressed(&text);
        assert!(frame.len() < text.len() / 2);

        let mut socket = FrameSocket::new(Cursor::new(frame.to_vec()));
        let read = socket.read(None).unwrap().unwrap();

        assert_eq!(read.header().opcode, OpCode::Data(Data::Binary));
        let mut unpacked = String::new();
        let mut decoder = ZlibDecoder::new(read.payload());
        decoder.read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, text);
    }
}
