//! Where one connection is in one chat. Next, duplicate or gap: one comparison of numbers. Pure.

use crate::limits::REPLAY_MESSAGES_MAX;
use crate::model::ids::{ChatId, Seq};
use crate::model::message::ChatType;

/// A chat that a connection follows.
#[derive(Debug, Clone, Copy)]
pub struct Follow {
    pub chat_id: ChatId,
    /// The last message that the connection has, or the number it was told to count from.
    pub seq: Seq,
    /// Its index among the chat's followers.
    pub place: u32,
    pub chat_type: ChatType,
    pub phase: Phase,
}

/// How a chat reaches its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// New messages are passed on at once.
    Live,
    /// Nothing is passed on until it is certain that nothing was missed before we followed.
    Joining,
    /// Messages after `seq` are read from the database; those committed in the meantime will be read,
    /// too.
    Replaying {
        /// Whether the client asked for it, in which case it is told when it is level.
        announce: bool,
        /// Whether its length has been checked.
        begun: bool,
    },
}

/// What to do with messages that have just been committed.
#[derive(Debug, PartialEq, Eq)]
pub enum Passing {
    /// Pass on those after `seq`.
    On,
    /// Skip them: the connection has them already, or will read them.
    By,
    /// Some before them are missing: read them.
    Hole,
}

impl Follow {
    /// For messages from `first` to `last`.
    pub fn passing(&self, first: Seq, last: Seq) -> Passing {
        match self.phase {
            Phase::Joining | Phase::Replaying { .. } => Passing::By,
            Phase::Live if last <= self.seq => Passing::By,
            Phase::Live if first > self.seq.next() => Passing::Hole,
            Phase::Live => Passing::On,
        }
    }

    /// Whether a replay from here to `last_seq` is refused, because it is too long or begins after the
    /// end.
    pub fn is_out_of_range(&self, last_seq: Seq) -> bool {
        self.seq > last_seq || last_seq.0 - self.seq.0 > REPLAY_MESSAGES_MAX
    }

    pub fn replay(&mut self, announce: bool) {
        self.phase = Phase::Replaying { announce, begun: false };
    }

    /// After a silent check: live if nothing was missed up to `head`; otherwise the missed part is read.
    pub fn settle(&mut self, head: Seq) {
        if head > self.seq {
            self.phase = Phase::Replaying { announce: false, begun: true };
        } else {
            self.phase = Phase::Live;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(seq: i64, phase: Phase) -> Follow {
        let chat_type = ChatType::General;
        Follow { chat_id: ChatId(1), seq: Seq(seq), place: 0, chat_type, phase }
    }

    #[test]
    fn one_comparison_tells_next_duplicate_and_gap() {
        let live = follow(5, Phase::Live);
        assert_eq!(live.passing(Seq(6), Seq(8)), Passing::On);
        assert_eq!(live.passing(Seq(4), Seq(6)), Passing::On);
        assert_eq!(live.passing(Seq(4), Seq(5)), Passing::By);
        assert_eq!(live.passing(Seq(7), Seq(8)), Passing::Hole);
        assert_eq!(follow(5, Phase::Joining).passing(Seq(6), Seq(6)), Passing::By);
    }

    #[test]
    fn a_replay_is_limited() {
        assert!(!follow(0, Phase::Live).is_out_of_range(Seq(1_000)));
        assert!(follow(0, Phase::Live).is_out_of_range(Seq(1_001)));
        assert!(follow(5, Phase::Live).is_out_of_range(Seq(4)));
    }

    #[test]
    fn a_new_follower_is_live_only_if_nothing_was_missed() {
        let mut level = follow(5, Phase::Joining);
        level.settle(Seq(5));
        assert_eq!(level.phase, Phase::Live);
        let mut behind = follow(5, Phase::Joining);
        behind.settle(Seq(6));
        assert_eq!(behind.phase, Phase::Replaying { announce: false, begun: true });
    }
}
