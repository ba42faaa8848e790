//! Who is online, as others may see it, and whom that is still to be told.
//!
//! Shards say who comes and goes; the rules ask, and tell it in rounds (`chat::presence`). One lock, held for
//! a look-up. A user has an entry while they have a socket and for a while after; what is to be told is
//! bounded by the users and connections there are.

use super::ConnectionId;
use crate::limits::INTRODUCTIONS_MAX;
use crate::model::ids::{ChatId, UserId};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::time::Instant;
use tokio::sync::Notify;

#[derive(Default)]
pub struct Presence {
    users: Mutex<Users>,
    news: Notify,
}

#[derive(Default)]
struct Users {
    /// Who is online, and whether they show it.
    online: FxHashMap<UserId, bool>,
    /// Those of them without a socket, and until when they count as online.
    leaving: FxHashMap<UserId, Instant>,
    untold: Untold,
}

/// What is still to be told.
#[derive(Default)]
pub struct Untold {
    /// These have come, gone, or switched it.
    pub changed: FxHashSet<UserId>,
    /// What these connections are to be told of others.
    pub asked: FxHashMap<ConnectionId, Asked>,
    /// These have become members of a room.
    pub introduced: FxHashSet<(UserId, ChatId)>,
}

/// What a connection is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub user_id: UserId,
    pub known: Option<Known>,
    /// Those in these chats who are online.
    pub chats: SmallVec<[ChatId; 1]>,
}

/// Of those whom a user knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// Who is online.
    Online,
    /// Who is and who is not.
    All,
}

impl Asked {
    fn add(&mut self, chat_id: ChatId) {
        if !self.chats.contains(&chat_id) {
            self.chats.push(chat_id);
        }
    }
}

impl Untold {
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.asked.is_empty() && self.introduced.is_empty()
    }

    /// At most so many users and connections of it.
    fn part(&mut self, most: usize) -> Self {
        if self.changed.len() <= most && self.asked.len() <= most {
            return std::mem::take(self);
        }
        let changed: FxHashSet<UserId> = self.changed.iter().copied().take(most).collect();
        self.changed.retain(|user_id| !changed.contains(user_id));
        let some: SmallVec<[ConnectionId; 8]> = self.asked.keys().copied().take(most).collect();
        let asked = some.into_iter().filter_map(|id| self.asked.remove_entry(&id)).collect();
        Self { changed, asked, introduced: std::mem::take(&mut self.introduced) }
    }
}

impl Presence {
    /// The first socket of a user.
    pub fn came(&self, user_id: UserId, shows: bool) {
        let mut users = self.users.lock();
        users.leaving.remove(&user_id);
        let before = users.online.insert(user_id, shows);
        if before.unwrap_or(false) != shows {
            users.untold.changed.insert(user_id);
            drop(users);
            self.news.notify_one();
        }
    }

    /// The last socket of a user is gone; from `then` on they are offline, unless they come back.
    pub fn left(&self, user_id: UserId, then: Instant) {
        self.users.lock().leaving.insert(user_id, then);
    }

    /// Whether an online user shows it from now on.
    pub fn show(&self, user_id: UserId, shows: bool) {
        let mut users = self.users.lock();
        if let Some(before) = users.online.get_mut(&user_id)
            && std::mem::replace(before, shows) != shows
        {
            users.untold.changed.insert(user_id);
            drop(users);
            self.news.notify_one();
        }
    }

    /// Whether others may see this user online.
    pub fn is_online(&self, user_id: UserId) -> bool {
        self.users.lock().online.get(&user_id).copied().unwrap_or(false)
    }

    /// A connection is to be told who is online.
    pub fn ask(&self, id: ConnectionId, user_id: UserId, known: Known) {
        let mut users = self.users.lock();
        let asked = users.untold.of(id, user_id);
        asked.known = asked.known.max(Some(known));
        drop(users);
        self.news.notify_one();
    }

    /// The same of those in one chat.
    pub fn ask_about(&self, id: ConnectionId, user_id: UserId, chat_id: ChatId) {
        let mut users = self.users.lock();
        users.untold.of(id, user_id).add(chat_id);
        drop(users);
        self.news.notify_one();
    }

    /// A new member is to be shown to those of the room.
    pub fn introduce(&self, user_id: UserId, room_id: ChatId) {
        let mut users = self.users.lock();
        if users.untold.introduced.len() < INTRODUCTIONS_MAX {
            users.untold.introduced.insert((user_id, room_id));
            drop(users);
            self.news.notify_one();
        }
    }

    /// Waits until there is something to tell.
    pub async fn has_news(&self) {
        self.news.notified().await;
    }

    /// What is to be told now, of at most so many users and connections.
    pub fn take(&self, now: Instant, most: usize) -> Untold {
        let mut users = self.users.lock();
        let Users { online, leaving, untold } = &mut *users;
        leaving.retain(|user_id, then| {
            let stays = *then > now;
            if !stays && online.remove(user_id).unwrap_or(false) {
                untold.changed.insert(*user_id);
            }
            stays
        });
        let part = untold.part(most);
        let has_more = !untold.is_empty();
        drop(users);
        if has_more {
            self.news.notify_one();
        }
        part
    }

    /// It could not be told.
    pub fn put_back(&self, part: Untold) {
        let mut users = self.users.lock();
        let untold = &mut users.untold;
        untold.changed.extend(part.changed);
        untold.introduced.extend(part.introduced);
        for (id, asked) in part.asked {
            let again = untold.of(id, asked.user_id);
            again.known = again.known.max(asked.known);
            asked.chats.into_iter().for_each(|chat_id| again.add(chat_id));
        }
        drop(users);
        self.news.notify_one();
    }
}

impl Untold {
    fn of(&mut self, id: ConnectionId, user_id: UserId) -> &mut Asked {
        let nothing = || Asked { user_id, known: None, chats: SmallVec::new() };
        self.asked.entry(id).or_insert_with(nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ADA: UserId = UserId(1);

    fn changed(presence: &Presence, now: Instant) -> Vec<UserId> {
        presence.take(now, 10).changed.into_iter().collect()
    }

    #[test]
    fn who_comes_back_in_time_was_never_away() {
        let (presence, now) = (Presence::default(), Instant::now());
        let later = now + Duration::from_secs(30);
        presence.came(ADA, true);
        assert_eq!(changed(&presence, now), [ADA]);
        presence.left(ADA, later);
        assert!(presence.is_online(ADA));
        assert_eq!(changed(&presence, now), []);
        presence.came(ADA, true);
        assert_eq!(changed(&presence, later), []);
        presence.left(ADA, later);
        assert_eq!(changed(&presence, later), [ADA]);
        assert!(!presence.is_online(ADA));
        assert_eq!(changed(&presence, later), [], "told once");
    }

    #[test]
    fn who_hides_is_never_told_of() {
        let (presence, now) = (Presence::default(), Instant::now());
        presence.came(ADA, false);
        assert!(!presence.is_online(ADA));
        presence.show(ADA, true);
        assert!(presence.is_online(ADA));
        assert_eq!(changed(&presence, now), [ADA]);
        presence.show(ADA, false);
        assert_eq!(changed(&presence, now), [ADA]);
        presence.left(ADA, now);
        assert_eq!(changed(&presence, now), []);
        presence.show(ADA, true);
        assert!(!presence.is_online(ADA), "without a socket nobody is online");
    }

    #[test]
    fn a_part_at_a_time_is_told_and_nothing_is_lost() {
        let (presence, now) = (Presence::default(), Instant::now());
        let id = |index| ConnectionId { shard: 0, index, generation: 0 };
        for user in 1..=25 {
            presence.came(UserId(user), true);
            presence.ask(id(user as u32), UserId(user), Known::Online);
        }
        presence.ask(id(1), ADA, Known::All);
        presence.ask_about(id(1), ADA, ChatId(7));
        let (mut users, mut asked) = (FxHashSet::default(), FxHashMap::default());
        let mut parts = 0;
        loop {
            let part = presence.take(now, 10);
            if part.is_empty() {
                break;
            }
            assert!(part.changed.len() <= 10 && part.asked.len() <= 10);
            parts += 1;
            if parts == 2 {
                presence.put_back(part);
                continue;
            }
            users.extend(part.changed);
            asked.extend(part.asked);
        }
        assert_eq!((parts, users.len(), asked.len()), (4, 25, 25));
        let both = Asked { user_id: ADA, known: Some(Known::All), chats: [ChatId(7)].into() };
        assert_eq!(asked[&id(1)], both);
    }
}
