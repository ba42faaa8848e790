//! snug: a chat server for small machines. This page is the map.
//!
//! # Four floors, calls only go down
//!
//! | floor | modules | what they are |
//! | --- | --- | --- |
//! | process | `main` `cli` `config` `prompt` `log` `systemd` `progress` `memory` `commands` | settings, signals, watchdog, commands |
//! | | `run` `database` `app` `server` | [`run()`], the one seam that the program and the tests share, and the chores beside; opening and preparing the database; accepting, its `listener` and `places`, and `held` (the stream below hyper) |
//! | edge: requests | `http` | `route` (all routes on one screen, those of pages in `pages::route`), `framing` (where requests begin and end), `guard` (who asks), `body`, `cookies`, `form` (forms and their tokens), `respond`, `unread` (what is no HTTP), `sockets` (before a 101); `api` (JSON) and `pages` (HTML), one file per resource each, `render`, `assets` |
//! | edge: sockets | `live` | `upgrade` (handshake), `worker` (a task per shard: the only code that touches its sockets), `poll` (how it waits for thousands), `connection`, `hearing` (frames in), `news` (events in), `delivery` (messages out, live and replayed), `session` (what a frame means), `follow` (where a connection is in a chat), `frames`, `close`, `wheel`, `slab`, `errands` (reads for sockets) |
//! | rules | `chat` | `post`, `lane` (commit, then publish), `batch` (what drafts become), `resume`, `reads`, `history`, `overview`, `rooms`, `private`, `accounts`, `sessions`, `tokens`, `passwords`, `limiter` |
//! | ground, effects | `store` | the only code that talks to PostgreSQL: one file per table, `names` (what senders are called), `connect` (how we reach it), `asked` (a connection in use), `shared` (connections for many pages at once), `transactions`, `migrate`, `private` (the PostgreSQL that we start ourselves); statements in `sql/<table>/<function>.sql`, and the function that stores messages in `sql/migrations` |
//! | | `registry` | the only code that knows who is connected: `shard` (one slice of it), `inbox` (what it is told), `outbox` (what waits for one reader), `seats` (how many there may be, and of which sessions) |
//! | ground, pure | `message` `wire` `views` `text` `ids` `error` `limits` | the nouns, frames and JSON, page structs, rules for text, every bound with its reason |
//! | beside | `metrics` `chance` `readiness` | what the process counts about itself; random bits; files that the runtime watches |
//!
//! # Where state lives
//!
//! PostgreSQL holds everything that must outlive the process. A chat's next number is in its locked row,
//! never in memory. A shard's worker owns its connections and who follows what; the lane owns the
//! writing connection; caches (sessions, standings, names, epoch) are at most a second old.
//!
//! # Three walks
//!
//! *A message by socket.* `live::worker` is told that a socket is readable, `hearing` parses the frame in
//! the worker's scratch buffer, `session` says that it is a message, `chat::post` paces its sender and
//! hands the draft to the `lane`. The lane takes what has queued up as one batch; `store::messages` locks
//! the chats, numbers and inserts in one call, a transaction by itself. After the commit `wire` encodes
//! each message once, `registry` tells every shard, and `delivery` writes it to each follower whose position
//! is right before it, straight to the kernel or behind what waits in the outbox. The sender gets its
//! `ack`.
//!
//! *A reader comes back.* `http::sockets` checks handshake, token, origin, reach, query and seats, and
//! answers 101. `server` hands the bare socket to its shard. `news` follows the chat first, then has the
//! database read (`errands`, `chat::resume`), and `delivery` passes pages on as the outbox drains. When the position
//! is level with the last number that was published since, the chat goes live: seam, double and hole are
//! one comparison in `follow`.
//!
//! *Somebody is approved.* `http::api::requests` parses, `chat::rooms` asks whether the viewer made the
//! room, `store::room_members` locks the user and the chat, counts and decides; after the commit
//! `registry` tells the user's sockets, which follow the room from where it stood.
//!
//! # What is never there
//!
//! 1. SQL outside `sql/` (short constant statements in `store` aside); `tokio_postgres` outside `store`.
//! 2. A message committed or published anywhere but in the lane: stored before seen, seen in order.
//! 3. A look-up of a chat or message by bare id from the edges: the viewer's reach is in the statement.
//! 4. An await while a lock is held; a guard that leaves its module.
//! 5. A queue, body, list, retry or wait without a bound. Every bound is in `limits`.
//! 6. Global state: everything hangs off `App`.
//! 7. A route without a declared access: the matches in `http::route` are exhaustive.
//! 8. A second step after a commit inside a future that a leaving client can drop: the rules run such
//!    calls to their end.
//! 9. Inline script or style in HTML; text for people or a path in a script.
//!
//! `tests/it/tidy.rs` checks those that a text search can check.

pub mod app;
pub mod chance;
pub mod chat;
pub mod cli;
pub mod commands;
pub mod config;
pub mod database;
pub mod error;
pub mod http;
pub mod ids;
pub mod limits;
pub mod live;
pub mod log;
pub mod memory;
pub mod message;
pub mod metrics;
pub mod progress;
pub mod prompt;
pub mod readiness;
pub mod registry;
pub mod run;
pub mod server;
pub mod store;
pub mod systemd;
pub mod text;
pub mod views;
pub mod wire;

pub use run::run;
