//! Where one connection is in one chat. Seam, double and hole are one comparison of numbers. Pure.

use crate::ids::{ChatId, Seq};
use crate::limits::REPLAY_MESSAGES_MAX;
use crate::message::ChatType;

/// A chat that a connection follows.
#[derive(Debug, Clone, Copy)]
pub struct Follow {
    pub chat_id: ChatId,
    /// The last message that the connection has, or has been told to count from.
    pub seq: Seq,
    /// Its place among the chat's followers.
    pub place: u32,
    pub chat_type: ChatType,
    pub phase: Phase,
}

/// How a chat reaches its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// What is committed is passed on at once.
    Live,
    /// Nothing is passed on until it is certain that nothing was missed before we followed.
    Joining,
    /// What comes after `seq` is read from the database; what is committed meanwhile will be read too.
    Replaying {
        /// Whether the client asked for it, and so is told when it is level.
        announce: bool,
        /// Whether its length has been checked.
        begun: bool,
    },
}

/// What to do with messages that were committed just now.
#[derive(Debug, PartialEq, Eq)]
pub enum Passing {
    /// Pass on those after `seq`.
    On,
    /// The connection has them already, or will read them.
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

    /// Whether a replay from here to `last_seq` is refused: it would be too long, or begins beyond the end.
    pub fn is_out_of_range(&self, last_seq: Seq) -> bool {
        self.seq > last_seq || last_seq.0 - self.seq.0 > REPLAY_MESSAGES_MAX
    }

    pub fn replay(&mut self, announce: bool) {
        self.phase = Phase::Replaying { announce, begun: false };
    }

    /// After a silent check: live when nothing was missed up to `head`, else what was missed is read.
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
    fn one_comparison_tells_seam_double_and_hole() {
        let live = follow(5, Phase::Live);
        assert_eq!(live.passing(Seq(6), Seq(8)), Passing::On);
        assert_eq!(live.passing(Seq(4), Seq(6)), Passing::On);
        assert_eq!(live.passing(Seq(4), Seq(5)), Passing::By);
        assert_eq!(live.passing(Seq(7), Seq(8)), Passing::Hole);
        assert_eq!(follow(5, Phase::Joining).passing(Seq(6), Seq(6)), Passing::By);
    }

    #[test]
    fn a_replay_is_bounded() {
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
