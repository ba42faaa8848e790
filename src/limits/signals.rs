//! The bounds of signals: who writes, who is here, who has read. They are live, never stored, and the first
//! to be dropped.

use super::Rate;
use std::time::Duration;

/// That one user writes in one chat is passed on this seldom; those who are told show it twice as long.
pub const TYPING_PAUSE: Duration = Duration::from_secs(3);
/// In how many chats one user writes at a time: more than anybody has fingers for.
pub const TYPING_CHATS_MAX: usize = 5;
/// In a chat with more members online, somebody always writes, and nobody cares who.
pub const TYPING_ONLINE_MAX: usize = 200;

/// In rooms with more members, nobody is told who is online: they do not know each other.
pub const PRESENCE_ROOM_MEMBERS_MAX: i64 = 200;
/// Of how many people one user is told; they are told all at once.
pub const PRESENCE_KNOWN_MAX: i64 = 2_000;
/// How long a user without a socket counts as online: a page is loaded, or a line comes back.
pub const OFFLINE_AFTER_SECS: u32 = 30;
/// The pause between two rounds in which it is told who has come and gone: what happens meanwhile is told at
/// once.
pub const PRESENCE_PAUSE: Duration = Duration::from_millis(200);
/// The same if nothing happens: those who are gone long enough are looked for.
pub const PRESENCE_TICK: Duration = Duration::from_secs(1);
/// Of how many users it is read at a time whom they know, and how many of them come into a round.
pub const PRESENCE_READ_AT_ONCE: usize = 32;
pub const PRESENCE_ROUND_USERS_MAX: usize = 256;
/// Who is to be told of whom, in a round; with more, the rest comes in the next one.
pub const PRESENCE_ROUND_PAIRS_MAX: usize = 100_000;
/// New members whose rooms are still to be told that they are online. Beyond it they are found in the list.
pub const INTRODUCTIONS_MAX: usize = 1_000;
/// Of how many users a slow reader is told later by their names; of more, everything is told anew.
pub const OWED_USERS_MAX: usize = 500;
/// How often somebody switches it: those who know them are told each time.
pub const PRESENCE_SWITCHES_PER_USER: Rate = Rate::new(10, Duration::from_secs(6));
