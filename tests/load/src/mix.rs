//! Which of what is written are changes of messages: in fixed shares, each of a message that its writer has had
//! acknowledged, and no message twice. So every number of a change is told to everybody. Pure.

use std::collections::VecDeque;

/// The shares of edits and of reactions.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Mix {
    pub edits: f64,
    pub reactions: f64,
}

/// What comes next: a message, or a change of the message with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Message,
    Edit(u64),
    Reaction(u64),
}

/// What one writer has written in one chat.
#[derive(Debug, Default)]
pub struct Written {
    /// Messages that were acknowledged and have not been changed.
    unchanged: VecDeque<u64>,
    edits_due: f64,
    reactions_due: f64,
}

impl Mix {
    pub fn has_changes(self) -> bool {
        self.edits + self.reactions > 0.0
    }
}

impl Written {
    pub fn acknowledged(&mut self, seq: u64) {
        self.unchanged.push_back(seq);
    }

    /// A change that is due waits for a message that it can be made of.
    pub fn next(&mut self, mix: Mix) -> Next {
        self.edits_due += mix.edits;
        self.reactions_due += mix.reactions;
        if self.edits_due >= 1.0
            && let Some(seq) = self.unchanged.pop_front()
        {
            self.edits_due -= 1.0;
            return Next::Edit(seq);
        }
        if self.reactions_due >= 1.0
            && let Some(seq) = self.unchanged.pop_front()
        {
            self.reactions_due -= 1.0;
            return Next::Reaction(seq);
        }
        Next::Message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn changes_have_their_shares_and_no_message_changes_twice() {
        let (mut written, mix) = (Written::default(), Mix { edits: 0.25, reactions: 0.125 });
        let (mut seq, mut edits, mut reactions, mut changed) = (0, 0, 0, HashSet::new());
        for _ in 0..1_000 {
            match written.next(mix) {
                Next::Message => {
                    seq += 1;
                    written.acknowledged(seq);
                }
                Next::Edit(seq) => {
                    edits += 1;
                    assert!(changed.insert(seq));
                }
                Next::Reaction(seq) => {
                    reactions += 1;
                    assert!(changed.insert(seq));
                }
            }
        }
        // The last one that is due has not had its turn.
        assert_eq!((edits, reactions, seq), (250, 124, 626));
    }

    #[test]
    fn without_shares_everything_is_a_message() {
        let mut written = Written::default();
        written.acknowledged(1);
        assert!((0..100).all(|_| written.next(Mix::default()) == Next::Message));
    }

    #[test]
    fn what_is_not_acknowledged_is_not_changed() {
        let (mut written, mix) = (Written::default(), Mix { edits: 0.5, reactions: 0.5 });
        assert!((0..9).all(|_| written.next(mix) == Next::Message));
        written.acknowledged(7);
        assert_eq!(written.next(mix), Next::Edit(7));
        assert_eq!(written.next(mix), Next::Message);
    }
}
