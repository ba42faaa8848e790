//! The bounds of what keeps an installation well: measuring it, examining it, backing it up.

use std::time::Duration;

// ---- snug doctor and what is measured ----

/// For an answer by the server or through the proxy.
pub const DOCTOR_ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// The metrics are the longest.
pub const DOCTOR_ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// With less left, the next busy moment may bring the kernel to kill something.
pub const DOCTOR_MEMORY_BYTES_MIN: u64 = 64 * 1024 * 1024;
/// For how many days the disk must do: time to notice, and time to act.
pub const DOCTOR_ROOM_DAYS_WARNING: u64 = 60;
pub const DOCTOR_ROOM_DAYS_FAILURE: u64 = 7;
/// How far the clocks may be apart: times of messages are the database's, those of tokens are ours.
pub const DOCTOR_CLOCK_WARNING: Duration = Duration::from_secs(1);
pub const DOCTOR_CLOCK_FAILURE: Duration = Duration::from_secs(60);
/// Certificates for 90 days are usually renewed 30 days before their end.
pub const DOCTOR_CERTIFICATE_DAYS_WARNING: i64 = 21;
pub const DOCTOR_CERTIFICATE_DAYS_FAILURE: i64 = 3;
/// How often what the metrics tell of the machine and of the database is measured: a statement of a
/// millisecond.
pub const MEASURE_PAUSE: Duration = Duration::from_secs(60);

/// How much longer the service manager is asked to wait, again and again, for a start that backs up and brings
/// the schema up to date: as long as one pause of a slow disk.
pub const START_EXTENSION: Duration = Duration::from_secs(60);

/// How long a server serves from a new cluster before the former one is removed: by then somebody would have
/// noticed, and has gone back.
pub const FORMER_CLUSTER_KEPT: Duration = Duration::from_secs(24 * 3_600);

// ---- backups ----

/// The view of one moment under which a backup is made: far more than a small machine's database takes, and
/// an end to one that hangs, because busy chats become slow while it lasts.
pub const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(3_600);
/// The list of all chats, in a backup; 400,000 of them fit.
pub const MANIFEST_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The settings and the key, in a backup.
pub const BACKUP_PART_BYTES_MAX: u64 = 64 * 1024;
/// Whether a backup leaves the disk its reserve is looked at each time it has written so much.
pub const BACKUP_LOOK_BYTES: u64 = 4 * 1024 * 1024;
/// What a new cluster takes, with its log, before anything is in it.
pub const SCRATCH_BYTES_MIN: u64 = 128 * 1024 * 1024;
pub const BACKUP_AT_DEFAULT: &str = "03:30";
pub const BACKUP_KEEP_DEFAULT: &str = "7d4w6m";
/// A backup by itself, with its proof: one that takes longer hangs.
pub const BACKUP_TIMEOUT: Duration = Duration::from_secs(8 * 3_600);
/// What carries it elsewhere may have a slow line.
pub const BACKUP_HOOK_TIMEOUT: Duration = Duration::from_secs(6 * 3_600);
/// How often one is restored to see whether it can be, which takes minutes of the machine's time.
pub const BACKUP_VERIFY_EVERY: Duration = Duration::from_secs(7 * 24 * 3_600 - 3_600);
/// When a backup counts as missed: a day, and what a slow one may take. A server that starts then waits a
/// little, because people return first.
pub const BACKUP_LATE_AFTER: Duration = Duration::from_secs(36 * 3_600);
pub const BACKUP_CATCH_UP_PAUSE: Duration = Duration::from_secs(5 * 60);
/// After one that failed.
pub const BACKUP_RETRY_PAUSE: Duration = Duration::from_secs(30 * 60);
/// How long is slept at once until the next one: the clock may be set meanwhile.
pub const BACKUP_CLOCK_PAUSE: Duration = Duration::from_secs(30);
/// From how many backups the growth of the database is known.
pub const BACKUP_SIZES_MAX: usize = 60;
/// How often its progress is looked at, and told where there is no terminal.
pub const BACKUP_LOOK_PAUSE: Duration = Duration::from_millis(500);
pub const BACKUP_TELL_PAUSE: Duration = Duration::from_secs(10);
