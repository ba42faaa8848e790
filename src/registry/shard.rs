//! One slice of who is connected: who follows each chat, and which sockets each user has.
//!
//! It belongs to one worker, so it needs no lock. Connections are named by their index in the worker's
//! slab. An entry is removed together with its last connection.

use crate::model::ids::{ChatId, Seq, UserId};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::collections::hash_map::Entry;

#[derive(Default)]
pub struct Shard {
    chats: FxHashMap<ChatId, Followers>,
    users: FxHashMap<UserId, SmallVec<[u32; 2]>>,
}

/// A chat that somebody on this shard follows.
#[derive(Default)]
pub struct Followers {
    /// The largest number that this shard has heard of since it began to follow the chat.
    pub head: Seq,
    /// Whether `head` is the chat's last number: it has been read from the database once, and everything
    /// published since has come past here.
    is_exact: bool,
    /// A few are stored inline: a long-lived allocation of its own would keep the memory around it from
    /// being given back.
    pub followers: SmallVec<[u32; 4]>,
}

impl Followers {
    /// A message with this number was published, perhaps for the second time. Returns the largest
    /// number.
    pub fn heard(&mut self, seq: Seq) -> Seq {
        self.head = self.head.max(seq);
        self.head
    }

    /// The chat's last number was read, in a query that began after the first follower was here. Returns
    /// the largest number.
    pub fn read(&mut self, last_seq: Seq) -> Seq {
        self.is_exact = true;
        self.heard(last_seq)
    }

    /// The number read is below `head`, although the query began after `head` was known: the database
    /// has gone back in time.
    pub fn gone_back(&mut self, last_seq: Seq) {
        (self.head, self.is_exact) = (last_seq, false);
    }

    /// The chat's last number, if it is known for certain.
    pub fn last_seq(&self) -> Option<Seq> {
        self.is_exact.then_some(self.head)
    }
}

impl Shard {
    pub fn chat(&mut self, chat_id: ChatId) -> Option<&mut Followers> {
        self.chats.get_mut(&chat_id)
    }

    /// Adds a follower; returns its index among the chat's followers.
    pub fn follow(&mut self, chat_id: ChatId, connection: u32) -> u32 {
        let followers = &mut self.chats.entry(chat_id).or_default().followers;
        followers.push(connection);
        followers.len() as u32 - 1
    }

    /// Removes the follower at an index; returns the follower that moved there from the end, if any.
    pub fn unfollow(&mut self, chat_id: ChatId, place: u32) -> Option<u32> {
        let Entry::Occupied(mut entry) = self.chats.entry(chat_id) else { return None };
        let followers = &mut entry.get_mut().followers;
        followers.swap_remove(place as usize);
        let moved = followers.get(place as usize).copied();
        if followers.is_empty() {
            entry.remove();
        } else if followers.capacity() > 64 && followers.len() < followers.capacity() / 4 {
            followers.shrink_to_fit();
        }
        moved
    }

    pub fn connect(&mut self, user_id: UserId, connection: u32) {
        self.users.entry(user_id).or_default().push(connection);
    }

    pub fn disconnect(&mut self, user_id: UserId, connection: u32) {
        if let Entry::Occupied(mut entry) = self.users.entry(user_id) {
            entry.get_mut().retain(|other| *other != connection);
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }

    /// The user's connections here, as a copy, because working on them may change the map.
    pub fn connections_of(&self, user_id: UserId) -> SmallVec<[u32; 2]> {
        self.users.get(&user_id).cloned().unwrap_or_default()
    }

    pub fn users(&self) -> usize {
        self.users.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_a_follower_names_the_one_that_took_its_index() {
        let mut shard = Shard::default();
        let chat = ChatId(1);
        assert_eq!((0..3).map(|c| shard.follow(chat, c)).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(shard.unfollow(chat, 0), Some(2));
        assert_eq!(shard.unfollow(chat, 1), None);
        assert_eq!(shard.unfollow(chat, 0), None);
        assert!(shard.chat(chat).is_none(), "the entry is removed with its last follower");
    }

    #[test]
    fn the_head_never_goes_back() {
        let mut chat = Followers::default();
        assert_eq!(chat.heard(Seq(5)), Seq(5));
        assert_eq!(chat.heard(Seq(3)), Seq(5));
    }

    #[test]
    fn a_repeated_message_does_not_make_the_last_number_certain() {
        let mut chat = Followers::default();
        assert_eq!(chat.heard(Seq(3)), Seq(3));
        assert_eq!(chat.last_seq(), None, "later messages may have passed before anybody followed");
        assert_eq!(chat.read(Seq(8)), Seq(8));
        assert_eq!((chat.heard(Seq(9)), chat.last_seq()), (Seq(9), Some(Seq(9))));
    }
}
