//! Messages and changes of one chat, encoded as one frame after another: what was just committed, and pages
//! of replays. Pure.

use super::{MEMBERS_BYTES, MessageMembers, ServerFrame, put_text_frame};
use crate::model::ids::{Change, ChatId, Position, Seq};
use crate::model::message::Message;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What a frame tells of its message, and which number of the chat it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunKind {
    /// That it is there: `seq`.
    Message,
    /// How it stands now: `change`.
    Changed,
}

impl RunKind {
    fn number(self, message: &Message) -> i64 {
        match self {
            Self::Message => message.seq.0,
            Self::Changed => message.change().0,
        }
    }

    fn frame(self, message: &Message) -> ServerFrame<'_> {
        match self {
            Self::Message => ServerFrame::Message(MessageMembers(message)),
            Self::Changed => ServerFrame::MessageChanged(MessageMembers(message)),
        }
    }
}

/// What was committed together: messages with consecutive numbers, or messages that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub chat_id: ChatId,
    pub kind: RunKind,
    /// Everything before this number must have come before the run.
    pub first: i64,
    /// How far the chat reaches with it, as far as the run knows.
    pub reach: Position,
    /// The number of each frame, and where it ends in `bytes`: at least one. Numbers of changes are missing
    /// if their message changed once more in the same run.
    pub ends: Box<[(i64, u32)]>,
    pub bytes: Bytes,
}

impl Run {
    /// `messages` must be of one chat, with consecutive numbers, and not empty.
    pub fn of(messages: &[Message]) -> Option<Self> {
        let (first, last) = (messages.first()?, messages.last()?);
        let reach = Position { seq: last.seq, change: Change(0) };
        Some(Self::encoded(RunKind::Message, first.chat_id, first.seq.0, reach, messages))
    }

    /// The messages of a chat that changed, in the order of their last changes; the first change of the run
    /// had the number `first`.
    pub fn of_changes(first: Change, changed: &[Message]) -> Option<Self> {
        let seq = changed.iter().map(|message| message.seq).max()?;
        let reach = Position { seq, change: changed.last()?.change() };
        Some(Self::encoded(RunKind::Changed, changed[0].chat_id, first.0, reach, changed))
    }

    /// Messages of a chat that were read, which come after `after`; some may be gone.
    pub fn after(after: Seq, messages: &[Message]) -> Option<Self> {
        let (first, last) = (messages.first()?, messages.last()?);
        let reach = Position { seq: last.seq, change: Change(0) };
        Some(Self::encoded(RunKind::Message, first.chat_id, after.0 + 1, reach, messages))
    }

    fn encoded(
        kind: RunKind,
        chat_id: ChatId,
        first: i64,
        reach: Position,
        messages: &[Message],
    ) -> Self {
        let (bytes, ends) = encoded(kind, usize::MAX, messages);
        let numbers = messages.iter().map(|message| kind.number(message));
        let ends = numbers.zip(ends).collect();
        Self { chat_id, kind, first, reach, ends, bytes: bytes.into() }
    }

    /// Whether its frames lie one after another within its bytes; for one that came from elsewhere.
    pub fn is_sound(&self) -> bool {
        let is_sorted =
            self.ends.is_sorted_by(|(one, end), (two, later)| one < two && end <= later);
        let fits = |(_, end): &(i64, u32)| *end as usize <= self.bytes.len();
        is_sorted && self.ends.last().is_some_and(fits)
    }

    /// The number of its last frame.
    pub fn last(&self) -> i64 {
        self.ends.last().map_or(self.first, |(number, _)| *number)
    }

    /// The frames after this number, as many as fit into so many bytes but at least one, with the number of
    /// the last and their count; nothing if there are none.
    pub fn part(&self, number: i64, bytes_max: usize) -> (Bytes, i64, usize) {
        let passed = self.ends.partition_point(|(at, _)| *at <= number);
        let begin = if passed == 0 { 0 } else { self.ends[passed - 1].1 as usize };
        let rest = &self.ends[passed..];
        let fits = |(_, end): &(i64, u32)| *end as usize - begin <= bytes_max;
        let count = match rest.last() {
            None => return (Bytes::new(), number, 0),
            Some(last) if fits(last) => rest.len(),
            Some(_) => rest.partition_point(fits).max(1),
        };
        let (last, end) = rest[count - 1];
        (self.bytes.slice(begin..end as usize), last, count)
    }
}

/// Messages of one chat in order, perhaps with some missing, encoded as one frame after another.
#[derive(Debug)]
pub struct MessageFrames {
    pub bytes: Bytes,
    pub count: usize,
}

impl MessageFrames {
    /// As many of the first messages as fit into so many bytes, but at least one.
    pub fn within(kind: RunKind, bytes_max: usize, messages: &[Message]) -> Self {
        let (bytes, ends) = encoded(kind, bytes_max, messages);
        Self { bytes: bytes.into(), count: ends.len() }
    }
}

/// The frames of the first messages that fit, at least of one, and where each ends.
fn encoded(kind: RunKind, bytes_max: usize, messages: &[Message]) -> (Vec<u8>, Vec<u32>) {
    let contents: usize = messages.iter().map(|message| message.content.len()).sum();
    let all = contents + messages.len() * MEMBERS_BYTES;
    let mut bytes = Vec::with_capacity(all.min(bytes_max));
    let mut ends = Vec::with_capacity(messages.len());
    for message in messages {
        let before = bytes.len();
        put_text_frame(&kind.frame(message), &mut bytes);
        if bytes.len() > bytes_max && before > 0 {
            bytes.truncate(before);
            break;
        }
        ends.push(bytes.len() as u32);
    }
    // They may have to wait for their readers.
    bytes.shrink_to_fit();
    (bytes, ends)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{CONTENT_CHARS_MAX, REPLAY_PAGE_BYTES_MAX};
    use crate::model::ids::{MessageId, UserId};
    use crate::model::message::ChatType;
    use crate::model::more::More;
    use std::sync::Arc;

    fn message(seq: i64) -> Message {
        Message {
            id: MessageId(40 + seq),
            seq: Seq(seq),
            chat_id: ChatId(7),
            chat_type: ChatType::General,
            sender_id: UserId(1),
            receiver_id: None,
            username: "ada".into(),
            content: "Hi".into(),
            timestamp: "2024-09-19T10:00:00.5Z".parse().expect("a timestamp"),
            client_id: None,
            more: None,
        }
    }

    fn json(bytes: &[u8]) -> serde_json::Value {
        serde_json::from_slice(bytes).expect("JSON")
    }

    #[test]
    fn a_run_gives_the_frames_after_a_position() {
        let messages: Vec<_> = (5..8).map(message).collect();
        let run = Run::of(&messages).expect("messages");
        assert_eq!((run.first, run.last()), (5, 7));
        assert_eq!(run.part(4, usize::MAX), (run.bytes.clone(), 7, 3));
        let (tail, ..) = run.part(6, usize::MAX);
        assert_eq!((tail[0], tail[1]), (0x81, 126));
        assert_eq!(json(&tail[4..])["seq"], 7);
        assert_eq!(run.part(7, usize::MAX), (Bytes::new(), 7, 0));
        let one = run.ends[0].1 as usize;
        assert_eq!(run.part(4, one * 2), (run.bytes.slice(..one * 2), 6, 2));
        assert_eq!(run.part(5, 1), (run.bytes.slice(one..one * 2), 6, 1));
    }

    #[test]
    fn a_run_of_changes_passes_numbers_over() {
        let changed = |seq, change| {
            let more = More { change: Some(Change(change)), ..More::default() };
            Message { more: Some(Box::new(more)), ..message(seq) }
        };
        let run = Run::of_changes(Change(31), &[changed(9, 32), changed(2, 35)]).expect("messages");
        assert_eq!((run.first, run.last()), (31, 35));
        assert_eq!(run.reach, Position { seq: Seq(9), change: Change(35) });
        let (frames, last, count) = run.part(33, usize::MAX);
        assert_eq!((last, count), (35, 1));
        let frame = json(&frames[4..]);
        assert_eq!((&frame["type"], &frame["seq"]), (&"message_changed".into(), &2.into()));
        assert_eq!(run.part(30, 1).1, 32);
    }

    #[test]
    fn a_page_is_limited_by_its_bytes_on_the_wire() {
        // Each character is six bytes in JSON.
        let content: Arc<str> = "\u{1}".repeat(CONTENT_CHARS_MAX).into();
        let messages: Vec<_> =
            (1..=100).map(|seq| Message { content: content.clone(), ..message(seq) }).collect();
        let within = |bytes_max, messages: &[_]| {
            MessageFrames::within(RunKind::Message, bytes_max, messages)
        };
        let (mut rest, mut pages) = (&messages[..], 0);
        while !rest.is_empty() {
            let page = within(REPLAY_PAGE_BYTES_MAX, rest);
            assert!(page.bytes.len() <= REPLAY_PAGE_BYTES_MAX, "{} bytes", page.bytes.len());
            let length = page.bytes.len();
            assert_eq!(bytes::BytesMut::from(page.bytes).capacity(), length, "nothing is wasted");
            rest = &rest[page.count..];
            pages += 1;
        }
        let frame = Run::of(&messages[..1]).expect("a message").bytes.len();
        assert_eq!(pages, messages.len().div_ceil(REPLAY_PAGE_BYTES_MAX / frame));
        let one = within(1, &messages);
        assert_eq!((one.count, one.bytes.len()), (1, frame));
        assert_eq!(within(1, &[]).count, 0);
    }
}
