//! What is asked of the kernel directly: randomness, and files that the runtime watches.

pub mod random;
pub mod readiness;
