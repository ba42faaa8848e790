//! Pages for people, one file per resource.

pub mod docs;
