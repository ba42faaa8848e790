//! How many messages the pages under way may request: in all, and for one user, so that those who read much
//! wait for themselves and not others for them.

use crate::limits::{PAGES_ROWS_PER_USER_MAX, RETRY_SOON};
use crate::model::error::{Error, Result};
use crate::model::ids::UserId;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

pub struct PageRows {
    all: Arc<Semaphore>,
    users: Mutex<FxHashMap<UserId, UserRows>>,
}

struct UserRows {
    /// Pages under way and waiting.
    pages: usize,
    free: Arc<Semaphore>,
}

/// For as long as this is kept, the rows of a page count among those under way.
pub struct PagePermit {
    _of_user: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
    _page: UserPage,
}

/// One of a user's pages, from the wait on.
struct UserPage {
    rows: Arc<PageRows>,
    user: UserId,
}

impl PageRows {
    pub fn new(most: usize) -> Arc<Self> {
        let all = Arc::new(Semaphore::new(most));
        Arc::new(Self { all, users: Mutex::default() })
    }

    /// Waits first for the user's other pages, then for those of all.
    pub async fn take(
        self: &Arc<Self>,
        user: UserId,
        rows: u32,
        until: Instant,
    ) -> Result<PagePermit> {
        let (page, free) = self.enter(user);
        let own = timeout_at(until, free.acquire_many_owned(rows)).await;
        let waits =
            "Your other requests for history are still being answered; try again in a moment.";
        let of_user = own.map_err(|_late| Error::busy(waits, RETRY_SOON))?;
        let all = timeout_at(until, Arc::clone(&self.all).acquire_many_owned(rows)).await;
        let of_all = all.map_err(|late| Error::unavailable("the pages under way", late))?;
        Ok(PagePermit {
            _of_user: of_user.expect("never closed"),
            _of_all: of_all.expect("never closed"),
            _page: page,
        })
    }

    fn enter(self: &Arc<Self>, user: UserId) -> (UserPage, Arc<Semaphore>) {
        let mut users = self.users.lock();
        let own = users.entry(user).or_insert_with(|| UserRows {
            pages: 0,
            free: Arc::new(Semaphore::new(PAGES_ROWS_PER_USER_MAX)),
        });
        own.pages += 1;
        (UserPage { rows: Arc::clone(self), user }, Arc::clone(&own.free))
    }
}

impl Drop for UserPage {
    fn drop(&mut self) {
        let mut users = self.rows.users.lock();
        if let Some(own) = users.get_mut(&self.user) {
            own.pages -= 1;
            if own.pages == 0 {
                users.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{MEDIUM, PAGE_ROWS_MAX};
    use std::time::Duration;

    #[tokio::test]
    async fn a_user_waits_for_their_own_pages_and_not_others_for_them() {
        let rows = PageRows::new(MEDIUM.pages_rows);
        let longest = async |user| {
            let until = Instant::now() + Duration::from_millis(1);
            rows.take(UserId(user), PAGE_ROWS_MAX as u32, until).await
        };
        let own = longest(1).await.expect("the first");
        assert!(longest(1).await.is_err_and(|error| error.is_busy()));
        let mut others = Vec::new();
        for user in 2..13 {
            others.push(longest(user).await.expect("not the others"));
        }
        assert!(matches!(longest(13).await, Err(Error::Unavailable(_))), "a dozen are under way");
        drop(own);
        assert!(longest(1).await.is_ok());
        assert!(longest(13).await.is_ok());
        drop(others);
        assert!(rows.users.lock().is_empty());
    }
}
