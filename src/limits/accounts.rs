//! The bounds of having an account: invites and other links, what is sent by mail, an export of one's own data,
//! and what stays of somebody who is gone.

use super::{Pauses, Rate};
use std::time::Duration;

// ---- signing up ----

/// Accounts that one invite is good for: a whole school, but not everybody.
pub const INVITE_USES_MAX: i32 = 1_000;
pub const INVITE_LIFETIME_DEFAULT: &str = "7d";
/// Moderators and owners who are told at once of somebody who signs up; others see it on their next page.
pub const MODERATORS_TOLD_MAX: i64 = 200;

// ---- links that work once, and mail ----

/// How long the link works by which the first owner comes: a day's time to follow it.
pub const SETUP_LINK_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// The same for a link at which somebody sets a new password.
pub const RESET_LINK_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Whom to ask, on the login page: a name and an address, in a line or two.
pub const CONTACT_CHARS_MAX: usize = 200;
/// Forgotten passwords, by whoever asks for a mail.
pub const FORGOTTEN_PER_ADDRESS: Rate = Rate::new(10, Duration::from_secs(60));
/// Mails to one e-mail address: three an hour.
pub const MAILS_PER_RECIPIENT: Rate = Rate::new(3, Duration::from_secs(20 * 60));
/// How often mails are looked for that are due, and how many are taken at once.
pub const MAIL_PAUSE: Duration = Duration::from_secs(2);
pub const MAILS_AT_ONCE: i64 = 10;
/// How long a mail server may take for each answer; others wait behind it.
pub const MAIL_TIMEOUT: Duration = Duration::from_secs(20);

// ---- taking one's data, and leaving ----

/// Exports of one's own data, each of which reads all that one has ever said.
pub const EXPORTS_PER_USER: Rate = Rate::new(3, Duration::from_secs(10 * 60));
/// Exports at once: each keeps a connection busy for as long as its reader is quick.
pub const EXPORTS_MAX: usize = 2;
/// Messages in a page of an export, and pages that wait for its reader: at most 5 MB of the longest ones.
pub const EXPORT_ROWS: i64 = 100;
pub const EXPORT_PAGES_WAITING: usize = 2;
/// How soon somebody's messages begin to be removed: until then, sockets whose session has ended may still write.
pub const REMOVAL_GRACE: Duration = Duration::from_secs(3);
/// How often it is looked for messages that are to be removed.
pub const REMOVALS_PAUSE: Duration = Duration::from_secs(2);
/// Messages that are removed in one batch, and the pause after it: some hundred a second, which leaves the lane to
/// those who write.
pub const REMOVED_AT_ONCE: i64 = 50;
pub const REMOVED_PAUSE: Duration = Duration::from_millis(150);
/// The pause after messages could not be removed.
pub const REMOVAL_RETRY_PAUSES: Pauses =
    Pauses::doubling(Duration::from_secs(1), Duration::from_secs(60));
/// How long nobody else may have the name of somebody who is gone: as long as a sign-in is remembered.
pub const NAME_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
