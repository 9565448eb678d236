//! The frames that are sent, and the answers that must come, by the sections of Autobahn's test suite about reading.

use super::{BINARY, CLOSE, Case, FINAL, Outcome, PING, PONG, TEXT, case, closed, frame, open};

/// Returns all cases.
pub(super) fn all() -> Vec<Case> {
    let groups = [pings(), reserved(), fragments(), texts(), closes(), sizes()];
    groups.into_iter().flatten().collect()
}

fn pings() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in [0, 1, 8, 124, 125] {
        let payload = vec![0xfe; length];
        let ping = frame(FINAL | PING, &payload);
        cases.push(case(
            format!("a ping of {length} bytes"),
            &[ping],
            open(&[&payload]),
        ));
    }
    for opcode in [PING, PONG, CLOSE] {
        let long = frame(FINAL | opcode, &[b'x'; 126]);
        cases.push(case(
            format!("a control frame {opcode:x} of 126 bytes"),
            &[long],
            closed(1002),
        ));
        let part = frame(opcode, b"");
        cases.push(case(
            format!("a part of a control frame {opcode:x}"),
            &[part],
            closed(1002),
        ));
    }
    let pong = frame(FINAL | PONG, b"unasked");
    let ping = frame(FINAL | PING, b"then");
    cases.push(case(
        "a pong that nobody asked for",
        &[pong, ping],
        open(&[b"then"]),
    ));
    let pings: Vec<_> = (0..8_u8)
        .map(|number| frame(FINAL | PING, &[number]))
        .collect();
    let pongs: Vec<[u8; 1]> = (0..8).map(|number| [number]).collect();
    let pongs: Vec<&[u8]> = pongs.iter().map(|pong| &pong[..]).collect();
    cases.push(case("eight pings at once", &pings, open(&pongs)));
    cases
}

fn reserved() -> Vec<Case> {
    let mut cases = Vec::new();
    for bits in 1..8_u8 {
        for opcode in [TEXT, BINARY, PING, CLOSE] {
            let head = FINAL | bits << 4 | opcode;
            let name = format!("reserved bits {bits:03b} with opcode {opcode:x}");
            cases.push(case(name, &[frame(head, b"\x03\xe8")], closed(1002)));
        }
    }
    for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        for payload in [&b""[..], b"x"] {
            let name = format!("opcode {opcode:x} with {} bytes", payload.len());
            cases.push(case(name, &[frame(FINAL | opcode, payload)], closed(1002)));
        }
    }
    for opcode in [TEXT, BINARY, PING] {
        let unmasked = vec![FINAL | opcode, 1, b'x'];
        cases.push(case(
            format!("opcode {opcode:x} without a mask"),
            &[unmasked],
            closed(1002),
        ));
    }
    cases
}

fn fragments() -> Vec<Case> {
    let rest = frame(FINAL, b"rest");
    let more = frame(0, b"more");
    let ping = frame(FINAL | PING, b"between");
    let mut cases = vec![
        case(
            "a continuation of nothing",
            std::slice::from_ref(&rest),
            closed(1002),
        ),
        case(
            "a part that continues nothing",
            std::slice::from_ref(&more),
            closed(1002),
        ),
    ];
    for opcode in [TEXT, BINARY] {
        let begin = frame(opcode, b"begin");
        let whole = [begin.clone(), ping.clone(), more.clone(), rest.clone()];
        let name = format!("a message {opcode:x} in parts, and a ping between them");
        cases.push(case(name, &whole, open(&[b"between"])));
        for other in [TEXT, BINARY] {
            let twice = [begin.clone(), frame(FINAL | other, b"x")];
            let name = format!("a message {other:x} within a message {opcode:x}");
            cases.push(case(name, &twice, closed(1002)));
        }
        let after = [begin.clone(), rest.clone(), rest.clone()];
        cases.push(case(
            format!("a part after the last of {opcode:x}"),
            &after,
            closed(1002),
        ));
        let empty = [frame(opcode, b""), frame(0, b""), frame(FINAL, b"")];
        cases.push(case(
            format!("empty parts of {opcode:x}"),
            &empty,
            open(&[]),
        ));
    }
    cases
}

fn texts() -> Vec<Case> {
    let mut cases = Vec::new();
    let valid = [
        "",
        "κόσμε",
        "\u{7f}\u{80}",
        "\u{7ff}\u{800}",
        "\u{d7ff}\u{e000}",
        "\u{ffff}",
        "\u{10ffff}",
        "😀",
    ];
    for text in valid {
        let whole = frame(FINAL | TEXT, text.as_bytes());
        cases.push(case(format!("the text {text:?}"), &[whole], open(&[])));
        let middle = text.len() / 2;
        let (begin, end) = text.as_bytes().split_at(middle);
        let parts = [frame(TEXT, begin), frame(FINAL, end)];
        cases.push(case(
            format!("the text {text:?} cut at byte {middle}"),
            &parts,
            open(&[]),
        ));
    }
    for bytes in [
        &b"\x80"[..],
        b"\xbf\xbf",
        b"\xc0\xaf",
        b"\xc1\xbf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf0\x80\x80\xaf",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xfe",
        b"\xff",
        b"fine \xce\xba\xe1\xbd",
        b"\xf0\x9f\x98",
    ] {
        let whole = frame(FINAL | TEXT, bytes);
        cases.push(case(
            format!("the bytes {bytes:x?} as a text"),
            &[whole],
            closed(1007),
        ));
        let parts = [frame(TEXT, &bytes[..1]), frame(FINAL, &bytes[1..])];
        cases.push(case(
            format!("the bytes {bytes:x?} as a text in parts"),
            &parts,
            closed(1007),
        ));
        let binary = frame(FINAL | BINARY, bytes);
        cases.push(case(
            format!("the bytes {bytes:x?} as they are"),
            &[binary],
            open(&[]),
        ));
    }
    cases
}

fn closes() -> Vec<Case> {
    let close = |payload: &[u8]| frame(FINAL | CLOSE, payload);
    let mut cases = vec![
        case(
            "a close without a code",
            &[close(b"")],
            Outcome::Closed(None),
        ),
        case("a close of one byte", &[close(b"\x03")], closed(1002)),
        case(
            "a close with a reason that is no text",
            &[close(b"\x03\xe8\xff")],
            closed(1007),
        ),
        case(
            "a ping after a close",
            &[close(b"\x03\xe8"), frame(FINAL | PING, b"late")],
            closed(1000),
        ),
        case(
            "two closes",
            &[close(b"\x03\xe8"), close(b"\x03\xe9")],
            closed(1000),
        ),
    ];
    let valid = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ];
    let invalid = [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ];
    for code in valid {
        let payload = [&u16::to_be_bytes(code)[..], b"why"].concat();
        cases.push(case(
            format!("a close with code {code}"),
            &[close(&payload)],
            closed(code),
        ));
    }
    for code in invalid {
        let payload: [u8; 2] = u16::to_be_bytes(code);
        cases.push(case(
            format!("a close with code {code}"),
            &[close(&payload)],
            closed(1002),
        ));
    }
    cases
}

fn sizes() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in [125, 126, 127, 4_096] {
        let whole = frame(FINAL | BINARY, &vec![7; length]);
        cases.push(case(
            format!("a message of {length} bytes"),
            &[whole],
            open(&[]),
        ));
    }
    let large = frame(FINAL | BINARY, &vec![7; 4_097]);
    cases.push(case("a message of 4097 bytes", &[large], closed(1009)));
    let parts = [frame(BINARY, &vec![7; 4_000]), frame(FINAL, &[7; 97])];
    cases.push(case(
        "a message of 4097 bytes in parts",
        &parts,
        closed(1009),
    ));
    for length in [65_536, u64::MAX >> 1, u64::MAX] {
        let mut head = vec![FINAL | BINARY, 0x80 | 127];
        head.extend(length.to_be_bytes());
        head.extend([0; 4]);
        cases.push(case(
            format!("a message that announces {length} bytes"),
            &[head],
            closed(1009),
        ));
    }
    cases
}
