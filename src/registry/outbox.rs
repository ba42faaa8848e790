//! What waits for one reader: frames that the kernel would not take yet, bounded in bytes and pieces.
//!
//! Each piece holds whole frames, or the answer to the handshake; only the first may be partly written.
//! A connection has an outbox only while something is waiting.

use crate::limits::{OUTBOX_BYTES_MAX, OUTBOX_CHUNKS_MAX, WRITE_SLICES_MAX};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io::IoSlice;

#[derive(Debug, Default)]
pub struct Outbox {
    pieces: VecDeque<Bytes>,
    /// Whether the first piece is the HTTP answer to the handshake, without which no frame makes sense.
    is_answering: bool,
    /// How many bytes of the first piece have been written.
    written: usize,
    bytes: usize,
}

/// The reader is too slow.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Outbox {
    /// An outbox that begins with the answer to the handshake.
    pub fn answering(answer: Bytes) -> Self {
        Self { bytes: answer.len(), is_answering: true, written: 0, pieces: [answer].into() }
    }

    /// Adds whole frames, the first `written` bytes of which have been sent already.
    pub fn push_begun(&mut self, frames: Bytes, written: usize) -> Result<(), Full> {
        debug_assert!(self.pieces.is_empty(), "only the first piece may be begun");
        self.written = written;
        self.bytes = frames.len() - written;
        self.pieces.push_back(frames);
        self.fits()
    }

    pub fn push(&mut self, frames: Bytes) -> Result<(), Full> {
        self.bytes += frames.len();
        self.pieces.push_back(frames);
        self.fits()
    }

    fn fits(&self) -> Result<(), Full> {
        if self.is_full() { Err(Full) } else { Ok(()) }
    }

    /// Whether more is waiting than allowed.
    pub fn is_full(&self) -> bool {
        self.bytes > OUTBOX_BYTES_MAX || self.pieces.len() > OUTBOX_CHUNKS_MAX
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// What to write next, in as many slices as one call takes.
    pub fn slices(&self) -> smallvec::SmallVec<[IoSlice<'_>; 8]> {
        let mut skip = self.written;
        let slice = |piece: &'_ Bytes| {
            let from = std::mem::take(&mut skip);
            (from, piece.len())
        };
        let ranges: smallvec::SmallVec<[(usize, usize); 8]> =
            self.pieces.iter().take(WRITE_SLICES_MAX).map(slice).collect();
        self.pieces
            .iter()
            .zip(ranges)
            .map(|(piece, (from, to))| IoSlice::new(&piece[from..to]))
            .collect()
    }

    /// Notes that the kernel has taken this many bytes.
    pub fn advance(&mut self, mut taken: usize) {
        self.bytes -= taken;
        while let Some(first) = self.pieces.front() {
            let left = first.len() - self.written;
            if taken < left {
                self.written += taken;
                return;
            }
            taken -= left;
            self.written = 0;
            self.is_answering = false;
            self.pieces.pop_front();
        }
    }

    /// Drops everything that has not been begun, which leaves the rest of the frame in progress or of
    /// the answer to the handshake.
    pub fn keep_begun(&mut self) {
        let Some(first) = self.pieces.pop_front() else { return };
        self.pieces.clear();
        let end = match (self.is_answering, self.written) {
            (true, _) => first.len(),
            (false, 0) => 0,
            (false, written) => frame_end(&first, written),
        };
        self.bytes = end - self.written;
        if self.bytes > 0 {
            self.pieces.push_back(first.slice(..end));
        } else {
            self.written = 0;
        }
    }
}

/// The end of the frame that contains `offset` (or ends there); the end of everything if that cannot
/// be determined.
fn frame_end(frames: &[u8], offset: usize) -> usize {
    let mut end = 0;
    while end < offset {
        match frames.get(end..).and_then(frame_bytes) {
            Some(bytes) => end += bytes,
            None => return frames.len(),
        }
    }
    end
}

/// The length of the first frame, if it is complete.
fn frame_bytes(frames: &[u8]) -> Option<usize> {
    let (header, payload): (usize, usize) = match frames.get(1)? & 127 {
        126 => (4, usize::from(u16::from_be_bytes(frames.get(2..4)?.try_into().ok()?))),
        127 => {
            let length = u64::from_be_bytes(frames.get(2..10)?.try_into().ok()?);
            (10, usize::try_from(length).ok()?)
        }
        short => (2, usize::from(short)),
    };
    header.checked_add(payload).filter(|bytes| *bytes <= frames.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::wire::{ServerFrame, close_frame, pong_frame, text_frame};

    fn written(outbox: &Outbox) -> Vec<u8> {
        outbox.slices().iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn bytes_that_were_taken_are_not_written_again() {
        let mut outbox = Outbox::default();
        outbox.push_begun(Bytes::from_static(b"abcdef"), 2).expect("room");
        outbox.push(Bytes::from_static(b"ghi")).expect("room");
        assert_eq!(written(&outbox), b"cdefghi");
        outbox.advance(5);
        assert_eq!((written(&outbox), outbox.bytes()), (b"hi".to_vec(), 2));
        outbox.advance(2);
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_slow_reader_fills_the_outbox() {
        let mut outbox = Outbox::default();
        let frame = Bytes::from(vec![0; OUTBOX_BYTES_MAX / 2]);
        assert_eq!(outbox.push(frame.clone()), Ok(()));
        assert_eq!(outbox.push(frame.clone()), Ok(()));
        assert_eq!(outbox.push(frame), Err(Full));
    }

    #[test]
    fn only_the_frame_in_progress_is_finished_before_a_close() {
        let frame = text_frame(&ServerFrame::Pong);
        let (one, both) = (frame.len(), [frame.clone(), pong_frame(b"xyz")].concat());
        for (begun, kept) in [(0, 0), (1, one - 1), (one, 0), (one + 1, both.len() - one - 1)] {
            let mut outbox = Outbox::default();
            outbox.push_begun(both.clone().into(), begun).expect("room");
            outbox.push(frame.clone()).expect("room");
            outbox.keep_begun();
            assert_eq!(outbox.bytes(), kept, "{begun} bytes begun");
            assert_eq!(written(&outbox).len(), kept);
        }
    }

    #[test]
    fn the_answer_to_the_handshake_is_sent_whole_before_a_close() {
        let answer: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
            connection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
            date: Thu, 19 Sep 2024 10:00:00 GMT\r\n\r\n";
        let (frame, close) =
            (text_frame(&ServerFrame::Pong), close_frame(1001, "the server stops"));
        for taken in 0..=answer.len() + frame.len() {
            let mut outbox = Outbox::answering(Bytes::from_static(answer));
            outbox.push(frame.clone()).expect("room");
            let mut sent = written(&outbox)[..taken].to_vec();
            outbox.advance(taken);
            outbox.keep_begun();
            outbox.push(close.clone()).expect("room");
            assert_eq!(outbox.bytes(), written(&outbox).len(), "{taken} bytes taken");
            sent.extend(written(&outbox));
            let frames: &[u8] = if taken > answer.len() { &frame } else { &[] };
            assert_eq!(sent, [answer, frames, &close[..]].concat(), "{taken} bytes taken");
        }
    }

    #[test]
    fn bytes_that_are_not_a_frame_end_where_the_buffer_ends() {
        let mut odd = vec![0x81, 127];
        odd.extend(u64::MAX.to_be_bytes());
        odd.extend(b"HTTP/1.1 101 Switching Protocols");
        for begin in 0..odd.len() {
            for end in begin..=odd.len() {
                let bytes = &odd[begin..end];
                for offset in 0..=bytes.len() {
                    let found = frame_end(bytes, offset);
                    assert!((offset..=bytes.len()).contains(&found), "{bytes:?} from {offset}");
                }
            }
        }
    }
}
