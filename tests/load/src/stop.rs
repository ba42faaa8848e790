//! Why a run cannot go on: one line for the person who started it.

use std::fmt;

pub type Result<T> = std::result::Result<T, Stop>;

#[derive(Debug, Clone)]
pub struct Stop(String);

impl Stop {
    pub fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Stop {}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<reqwest::Error> for Stop {
    fn from(error: reqwest::Error) -> Self {
        // Without its causes, a refused connection's error says nothing useful.
        let mut line = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            line += &format!(": {error}");
            cause = error.source();
        }
        Self(line)
    }
}
