//! One slice of who is connected: who follows each chat, and which sockets each user has.
//!
//! It belongs to one worker, so it needs no lock. Connections are named by their index in the worker's
//! slab. An entry is removed together with its last connection.

use super::FollowedChats;
use crate::model::ids::{ChatId, Position, UserId};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::collections::hash_map::Entry;
use std::sync::Arc;

#[derive(Default)]
pub struct Shard {
    chats: FxHashMap<ChatId, Followers>,
    users: FxHashMap<UserId, SmallVec<[u32; 2]>>,
    /// Those of all shards, where there are other nodes.
    followed: Option<Arc<FollowedChats>>,
}

/// A chat that somebody on this shard follows.
#[derive(Default)]
pub struct Followers {
    /// The largest numbers that this shard has heard of since it began to follow the chat.
    pub head: Position,
    /// Whether `head` is how far the chat reaches: it has been read from the database once, and everything
    /// published since has come past here.
    is_exact: bool,
    /// A few are stored inline: a long-lived allocation of its own would keep the memory around it from
    /// being given back.
    pub followers: SmallVec<[u32; 4]>,
}

impl Followers {
    /// Something up to here was published, perhaps for the second time. Returns the largest numbers.
    pub fn heard(&mut self, upto: Position) -> Position {
        self.head = self.head.max(upto);
        self.head
    }

    /// How far the chat reaches was read, in a query that began after the first follower was here. Returns
    /// the largest numbers.
    pub fn read(&mut self, last: Position) -> Position {
        self.is_exact = true;
        self.heard(last)
    }

    /// What was read is below `head`, although the query began after `head` was known: the database
    /// has gone back in time.
    pub fn gone_back(&mut self, last: Position) {
        (self.head, self.is_exact) = (last, false);
    }

    /// How far the chat reaches, if it is known for certain.
    pub fn last(&self) -> Option<Position> {
        self.is_exact.then_some(self.head)
    }
}

impl Shard {
    pub fn new(followed: Option<Arc<FollowedChats>>) -> Self {
        Self { followed, ..Self::default() }
    }

    pub fn chat(&mut self, chat_id: ChatId) -> Option<&mut Followers> {
        self.chats.get_mut(&chat_id)
    }

    /// Adds a follower; returns its index among the chat's followers.
    pub fn follow(&mut self, chat_id: ChatId, connection: u32) -> u32 {
        let chat = self.chats.entry(chat_id).or_insert_with(|| {
            if let Some(followed) = &self.followed {
                followed.follow(chat_id);
            }
            Followers::default()
        });
        let followers = &mut chat.followers;
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
            if let Some(followed) = &self.followed {
                followed.unfollow(chat_id);
            }
        } else if followers.capacity() > 64 && followers.len() < followers.capacity() / 4 {
            followers.shrink_to_fit();
        }
        moved
    }

    /// Whether it is the user's first.
    pub fn connect(&mut self, user_id: UserId, connection: u32) -> bool {
        let connections = self.users.entry(user_id).or_default();
        connections.push(connection);
        connections.len() == 1
    }

    /// Whether it was the user's last.
    pub fn disconnect(&mut self, user_id: UserId, connection: u32) -> bool {
        let Entry::Occupied(mut entry) = self.users.entry(user_id) else { return false };
        entry.get_mut().retain(|other| *other != connection);
        let is_last = entry.get().is_empty();
        if is_last {
            entry.remove();
        }
        is_last
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
    use crate::model::ids::{Change, Seq};

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

    fn at(seq: i64, change: i64) -> Position {
        Position { seq: Seq(seq), change: Change(change) }
    }

    #[test]
    fn the_head_never_goes_back() {
        let mut chat = Followers::default();
        assert_eq!(chat.heard(at(5, 7)), at(5, 7));
        assert_eq!(chat.heard(at(3, 8)), at(5, 8));
    }

    #[test]
    fn a_repeated_message_does_not_make_the_last_number_certain() {
        let mut chat = Followers::default();
        assert_eq!(chat.heard(at(3, 0)), at(3, 0));
        assert_eq!(chat.last(), None, "later messages may have passed before anybody followed");
        assert_eq!(chat.read(at(8, 2)), at(8, 2));
        assert_eq!((chat.heard(at(9, 0)), chat.last()), (at(9, 2), Some(at(9, 2))));
    }
}
