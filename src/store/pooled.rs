//! A connection of the pool while PostgreSQL is asked something on it, and what becomes of it afterwards.
//!
//! Used by all of `store` but `pipelines`, which does the same for connections with several pages. The
//! pool gives out the connection that came back last, so none comes back with an answer still to come:
//! that would hold up whoever is next.

use crate::error::{Error, Result};
use crate::limits::ANSWER_TIMEOUT;
use deadpool_postgres::Object;
use std::ops::{Deref, DerefMut};
use tokio::runtime::Handle;
use tokio::time::error::Elapsed;

/// Goes back to the pool when it is answered, or, if whoever asked has left, when PostgreSQL is done.
pub struct Pooled(Option<Object>);

impl Pooled {
    pub fn new(client: Object) -> Self {
        Self(Some(client))
    }

    /// The answer, if it came in time; a connection on which none came is thrown away, since the
    /// database behind it may hang.
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
        self.0.as_ref().expect("taken only at its end")
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Object {
        self.0.as_mut().expect("taken only at its end")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(client) = self.0.take() else { return };
        see_to_its_end(async move {
            let done = is_done(&client).await;
            let client = Self(Some(client));
            // Nobody is there to hear it.
            let _left = client.answered(done);
        });
    }
}

/// Whether PostgreSQL has answered everything that was asked before, within the time there is for it.
pub async fn is_done(client: &Object) -> Result<Result<(), tokio_postgres::Error>, Elapsed> {
    tokio::time::timeout(ANSWER_TIMEOUT, client.batch_execute("")).await
}

/// Goes on with what its caller has left.
pub fn see_to_its_end(rest: impl Future<Output = ()> + Send + 'static) {
    // At the end of the process there is no runtime any more, and nobody who asks.
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(rest);
    }
}
