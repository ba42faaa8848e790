//! Parses frames: turns a client's bytes into whole messages, in place, by the rules of RFC 6455.
//!
//! Pure. A frame that is complete in the buffer is unmasked there and lent out; only the fragments of an
//! unfinished message are copied. A violation is named by the code that closes the socket.

use super::close::Close;
use crate::limits::{BODY_BYTES_MAX, MESSAGE_FRAGMENTS_MAX};
use std::io::Cursor;
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{CloseCode, Control, Data, OpCode},
};

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    Text(Text<'a>),
    Ping(&'a [u8]),
    Pong,
    /// The client closes, with this code.
    Close(u16),
    /// A fragment; more will follow.
    Part,
}

/// A whole text message: in place, or assembled from fragments.
#[derive(Debug, PartialEq, Eq)]
pub enum Text<'a> {
    Whole(&'a str),
    Joined(String),
}

impl Text<'_> {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Whole(text) => text,
            Self::Joined(text) => text,
        }
    }
}

/// An incomplete message.
#[derive(Debug, Default)]
pub struct Fragments {
    text: Vec<u8>,
    /// How much of it is known to be UTF-8.
    checked: usize,
    count: u32,
}

impl Fragments {
    /// Checks what has been added; a character at its end may be incomplete.
    fn check(&mut self) -> Result<(), Close> {
        let added = &self.text[self.checked..];
        self.checked += match std::str::from_utf8(added) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(Close::NotUtf8),
        };
        Ok(())
    }
}

/// One step through a buffer.
#[derive(Debug)]
pub enum Step<'a> {
    /// The frame is incomplete.
    Incomplete,
    Frame {
        incoming: Incoming<'a>,
        bytes: usize,
    },
}

/// Parses the first frame in the buffer.
pub fn next<'a>(
    buffer: &'a mut [u8],
    fragments: &mut Option<Box<Fragments>>,
) -> Result<Step<'a>, Close> {
    let mut cursor = Cursor::new(&*buffer);
    let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Close::ProtocolError)?;
    let Some((header, length)) = parsed else { return Ok(Step::Incomplete) };
    let begin = cursor.position() as usize;
    check(&header, length, fragments.as_deref())?;
    let end = begin + length as usize;
    if buffer.len() < end {
        return Ok(Step::Incomplete);
    }
    let payload = &mut buffer[begin..end];
    unmask(payload, header.mask.ok_or(Close::ProtocolError)?);
    let incoming = match header.opcode {
        OpCode::Control(Control::Ping) => Incoming::Ping(payload),
        OpCode::Control(Control::Pong) => Incoming::Pong,
        OpCode::Control(_) => Incoming::Close(close_code(payload)?),
        OpCode::Data(_) => data(payload, header.is_final, fragments)?,
    };
    Ok(Step::Frame { incoming, bytes: end })
}

/// Checks everything that the header reveals, before the payload has arrived.
fn check(header: &FrameHeader, length: u64, begun: Option<&Fragments>) -> Result<(), Close> {
    if header.rsv1 || header.rsv2 || header.rsv3 || header.mask.is_none() {
        return Err(Close::ProtocolError);
    }
    match (header.opcode, begun) {
        (OpCode::Control(Control::Reserved(_)) | OpCode::Data(Data::Reserved(_)), _) => {
            Err(Close::ProtocolError)
        }
        (OpCode::Control(_), _) if length > 125 || !header.is_final => Err(Close::ProtocolError),
        (OpCode::Control(_), _) => Ok(()),
        (OpCode::Data(Data::Binary), None) => Err(Close::NotText),
        (OpCode::Data(Data::Continue), None)
        | (OpCode::Data(Data::Text | Data::Binary), Some(_)) => Err(Close::ProtocolError),
        (OpCode::Data(_), begun) => {
            let so_far = begun.map_or(0, |fragments| fragments.text.len()) as u64;
            if so_far.saturating_add(length) > BODY_BYTES_MAX as u64 {
                return Err(Close::TooBig);
            }
            if begun.is_some_and(|fragments| fragments.count >= MESSAGE_FRAGMENTS_MAX) {
                return Err(Close::Policy);
            }
            Ok(())
        }
    }
}

fn data<'a>(
    payload: &'a [u8],
    is_final: bool,
    fragments: &mut Option<Box<Fragments>>,
) -> Result<Incoming<'a>, Close> {
    if is_final && fragments.is_none() {
        let text = std::str::from_utf8(payload).map_err(|_| Close::NotUtf8)?;
        return Ok(Incoming::Text(Text::Whole(text)));
    }
    let mut begun = fragments.take().unwrap_or_default();
    begun.text.extend_from_slice(payload);
    begun.count += 1;
    if is_final {
        let text = String::from_utf8(begun.text).map_err(|_| Close::NotUtf8)?;
        return Ok(Incoming::Text(Text::Joined(text)));
    }
    begun.check()?;
    *fragments = Some(begun);
    Ok(Incoming::Part)
}

/// The code for answering a close frame: the client's own, or 1000 if it gave none.
fn close_code(payload: &[u8]) -> Result<u16, Close> {
    let (code, reason) = match payload {
        [] => return Ok(1000),
        [_] => return Err(Close::ProtocolError),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    if !CloseCode::from(code).is_allowed() {
        return Err(Close::ProtocolError);
    }
    std::str::from_utf8(reason).map_err(|_| Close::NotUtf8)?;
    Ok(code)
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let mut words = payload.chunks_exact_mut(4);
    for word in &mut words {
        for (byte, key) in word.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(mask) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            n @ 0..126 => frame.push(0x80 | n as u8),
            n @ 126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend((n as u16).to_be_bytes());
            }
            n => {
                frame.push(0x80 | 127);
                frame.extend((n as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(b, k)| b ^ k));
        frame
    }

    /// The result of a sequence of frames: the texts, or what closed the socket.
    fn read(frames: &[Vec<u8>]) -> Result<Vec<String>, Close> {
        let mut buffer = frames.concat();
        let (mut fragments, mut texts, mut at) = (None, Vec::new(), 0);
        while at < buffer.len() {
            match next(&mut buffer[at..], &mut fragments)? {
                Step::Incomplete => break,
                Step::Frame { incoming, bytes } => {
                    if let Incoming::Text(text) = incoming {
                        texts.push(text.as_str().to_owned());
                    }
                    at += bytes;
                }
            }
        }
        Ok(texts)
    }

    #[test]
    fn a_text_is_read_wherever_the_bytes_are_split() {
        let whole = frame(0x81, "grüß dich".as_bytes());
        assert_eq!(read(std::slice::from_ref(&whole)).expect("text"), ["grüß dich"]);
        for cut in 0..whole.len() {
            let (mut part, mut fragments) = (whole[..cut].to_vec(), None);
            let step = next(&mut part, &mut fragments).expect("no violation");
            assert!(matches!(step, Step::Incomplete), "{cut}");
        }
    }

    #[test]
    fn fragments_are_joined_even_with_pings_in_between() {
        let frames =
            [frame(0x01, b"gr\xc3"), frame(0x89, b"?"), frame(0x00, b"\xbc"), frame(0x80, b"n")];
        assert_eq!(read(&frames).expect("text"), ["grün"]);
    }

    #[test]
    fn a_text_in_many_fragments_takes_hardly_longer_than_in_one() {
        // Odd pieces, so that characters are cut.
        let text = "é".repeat(BODY_BYTES_MAX / 2);
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(65).collect();
        let last = pieces.len() - 1;
        let first_byte = |at| u8::from(at == 0) | (u8::from(at == last) << 7);
        let many: Vec<_> =
            pieces.iter().enumerate().map(|(at, piece)| frame(first_byte(at), piece)).collect();
        let time = |frames: &[Vec<u8>]| {
            let times = (0..7).map(|_| {
                let began = std::time::Instant::now();
                assert_eq!(read(frames).expect("text"), [text.as_str()]);
                began.elapsed()
            });
            times.min().expect("some")
        };
        let (whole, many) = (time(&[frame(0x81, text.as_bytes())]), time(&many));
        assert!(many < whole * 8, "{many:?}, in one {whole:?}");
    }

    #[test]
    fn a_protocol_violation_is_1002() {
        let unmasked = vec![0x81, 1, b'x'];
        let long_ping = frame(0x89, &[0; 126]);
        for frames in [
            vec![unmasked],
            vec![frame(0xc1, b"x")],
            vec![frame(0x83, b"x")],
            vec![frame(0x8b, b"")],
            vec![frame(0x80, b"x")],
            vec![frame(0x01, b"x"), frame(0x81, b"y")],
            vec![frame(0x09, b"x")],
            vec![long_ping],
            vec![frame(0x88, b"x")],
            vec![frame(0x88, &999u16.to_be_bytes())],
            vec![frame(0x88, &1005u16.to_be_bytes())],
        ] {
            assert_eq!(read(&frames), Err(Close::ProtocolError), "{frames:?}");
        }
    }

    #[test]
    fn invalid_utf_8_is_1007() {
        assert_eq!(read(&[frame(0x81, b"\xff")]), Err(Close::NotUtf8));
        assert_eq!(read(&[frame(0x01, b"a\xc3"), frame(0x00, b"\x28")]), Err(Close::NotUtf8));
        assert_eq!(read(&[frame(0x01, b"a\xc3"), frame(0x80, b"")]), Err(Close::NotUtf8));
        assert_eq!(read(&[frame(0x88, b"\x03\xe8\xff")]), Err(Close::NotUtf8));
    }

    #[test]
    fn a_frame_that_is_too_big_is_refused_at_its_header() {
        let big = frame(0x81, &vec![b'x'; BODY_BYTES_MAX + 1]);
        assert_eq!(next(&mut big[..14].to_vec(), &mut None).err(), Some(Close::TooBig));
        let half = frame(0x01, &vec![b'x'; BODY_BYTES_MAX]);
        assert_eq!(read(&[half, frame(0x80, b"x")]), Err(Close::TooBig));
        let huge = [&[0x81, 0xff][..], &u64::MAX.to_be_bytes(), &MASK].concat();
        assert!(next(&mut huge.clone(), &mut None).is_err());
    }

    #[test]
    fn binary_is_1003_and_endless_fragments_are_1008() {
        assert_eq!(read(&[frame(0x82, b"x")]), Err(Close::NotText));
        let mut frames = vec![frame(0x01, b"")];
        frames.extend((0..MESSAGE_FRAGMENTS_MAX).map(|_| frame(0x00, b"")));
        assert_eq!(read(&frames), Err(Close::Policy));
    }
}
