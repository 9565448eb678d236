//! In: the kind of a message, and the length of its payload. Out: the first bytes of the WebSocket frame that carries it
//! whole (RFC 6455, section 5.2). A server's frames have no mask.

/// The bit that says that a frame ends its message.
const FINAL: u8 = 0x80;

/// The length that announces a length of 16 bits.
const SIXTEEN_BITS: u8 = 126;

/// The length that announces a length of 64 bits.
const SIXTY_FOUR_BITS: u8 = 127;

/// The kind of a message, by its opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A text in UTF-8.
    Text = 1,
    /// Any bytes.
    Binary = 2,
}

/// Returns the head of a frame, with room for the payload of so many bytes behind it.
pub fn frame_head(kind: Kind, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(10 + length);
    bytes.push(FINAL | kind as u8);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length), _) if length < SIXTEEN_BITS => bytes.push(length),
        (_, Ok(length)) => {
            bytes.push(SIXTEEN_BITS);
            bytes.extend(length.to_be_bytes());
        }
        _ => {
            bytes.push(SIXTY_FOUR_BITS);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes
}
