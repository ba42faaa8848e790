//! What one node tells the others that share its database, as it travels on the bus.
//!
//! News may be lost, doubled and late: whatever lasts is in the database, and news only says that it is worth a look, or
//! what a look would show. Each piece is encoded by itself (`postcard`), so that one from a newer version, which cannot
//! be read, is passed over and takes no other along. New kinds go at the end of `News`; a kind that changes gets
//! another number. Pure.

use super::ids::{Change, ChatId, Position, Seq, UserId};
use super::message::SessionId;
use super::wire::{Run, RunKind};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Something that happened on one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum News {
    Reached(Reached),
    /// The frames themselves, on a bus that carries them.
    Ran(Run),
    /// For all of a user's `/ws`.
    Account {
        user_id: UserId,
        frame: Bytes,
    },
    /// A user has read so far.
    Read {
        user_id: UserId,
        chat_id: ChatId,
        seq: Seq,
    },
    /// And so the other one of a private chat is told.
    Seen {
        user_id: UserId,
        chat_id: ChatId,
        by: UserId,
        seq: Seq,
    },
    ShowsPresence {
        user_id: UserId,
        shows: bool,
    },
    /// A user takes part in this chat from now on, or no longer: the database says which.
    Standing {
        user_id: UserId,
        chat_id: ChatId,
    },
    /// A chat has become another one for a user who takes part in it.
    Anew {
        user_id: UserId,
        chat_id: ChatId,
    },
    SessionEnded {
        user_id: UserId,
        session: SessionId,
    },
    /// For those who follow this chat and read in time.
    Signalled {
        chat_id: ChatId,
        of: Option<UserId>,
        frame: Bytes,
    },
    /// Somebody writes, in a chat that so many follow on their node.
    Typing {
        chat_id: ChatId,
        user_id: UserId,
        online: u32,
        frame: Bytes,
    },
    /// These users have a socket on the node, and show it or not.
    Here(Vec<(UserId, bool)>),
    /// These users have none there any more.
    Gone(Vec<UserId>),
}

/// A chat reaches up to here. What is new in it comes after these numbers, where they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    pub chat_id: ChatId,
    pub reach: Position,
    pub after_seq: Option<Seq>,
    pub after_change: Option<Change>,
}

impl Reached {
    /// Up to here, wherever it came from.
    pub fn upto(chat_id: ChatId, reach: Position) -> Self {
        Self { chat_id, reach, after_seq: None, after_change: None }
    }

    pub fn of(run: &Run) -> Self {
        let reached = Self::upto(run.chat_id, run.reach);
        match run.kind {
            RunKind::Message => Self { after_seq: Some(Seq(run.first - 1)), ..reached },
            RunKind::Changed => Self { after_change: Some(Change(run.first - 1)), ..reached },
        }
    }

    /// The same chat, heard of again.
    pub fn and(self, other: Self) -> Self {
        Self {
            chat_id: self.chat_id,
            reach: self.reach.max(other.reach),
            after_seq: earlier(self.after_seq, other.after_seq),
            after_change: earlier(self.after_change, other.after_change),
        }
    }
}

fn earlier<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl News {
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("memory has room for it")
    }

    /// Puts it behind others.
    pub fn put(encoded: &[u8], body: &mut Vec<u8>) {
        body.extend((encoded.len() as u32).to_be_bytes());
        body.extend(encoded);
    }

    /// What it takes in a body.
    pub const fn room(encoded: &[u8]) -> usize {
        encoded.len() + size_of::<u32>()
    }

    /// The news in a body; `None` for a piece that cannot be read, and for what comes after one that has no end.
    pub fn each(mut body: &[u8]) -> impl Iterator<Item = Option<Self>> {
        std::iter::from_fn(move || {
            if body.is_empty() {
                return None;
            }
            let piece = body.split_first_chunk().and_then(|(length, rest)| {
                rest.split_at_checked(u32::from_be_bytes(*length) as usize)
            });
            let Some((piece, rest)) = piece else {
                body = &[];
                return Some(None);
            };
            body = rest;
            Some(postcard::from_bytes(piece).ok().filter(Self::is_sound))
        })
    }

    /// Whether others can rely on what its type does not say.
    fn is_sound(&self) -> bool {
        match self {
            Self::Ran(run) => run.is_sound(),
            _ => true,
        }
    }

    /// Whether it is worth nothing a moment later.
    pub fn is_signal(&self) -> bool {
        matches!(self, Self::Signalled { .. } | Self::Typing { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        Run {
            chat_id: ChatId(7),
            kind: RunKind::Changed,
            first: 31,
            reach: Position { seq: Seq(12), change: Change(33) },
            ends: [(31, 3), (33, 5)].into(),
            bytes: Bytes::from_static(b"abcde"),
        }
    }

    fn all() -> Vec<News> {
        let (user_id, chat_id, frame) = (UserId(3), ChatId(7), Bytes::from_static(b"{}"));
        vec![
            News::Reached(Reached::of(&run())),
            News::Ran(run()),
            News::Account { user_id, frame: frame.clone() },
            News::Read { user_id, chat_id, seq: Seq(9) },
            News::Seen { user_id, chat_id, by: UserId(4), seq: Seq(9) },
            News::ShowsPresence { user_id, shows: true },
            News::Standing { user_id, chat_id },
            News::Anew { user_id, chat_id },
            News::SessionEnded { user_id, session: SessionId([9; 16]) },
            News::Signalled { chat_id, of: Some(user_id), frame: frame.clone() },
            News::Typing { chat_id, user_id, online: 2, frame },
            News::Here(vec![(user_id, true), (UserId(4), false)]),
            News::Gone(vec![user_id]),
        ]
    }

    #[test]
    fn what_is_said_is_heard() {
        let mut body = Vec::new();
        for news in all() {
            News::put(&news.encode(), &mut body);
        }
        let heard: Vec<News> =
            News::each(&body).map(|news| news.expect("it can be read")).collect();
        assert_eq!(heard, all());
    }

    /// The bytes of this version: a release that is one apart reads them.
    #[test]
    fn the_encoding_stays_as_it_is() {
        let (user_id, chat_id) = (UserId(3), ChatId(300));
        let reach = Position { seq: Seq(812), change: Change(31) };
        let reached = Reached { after_seq: Some(Seq(811)), ..Reached::upto(chat_id, reach) };
        for (news, expected) in [
            (News::Reached(reached), &[0, 0xd8, 4, 0xd8, 12, 62, 1, 0xd6, 12, 0][..]),
            (News::Standing { user_id, chat_id }, &[6, 6, 0xd8, 4]),
            (News::Gone(vec![user_id]), &[12, 1, 6]),
        ] {
            assert_eq!(news.encode(), expected, "{news:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_passed_over_alone() {
        let mut body = Vec::new();
        let standing = News::Standing { user_id: UserId(3), chat_id: ChatId(7) };
        News::put(&[200, 1, 2, 3], &mut body);
        News::put(&[], &mut body);
        News::put(&standing.encode(), &mut body);
        body.extend([0, 0, 0, 9, 1]);
        let heard: Vec<_> = News::each(&body).collect();
        assert_eq!(heard, [None, None, Some(standing), None]);
    }

    #[test]
    fn a_run_whose_frames_lie_outside_its_bytes_is_not_believed() {
        for ends in [vec![(31, 3), (33, 6)], vec![(33, 3), (31, 5)], vec![(31, 4), (33, 3)], vec![]]
        {
            let news = News::Ran(Run { ends: ends.into(), ..run() });
            let mut body = Vec::new();
            News::put(&news.encode(), &mut body);
            assert_eq!(News::each(&body).collect::<Vec<_>>(), [None], "{news:?}");
        }
    }

    #[test]
    fn of_two_pieces_about_one_chat_the_larger_end_and_the_earlier_beginning_stay() {
        let at = |seq, change| Position { seq: Seq(seq), change: Change(change) };
        let one = Reached { after_seq: Some(Seq(5)), ..Reached::upto(ChatId(7), at(6, 0)) };
        let two = Reached { after_seq: Some(Seq(6)), ..Reached::upto(ChatId(7), at(9, 0)) };
        let changed =
            Reached { after_change: Some(Change(2)), ..Reached::upto(ChatId(7), at(3, 4)) };
        let both = two.and(one).and(changed);
        assert_eq!((both.reach, both.after_seq), (at(9, 4), Some(Seq(5))));
        assert_eq!(both.after_change, Some(Change(2)));
    }
}
