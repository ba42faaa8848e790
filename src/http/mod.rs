//! The edge for requests.

pub mod pages;
//! The edge for requests: what a request means, who may make it, and what it is answered with.

pub mod assets;
pub mod render;
