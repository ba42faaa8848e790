//! Who is online, as others may see it, and whom that is still to be told.
//!
//! Shards say who comes and goes; the rules ask, and tell it in rounds (`chat::presence`). One lock, held for
//! a look-up. A user has an entry while they have a socket and for a while after; what is to be told is
//! bounded by the users and connections there are.

use super::ConnectionId;
use crate::bus::NodeId;
use crate::limits::{ELSEWHERE_AGE, ELSEWHERE_USERS_MAX, INTRODUCTIONS_MAX};
use crate::model::ids::{ChatId, UserId};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::collections::hash_map::Entry;
use std::time::Instant;
use tokio::sync::Notify;

#[derive(Default)]
pub struct Presence {
    users: Mutex<Users>,
    news: Notify,
    /// Whether there are other nodes.
    is_shared: bool,
}

#[derive(Default)]
struct Users {
    /// Who is online, and whether they show it.
    online: FxHashMap<UserId, bool>,
    /// Those of them without a socket, and until when they count as online.
    leaving: FxHashMap<UserId, Instant>,
    /// Who is online on other nodes.
    elsewhere: FxHashMap<UserId, SmallVec<[Sighting; 1]>>,
    untold: Untold,
    /// Who has come, gone or switched it here, of which other nodes have not been told.
    unsaid: FxHashSet<UserId>,
}

/// On which node somebody is online, whether they show it, and until when without its being said again.
type Sighting = (NodeId, bool, Instant);

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

impl Users {
    fn is_online(&self, user_id: UserId) -> bool {
        let elsewhere = || self.elsewhere.get(&user_id);
        self.online.get(&user_id).copied().unwrap_or(false)
            || elsewhere().is_some_and(|nodes| nodes.iter().any(|(_, shows, _)| *shows))
    }
}

impl Presence {
    pub fn new(is_shared: bool) -> Self {
        Self { is_shared, ..Self::default() }
    }

    /// Does something that may change how others see a user.
    fn change(&self, user_id: UserId, change: impl FnOnce(&mut Users)) {
        let mut users = self.users.lock();
        let (before, was) = (users.is_online(user_id), users.online.get(&user_id).copied());
        change(&mut users);
        let is_seen = users.is_online(user_id) != before;
        let is_said = self.is_shared && users.online.get(&user_id).copied() != was;
        if is_seen {
            users.untold.changed.insert(user_id);
        }
        if is_said {
            users.unsaid.insert(user_id);
        }
        drop(users);
        if is_seen || is_said {
            self.news.notify_one();
        }
    }

    /// The first socket of a user.
    pub fn came(&self, user_id: UserId, shows: bool) {
        self.change(user_id, |users| {
            users.leaving.remove(&user_id);
            users.online.insert(user_id, shows);
        });
    }

    /// The last socket of a user is gone; from `then` on they are offline, unless they come back.
    pub fn left(&self, user_id: UserId, then: Instant) {
        self.users.lock().leaving.insert(user_id, then);
    }

    /// Whether an online user shows it from now on.
    pub fn show(&self, user_id: UserId, shows: bool) {
        self.change(user_id, |users| {
            if let Some(before) = users.online.get_mut(&user_id) {
                *before = shows;
            }
        });
    }

    /// A user has a socket on another node, and shows it or not.
    pub fn is_there(&self, node: NodeId, user_id: UserId, shows: bool, now: Instant) {
        self.change(user_id, |users| {
            let has_room = users.elsewhere.len() < ELSEWHERE_USERS_MAX;
            if has_room || users.elsewhere.contains_key(&user_id) {
                let nodes = users.elsewhere.entry(user_id).or_default();
                nodes.retain(|(other, ..)| *other != node);
                nodes.push((node, shows, now + ELSEWHERE_AGE));
            }
        });
    }

    /// A user has none there any more.
    pub fn is_gone(&self, node: NodeId, user_id: UserId) {
        self.change(user_id, |users| {
            if let Entry::Occupied(mut nodes) = users.elsewhere.entry(user_id) {
                nodes.get_mut().retain(|(other, ..)| *other != node);
                if nodes.get().is_empty() {
                    nodes.remove();
                }
            }
        });
    }

    /// Whether the user has a socket on this node, or had one a moment ago.
    pub fn is_here(&self, user_id: UserId) -> bool {
        self.users.lock().online.contains_key(&user_id)
    }

    /// Who is here, and who is not any more: of those of whom other nodes have not been told, or of all.
    pub fn take_unsaid(&self, is_whole: bool) -> (Vec<(UserId, bool)>, Vec<UserId>) {
        let mut users = self.users.lock();
        let Users { online, unsaid, .. } = &mut *users;
        let (mut here, mut gone) = (Vec::new(), Vec::new());
        for user_id in unsaid.drain() {
            match online.get(&user_id) {
                Some(_) if is_whole => {}
                Some(shows) => here.push((user_id, *shows)),
                None => gone.push(user_id),
            }
        }
        if is_whole {
            here.extend(online.iter().map(|(user_id, shows)| (*user_id, *shows)));
        }
        (here, gone)
    }

    /// Whether others may see this user online.
    pub fn is_online(&self, user_id: UserId) -> bool {
        self.users.lock().is_online(user_id)
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
        let Users { online, leaving, elsewhere, untold, unsaid } = &mut *users;
        leaving.retain(|user_id, then| {
            let stays = *then > now;
            if !stays && let Some(shows) = online.remove(user_id) {
                if shows {
                    untold.changed.insert(*user_id);
                }
                if self.is_shared {
                    unsaid.insert(*user_id);
                }
            }
            stays
        });
        elsewhere.retain(|user_id, nodes| {
            if nodes.iter().any(|(.., until)| *until <= now) {
                nodes.retain(|(.., until)| *until > now);
                untold.changed.insert(*user_id);
            }
            !nodes.is_empty()
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
