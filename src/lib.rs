//! snug: a chat server for small machines. This page is the map.
//!
//! # Four floors, calls only go down
//!
//! **The process** (`process`): what runs around everything else.
//!
//! - `run`: [`run()`], the one seam that the program and the tests share, and the chores beside it
//! - `database`: opening the database and bringing its schema up to date
//! - `cli` (`flags`, for settings), `config`, `prompt`: the command line, the settings, asking for
//!   a password
//! - `commands`: accounts, tokens and the schema from the command line
//! - `backup`: one file with everything that lasts; `make`, `verify`, `restore`, `file` (its form),
//!   `manifest` (what it says of itself), `schedule` (each night), `kept` (which stay), `state`
//!   (what became of the last ones), `shown` (how far one is)
//! - `upgrade`: taking its own database to a newer PostgreSQL
//! - `doctor`: whether all is well, line by line; `machine`, `database`, `backups`, `served` (how
//!   it is reached, by `ask`)
//! - `log`, `systemd`, `progress`, `memory`, `measure`: log lines, the service manager, the
//!   watchdog's question, giving memory back, figures for the metrics
//!
//! **The edges**: what comes in from the network.
//!
//! - `http`: requests
//!   - `server`: accepting connections; `listener`, `connection_limits` (how many at once), `place`
//!     (what one is doing), `quiet` (which may make room), `request_body`,
//!     `http_stream` (the stream below hyper)
//!   - `routes` (every route, a line each), `route` (what a route is, and how it is found)
//!   - `guard` (who asks), `forwarded` (what proxies say), `host` (which names are ours),
//!     `public_url`, `notices` (what is odd about a proxy, said once)
//!   - `header_parts` (lists in headers), `body`, `cookies`, `form` (forms and their tokens),
//!     `respond`
//!   - `framing` (where requests begin and end), `not_http` (what hyper refuses by itself)
//!   - `api`: JSON, one file per resource; `pages`: HTML, likewise
//!   - `views` (a struct per page), `render` (with its template), `bounds` (by the names that
//!     templates use), `assets`
//!   - `sockets`: what is checked before a 101
//!   - `app`: what every handler can reach
//! - `live`: sockets
//!   - `upgrade` (the handshake), `worker` (a task per shard, the only code that touches its
//!     sockets), `poll` (how it waits for thousands), `connection` (one socket: its bytes
//!     and its deadlines), `slab` (where they lie), `wheel` (which deadline is next)
//!   - `frame_parser` (bytes to frames), `client_frames` (what a client's frame means), `incoming`
//!     (doing it), `close` (the table of close codes)
//!   - `events` (what a shard is told), `delivery` (messages out, live and replayed), `follow`
//!     (where a connection is in a chat), `errands` (what is read for sockets), `signals` (who
//!     writes, is online, has read: live and never stored)
//!
//! **The rules** (`chat`): what people can do, and what follows.
//!
//! - `post`, `alter` (changing a message), `lane` (commit, then publish), `batch` (what writes
//!   become), `aside` (writes to held chats)
//! - `elsewhere` (what other nodes do: heard, and looked for)
//! - `history`, `overview` (the list of chats), `reach`, `resume`, `read_positions`, `presence`
//!   (who is online, and who is told)
//! - `search` (finding messages), `indexing` (keeping the index for it, behind the lane)
//! - `rooms`, `private`, `signups` (who may, and letting them in), `accounts` (logging in and
//!   out), `owners` (roles, and the first owner), `operator` (what commands do with accounts),
//!   `own_account` (what people do with their own), `export` (their data as a file), `removals` (of
//!   all that somebody has said), `links` (that can be used once), `sessions` (which of them live:
//!   a cache), `uses` (when they were last used), `tokens`, `passwords`, `turns` (whose it is to
//!   hash one), `limiter` (how often something may be done), `acts` (what a form did, when it is
//!   sent twice)
//!
//! **The ground**, with effects:
//!
//! - `store`: the only code that talks to PostgreSQL, one file per table; `connect` (how it is
//!   reached), `tls` (and encrypted), `absence` (why not), `pooled` (a connection in use),
//!   `pooler` (whether it is lent to others), `pipelines` (many pages on one connection),
//!   `page_rows` (how much these may request), `transactions`, `migrate`, `names` (what senders are
//!   called), `known` (whom a user knows), `followed` (what is read for all who follow a chat),
//!   `notify` (NOTIFY and LISTEN), `disk` (whether there is room), `writer` (the lane's
//!   connection), `snapshot` (one moment of everything), `health` (what PostgreSQL says of itself).
//!   Statements are in `sql/<table>/<function>.sql`, the functions that store and alter messages in
//!   `sql/migrations`
//! - `postgres`: the PostgreSQL that snug starts itself; `cluster` (making it, its settings),
//!   `directory` and `lock` (where it lies, who may touch it), `postmaster` (one process),
//!   `supervise` (until it answers, again and again), `scratch` (another one beside it),
//!   `succession` (by a newer version), `tools` (those of its programs that copy)
//! - `registry`: the only code that knows who is connected; `shard` (one slice of it), `followed`
//!   (up to where followers were told, where there are other nodes), `elsewhere` (what is told
//!   because of these), `inbox`
//!   (what it is told), `outbox` (what waits for one reader), `backlog` (for all readers), `seats`
//!   (how many there may be), `presence` (who is online, as others may see it)
//! - `bus`: what nodes that share a database tell each other: what is to be said; `seal` (what is
//!   believed), `postgres` (said by NOTIFY). Called by `registry`, made of connections of `store`
//! - `mail`: the only code that talks to a mail server
//! - `os`: `random`, `readiness` (files that the runtime watches), `backoff` (pauses between tries)
//! - `metrics`
//!
//! and without:
//!
//! - `model`: `message` (the nouns; `more`, what few messages have), `ids`, `news` (what nodes
//!   tell each other), `wire` (frames and JSON; `runs` of them), `text` (what people write, a
//!   type for each rule; `invites`, links to rooms in it; `unseen`, what nobody sees, and
//!   `joiners`, what some scripts need of that; `emoji`; `formatting`, what marks make of a
//!   message, by its `spans`; `names`, whom it may name), `signups` (who may), `export` (lines of
//!   one), `words` (how texts are compared in a search; `sought`, what is looked for), `subnet`
//!   (by what clients are told apart), `sizes` (as people read them), `error`, `waits` (how long
//!   others are waited for; tests shorten them)
//! - `limits`: every bound, with its reason (`accounts`: of invites, links, mails, exports; `bus`;
//!   `mentions`; `upkeep`: of backups and the like; `search`, `signals`); `fits`, which of them
//!   must fit into which
//!
//! # Where state lives
//!
//! PostgreSQL holds everything that must outlive the process. A chat's next numbers, of messages
//! and of changes, are in its locked row, never in memory. A shard's worker owns its connections
//! and who follows what; the lane owns the writing connection; caches (sessions, standings, names,
//! epoch) are at most a second old.
//!
//! # Three walks
//!
//! *A message by socket.* `live::worker` is told that a socket is readable, `incoming` parses the
//! frame in the worker's scratch buffer, `client_frames` says that it is a message, `chat::post`
//! paces its sender and hands the draft to the `lane`. The lane takes what has queued up as one
//! batch; `store::writer` locks the chats, numbers and inserts in one call, a transaction by
//! itself. After the commit `wire` encodes each message once, `registry` tells every shard, and
//! `delivery` writes it to each follower whose position is right before it, straight to the kernel
//! or behind what waits in the outbox. The sender gets its `ack`. An edit, a deletion, a reaction
//! or a pin (`chat::alter`) takes the same way, with a number of its own (`change`) beside that of
//! messages.
//!
//! *A reader comes back.* `http::sockets` checks handshake, token, origin, reach, query and seats,
//! and answers 101. `server` hands the bare socket to its shard. `events` follows the chat first,
//! then has the database read (`errands`, `chat::resume`), and `delivery` passes pages on as the
//! outbox drains: messages first, then earlier ones that have changed. When the position is level
//! with the last numbers that were published since, the chat goes live: seam, double and hole are
//! one comparison in `follow`.
//!
//! *Somebody is approved.* `http::api::join_requests` parses, `chat::rooms` asks whether the viewer
//! made the room, `store::room_members` locks the user and the chat, counts and decides; after the
//! commit `registry` tells the user's sockets, which follow the room from where it stood.
//!
//! # What is never there
//!
//! 1. SQL outside `sql/` (short constant statements in `store` aside); `tokio_postgres` outside
//!    `store` and `postgres`.
//! 2. A message committed or published anywhere but in the lane: stored before seen, seen in order.
//! 3. A look-up of a chat or message by bare id from the edges: the viewer's reach is in the
//!    statement.
//! 4. An await while a lock is held; a guard that leaves its module.
//! 5. A queue, body, list, retry or wait without a bound. Every bound is in `limits`.
//! 6. Global state: everything hangs off `App`.
//! 7. A route without a declared access: each line of `http::routes` has one.
//! 8. A second step after a commit inside a future that a leaving client can drop: the rules run
//!    such calls to their end.
//! 9. Inline script or style in HTML; text for people or a path in a script.
//!
//! `tests/it/tidy.rs` checks those that a text search can check.

pub mod bus;
pub mod chat;
pub mod http;
pub mod limits;
pub mod live;
pub mod mail;
pub mod metrics;
pub mod model;
pub mod os;
pub mod postgres;
pub mod process;
pub mod registry;
pub mod store;

pub use process::run::run;
