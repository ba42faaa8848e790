//! Where one connection is in one chat. Next, duplicate or gap: one comparison of numbers. Pure.

use crate::model::ids::{Change, ChatId, Position, Seq};
use crate::model::message::ChatType;
use crate::model::wire::{Run, RunKind};

/// A chat that a connection follows.
#[derive(Debug, Clone, Copy)]
pub struct Follow {
    pub chat_id: ChatId,
    /// What the connection has, or the numbers it was told to count from.
    pub at: Position,
    /// Its index among the chat's followers.
    pub place: u32,
    pub chat_type: ChatType,
    pub phase: Phase,
}

/// How a chat reaches its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// What is new is passed on at once.
    Live,
    /// Nothing is passed on until it is certain that nothing was missed before we followed.
    Joining,
    /// Messages and changes after `at` are read from the database; those committed in the meantime will be
    /// read, too.
    Replaying {
        /// Whether the client asked for it, in which case it is told when it is level.
        announce: bool,
        /// Whether its length has been checked.
        begun: bool,
    },
}

/// What to do with a run that has just been committed.
#[derive(Debug, PartialEq, Eq)]
pub enum Passing {
    /// Pass on what the connection does not have.
    On,
    /// Skip it: the connection has it already, or will read it.
    By,
    /// Something before it is missing: read it.
    Hole,
}

impl Follow {
    /// The last of the numbers that a run of this kind moves.
    pub fn number(&self, kind: RunKind) -> i64 {
        match kind {
            RunKind::Message => self.at.seq.0,
            RunKind::Changed => self.at.change.0,
        }
    }

    pub fn passed(&mut self, kind: RunKind, number: i64) {
        match kind {
            RunKind::Message => self.at.seq = Seq(number),
            RunKind::Changed => self.at.change = Change(number),
        }
    }

    pub fn passing(&self, run: &Run) -> Passing {
        let number = self.number(run.kind);
        // A change never comes before its message.
        let lacks_message = run.kind == RunKind::Changed && run.reach.seq > self.at.seq;
        match self.phase {
            Phase::Joining | Phase::Replaying { .. } => Passing::By,
            Phase::Live if run.last() <= number => Passing::By,
            Phase::Live if run.first > number + 1 || lacks_message => Passing::Hole,
            Phase::Live => Passing::On,
        }
    }

    /// Whether a chat that reaches up to here has something that nobody will pass on.
    pub fn is_behind(&self, last: Position) -> bool {
        self.phase == Phase::Live && !last.is_within(self.at)
    }

    pub fn replay(&mut self, announce: bool) {
        self.phase = Phase::Replaying { announce, begun: false };
    }

    /// After a silent check: live if nothing was missed up to `head`; otherwise the missed part is read.
    pub fn settle(&mut self, head: Position) {
        if head.is_within(self.at) {
            self.phase = Phase::Live;
        } else {
            self.phase = Phase::Replaying { announce: false, begun: true };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn at(seq: i64, change: i64) -> Position {
        Position { seq: Seq(seq), change: Change(change) }
    }

    fn follow(at: Position, phase: Phase) -> Follow {
        let chat_type = ChatType::General;
        Follow { chat_id: ChatId(1), at, place: 0, chat_type, phase }
    }

    fn run(kind: RunKind, first: i64, last: i64, reach: Position) -> Run {
        let ends = [(last, 0)].into();
        Run { chat_id: ChatId(1), kind, first, reach, ends, bytes: Bytes::new() }
    }

    #[test]
    fn one_comparison_tells_next_duplicate_and_gap() {
        let live = follow(at(5, 30), Phase::Live);
        let passing = |first, last| live.passing(&run(RunKind::Message, first, last, at(last, 0)));
        assert_eq!(passing(6, 8), Passing::On);
        assert_eq!(passing(4, 6), Passing::On);
        assert_eq!(passing(4, 5), Passing::By);
        assert_eq!(passing(7, 8), Passing::Hole);
        let joining = follow(at(5, 30), Phase::Joining);
        assert_eq!(joining.passing(&run(RunKind::Message, 6, 6, at(6, 0))), Passing::By);
    }

    #[test]
    fn a_change_is_compared_likewise_and_needs_its_message() {
        let live = follow(at(5, 30), Phase::Live);
        let passing =
            |first, last, seq| live.passing(&run(RunKind::Changed, first, last, at(seq, last)));
        assert_eq!(passing(31, 33, 5), Passing::On);
        assert_eq!(passing(29, 31, 2), Passing::On);
        assert_eq!(passing(29, 30, 5), Passing::By);
        assert_eq!(passing(32, 33, 5), Passing::Hole);
        assert_eq!(passing(31, 31, 6), Passing::Hole);
    }

    #[test]
    fn a_new_follower_is_live_only_if_nothing_was_missed() {
        let settled = |head| {
            let mut follow = follow(at(5, 30), Phase::Joining);
            follow.settle(head);
            follow.phase
        };
        assert_eq!(settled(at(5, 30)), Phase::Live);
        for head in [at(6, 30), at(5, 31)] {
            assert_eq!(settled(head), Phase::Replaying { announce: false, begun: true });
        }
    }
}
