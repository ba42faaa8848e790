//! A pooled connection while PostgreSQL answers a query on it, and what becomes of it afterwards.
//!
//! Used by all of `store` except `pipelines`, which does the same for connections with several pages.
//! The pool hands out the connection that came back last, so a connection must not come back before
//! its answer has arrived: that would delay its next user.

use crate::model::error::{Error, Result};
use deadpool_postgres::Object;
use std::ops::{Deref, DerefMut};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::error::Elapsed;

/// Goes back to the pool when the answer is here or, if the caller has left, when PostgreSQL is done.
pub struct Pooled {
    /// Taken only at the end.
    client: Option<Object>,
    /// How long the answer is waited for.
    limit: Duration,
}

impl Pooled {
    pub fn new(client: Object, limit: Duration) -> Self {
        Self { client: Some(client), limit }
    }

    /// The answer, if it came in time; otherwise the connection is discarded, because the database
    /// behind it may hang.
    pub fn answered<T, E: Into<Error>>(
        mut self,
        asked: Result<Result<T, E>, Elapsed>,
    ) -> Result<T> {
        let client = self.client.take();
        match asked {
            Ok(answer) => answer.map_err(Into::into),
            Err(late) => {
                drop(client.map(Object::take));
                Err(Error::unavailable("PostgreSQL", late))
            }
        }
    }
}

impl Deref for Pooled {
    type Target = Object;

    fn deref(&self) -> &Object {
        self.client.as_ref().expect("taken only at the end")
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Object {
        self.client.as_mut().expect("taken only at the end")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        let limit = self.limit;
        see_to_its_end(async move {
            let done = is_done(&client, limit).await;
            let client = Self::new(client, limit);
            // Nobody is left to hear it.
            let _left = client.answered(done);
        });
    }
}

/// Whether PostgreSQL has answered everything asked so far, within this time.
pub async fn is_done(
    client: &Object,
    limit: Duration,
) -> Result<Result<(), tokio_postgres::Error>, Elapsed> {
    tokio::time::timeout(limit, client.batch_execute("")).await
}

/// Finishes what a caller that has left began.
pub fn see_to_its_end(rest: impl Future<Output = ()> + Send + 'static) {
    // While the process ends, there is neither a runtime nor anybody waiting.
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(rest);
    }
}
