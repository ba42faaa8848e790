//! What is asked of the kernel directly: time to pause, randomness, and files that the runtime watches.

pub mod backoff;
pub mod random;
pub mod readiness;
