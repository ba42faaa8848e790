//! A pooled connection while PostgreSQL answers a query on it, and what becomes of it afterwards.
//!
//! Used by all of `store` except `pipelines`, which does the same for connections with several pages.
//! The pool hands out the connection that came back last, so a connection must not come back before
//! its answer has arrived: that would delay its next user.

use crate::error::{Error, Result};
use crate::limits::ANSWER_TIMEOUT;
use deadpool_postgres::Object;
use std::ops::{Deref, DerefMut};
use tokio::runtime::Handle;
use tokio::time::error::Elapsed;

/// Goes back to the pool when the answer is here or, if the caller has left, when PostgreSQL is done.
pub struct Pooled(Option<Object>);

impl Pooled {
    pub fn new(client: Object) -> Self {
        Self(Some(client))
    }

    /// The answer, if it came in time; otherwise the connection is discarded, because the database
    /// behind it may hang.
    pub fn answered<T, E: Into<Error>>(
        mut self,
        asked: Result<Result<T, E>, Elapsed>,
    ) -> Result<T> {
        let client = self.0.take();
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
        self.0.as_ref().expect("taken only at the end")
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Object {
        self.0.as_mut().expect("taken only at the end")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(client) = self.0.take() else { return };
        see_to_its_end(async move {
            let done = is_done(&client).await;
            let client = Self(Some(client));
            // Nobody is left to hear it.
            let _left = client.answered(done);
        });
    }
}

/// Whether PostgreSQL has answered everything asked so far, within the time allowed.
pub async fn is_done(client: &Object) -> Result<Result<(), tokio_postgres::Error>, Elapsed> {
    tokio::time::timeout(ANSWER_TIMEOUT, client.batch_execute("")).await
}

/// Finishes what a caller that has left began.
pub fn see_to_its_end(rest: impl Future<Output = ()> + Send + 'static) {
    // While the process ends, there is neither a runtime nor anybody waiting.
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(rest);
    }
}
