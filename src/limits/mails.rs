//! Bounds of links that work once, and of what is sent by mail.

use super::Rate;
use std::time::Duration;

/// Forgotten passwords, by whoever asks for a mail.
pub const FORGOTTEN_PER_ADDRESS: Rate = Rate::new(10, Duration::from_secs(60));
/// Mails to one e-mail address: three an hour.
pub const MAILS_PER_RECIPIENT: Rate = Rate::new(3, Duration::from_secs(20 * 60));
/// How often mails are looked for that are due, and how many are taken at once.
pub const MAIL_PAUSE: Duration = Duration::from_secs(2);
pub const MAILS_AT_ONCE: i64 = 10;
/// How long a mail server may take for each answer; others wait behind it.
pub const MAIL_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the link works by which the first owner comes: a day's time to follow it.
pub const SETUP_LINK_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// The same for a link at which somebody sets a new password.
pub const RESET_LINK_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Exports of one's own data, each of which reads all that one has ever said.
pub const EXPORTS_PER_USER: Rate = Rate::new(3, Duration::from_secs(10 * 60));
