//! Forms that are sent twice: by a second click, or by a reload. What cannot be done again is answered
//! with what it made the first time.
//!
//! Used by the calls that people make with a form and that would fail, or make a second thing, if they
//! were repeated. All others mean the same when they are repeated.

use super::Rules;
use crate::model::error::{Error, Result};
use crate::model::ids::ActName;

impl Rules {
    /// The refusal, unless this form has been done before: then what it made.
    pub(super) async fn made_before(&self, act: Option<ActName>, error: Error) -> Result<i64> {
        match (act, &error) {
            (Some(act), Error::Refused(_)) => self.store.made_by(act).await?.ok_or(error),
            (None, _) | (_, Error::Unavailable(_) | Error::Broken(_)) => Err(error),
        }
    }
}
