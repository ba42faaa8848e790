//! The names of users: a bounded cache in front of the table `users`, because most messages of a page
//! are by the same few people, and most pages by the same people as the last.
//!
//! Used by `messages`, and to say who joined or left a room, or has reacted. That a user was renamed or deleted is noticed within a second.

use super::{Store, sql};
use crate::limits::NAME_CACHE_AGE;
use crate::model::error::{Error, Result};
use crate::model::ids::UserId;
use crate::model::message::shown_name;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::Instant;

pub struct NameCache {
    entries: Mutex<FxHashMap<UserId, CachedName>>,
    /// How many it may hold.
    most: usize,
}

struct CachedName {
    name: Arc<str>,
    read_at: Instant,
}

impl NameCache {
    pub fn new(most: usize) -> Self {
        Self { entries: Mutex::default(), most }
    }

    fn get(&self, user_id: UserId) -> Option<Arc<str>> {
        let entries = self.entries.lock();
        let entry = entries.get(&user_id)?;
        (entry.read_at.elapsed() < NAME_CACHE_AGE).then(|| Arc::clone(&entry.name))
    }

    fn put(&self, user_id: UserId, name: Arc<str>, read_at: Instant) {
        let mut entries = self.entries.lock();
        if entries.len() >= self.most {
            entries.retain(|_, entry| entry.read_at.elapsed() < NAME_CACHE_AGE);
        }
        if entries.len() < self.most {
            entries.insert(user_id, CachedName { name, read_at });
        }
    }
}

impl Store {
    /// What a user is called.
    pub async fn name(&self, user_id: UserId) -> Result<Arc<str>> {
        let mut names = self.names(std::iter::once(user_id)).await?;
        names.remove(&user_id).ok_or_else(|| Error::broken("the name of a user", "it is not there"))
    }

    /// The names of all these users; deleted users are called `deleted-<id>`.
    pub async fn names(
        &self,
        user_ids: impl Iterator<Item = UserId>,
    ) -> Result<FxHashMap<UserId, Arc<str>>> {
        let (mut names, mut unknown) = (FxHashMap::default(), Vec::new());
        for user_id in user_ids {
            if names.contains_key(&user_id) || unknown.contains(&user_id.0) {
                continue;
            }
            match self.names.get(user_id) {
                Some(name) => drop(names.insert(user_id, name)),
                None => unknown.push(user_id.0),
            }
        }
        if !unknown.is_empty() {
            let read_at = Instant::now();
            for row in self.rows(sql!("users/names"), &[&unknown]).await? {
                let (user_id, name) =
                    (UserId(row.get("id")), Arc::from(row.get::<_, &str>("username")));
                self.names.put(user_id, Arc::clone(&name), read_at);
                names.insert(user_id, name);
            }
            for user_id in unknown.into_iter().map(UserId) {
                names.entry(user_id).or_insert_with(|| shown_name(user_id, None));
            }
        }
        Ok(names)
    }
}
