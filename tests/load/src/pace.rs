//! How fast a person writes, and waiting for an exact moment.

use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

#[derive(Debug, Clone)]
pub enum Pace {
    /// At fixed times, whatever the server does.
    Every { interval: Duration, first: Instant },
    /// As fast as acknowledgements come, with this many under way.
    Window(usize),
    /// The same, with a total number under way that is shared with others, each in turn.
    Shared(Rc<Semaphore>),
}

/// A starting time shared by all writers, so that their messages are spread evenly over time.
pub fn paces(writers: usize, rate: f64) -> impl Iterator<Item = Pace> {
    let start = Instant::now();
    let interval = Duration::from_secs_f64(writers as f64 / rate);
    (0..writers).map(move |place| Pace::Every {
        interval,
        first: start + interval.mul_f64(place as f64 / writers as f64),
    })
}

/// Tokio's timers have a resolution of a millisecond, which would be part of every wait measured.
pub async fn sleep_until(due: Instant) {
    async_io::Timer::at(due.into_std()).await;
}
