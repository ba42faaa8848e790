//! The edge for requests.

pub mod pages;
