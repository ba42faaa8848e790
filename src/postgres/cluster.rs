//! Creates the cluster once, and writes the settings that PostgreSQL starts with.
//!
//! A cluster is created under a temporary name and renamed once it is complete, so an interrupted
//! start leaves only debris, which the next start removes. The settings belong to snug: they are
//! rewritten at each start (an upgrade of snug brings its own), and `ALTER SYSTEM` still overrides
//! them. Callers hold the lock on the data directory.

use super::account::Account;
use super::directory::{Directory, one_line, refuse, write_whole};
use super::find::Programs;
use super::postmaster::end_makers;
use crate::limits::{
    Memory, PG_INITDB_TIMEOUT, PG_PROGRAM_TIMEOUT, PG_REMAINS_MAX, PG_REMAINS_TIMEOUT,
    PostgresBounds,
};
use crate::model::error::Fatal;
use crate::model::text;
use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;
use tokio::time::timeout;

const REMAINS: &str = "postgres.new.";

/// Durable, small and silent. Nothing that a client sends may reach the log: statements and parameters
/// are not logged, `terse` leaves out DETAIL and CONTEXT (they contain values), and
/// `ready::connection` silences the errors of our own statements, which we receive as answers anyway.
const SETTINGS: &str = "\
# Written by snug at each start: changes here are lost (ALTER SYSTEM is kept).
listen_addresses = ''
unix_socket_directories = '.'
unix_socket_permissions = 0700

fsync = on
full_page_writes = on
synchronous_commit = on
wal_level = minimal
max_wal_senders = 0
checkpoint_timeout = 15min

max_connections = 20
huge_pages = off
jit = off
max_parallel_workers_per_gather = 0
max_logical_replication_workers = 0
autovacuum_max_workers = 1

timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
default_text_search_config = 'pg_catalog.simple'

log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%m [%p] '
log_min_messages = warning
log_min_error_statement = panic
log_error_verbosity = terse
log_statement = none
log_min_duration_statement = -1
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_checkpoints = off
";

/// Creates the cluster if there is none. Returns the programs that can open it.
pub(super) async fn ensure(
    directory: &Directory,
    bindir: Option<&Path>,
    memory: Memory,
) -> Result<Programs, Fatal> {
    let unused = clear_remains(directory).await?;
    let cluster = directory.cluster();
    let pinned = pinned(directory)?;
    let programs = Programs::find(bindir, pinned.map(|major| (major, cluster.as_path()))).await?;
    if pinned.is_none() {
        init(directory, &programs, unused).await?;
    }
    write_settings(directory, &programs, &memory.bounds().postgres).await?;
    Ok(programs)
}

/// The major version that created the cluster, if there is one.
pub(super) fn pinned(directory: &Directory) -> Result<Option<u32>, Fatal> {
    let cluster = directory.cluster();
    let metadata = match fs::metadata(&cluster) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refuse("open the cluster", &cluster, &error)),
    };
    let version = match fs::read_to_string(cluster.join("PG_VERSION")) {
        Ok(version) => version,
        // An empty directory is replaced by the new cluster; any other makes the rename fail.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refuse("open the cluster", &cluster, &error)),
    };
    let account = &directory.account;
    if metadata.uid() != account.uid {
        return Err(Fatal::new(format!(
            "the cluster in {0} belongs to the user {1}, but PostgreSQL runs as {2}: give it to \
             that user (chown -R {2}: {0}), or set SNUG_DATA_DIR to another directory",
            cluster.display(),
            super::account::name_of(metadata.uid()),
            account.name,
        )));
    }
    version.trim().parse().map(Some).map_err(|_| {
        Fatal::new(format!(
            "{} is not a version of PostgreSQL: restore the cluster from a backup, or move {} away",
            cluster.join("PG_VERSION").display(),
            cluster.display()
        ))
    })
}

async fn init(directory: &Directory, programs: &Programs, unused: u32) -> Result<(), Fatal> {
    let begun = Instant::now();
    let draft = make_draft(directory, unused)?;
    let made = match initdb(directory, programs, &draft).await {
        Ok(()) => install(directory, &draft),
        failed => failed,
    };
    if made.is_err() {
        // The next start tries again; what matters now is why this one failed.
        let _ = fs::remove_dir_all(&draft);
    }
    made?;
    tracing::info!(
        directory = %directory.cluster().display(),
        version = programs.major,
        duration_ms = text::millis(begun.elapsed()),
        "created a PostgreSQL cluster",
    );
    Ok(())
}

/// An empty directory whose name nobody has in mind any more: this number, or one after it.
fn make_draft(directory: &Directory, unused: u32) -> Result<PathBuf, Fatal> {
    let Account { uid, gid, .. } = directory.account;
    for number in (unused..).take(PG_REMAINS_MAX) {
        let draft = directory.file(&format!("{REMAINS}{number}"));
        // The service's unit forbids the call that gives files away.
        let given = || match directory.account.differs {
            true => std::os::unix::fs::chown(&draft, Some(uid), Some(gid)),
            false => Ok(()),
        };
        let made = DirBuilder::new().mode(0o700).create(&draft).and_then(|()| given());
        match made {
            Ok(()) => return Ok(draft),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(refuse("make", &draft, &error)),
        }
    }
    Err(Fatal::new(format!(
        "{} is full of leftovers from interrupted starts: remove {REMAINS}* there",
        directory.path.display()
    )))
}

async fn initdb(directory: &Directory, programs: &Programs, draft: &Path) -> Result<(), Fatal> {
    let mut command = directory.account.command(programs.initdb(), &directory.path);
    command.arg("--pgdata").arg(draft).kill_on_drop(true).stdout(Stdio::null()).args([
        "--username=snug",
        "--auth=peer",
        "--encoding=UTF8",
        "--locale-provider=libc",
        "--locale=C.UTF-8",
        "--text-search-config=simple",
        "--data-checksums",
        // A new file of the WAL is filled with zeros and synced while everybody waits: 0.7 s for the usual
        // 16 MB on a disk that writes 20 MB a second. With `min_wal_size` they are made once and kept.
        "--wal-segsize=4",
        "--no-instructions",
    ]);
    let output = match timeout(PG_INITDB_TIMEOUT, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(unable(directory, &programs.initdb(), &error)),
        Err(_) => {
            return Err(Fatal::new(format!(
                "creating a cluster in {} took longer than {} s: check that disk",
                directory.path.display(),
                PG_INITDB_TIMEOUT.as_secs()
            )));
        }
    };
    if output.status.success() {
        return Ok(());
    }
    Err(Fatal::new(format!(
        "cannot create a PostgreSQL cluster in {} ({}): {}: fix that, or set SNUG_DATABASE_URL",
        directory.path.display(),
        output.status,
        one_line(&output.stderr)
    )))
}

/// The cluster exists from this moment on.
fn install(directory: &Directory, draft: &Path) -> Result<(), Fatal> {
    let cluster = directory.cluster();
    fs::rename(draft, &cluster)
        .and_then(|()| File::open(&directory.path)?.sync_all())
        .map_err(|error| refuse("put the new cluster into", &cluster, &error))
}

/// Removes what interrupted starts have left, and first ends those that are still writing to it. Returns the
/// number of the first name that none of them had: one that is only being started knows its own.
async fn clear_remains(directory: &Directory) -> Result<u32, Fatal> {
    let entries = fs::read_dir(&directory.path)
        .map_err(|error| refuse("read the data directory", &directory.path, &error))?;
    let numbered = entries.flatten().filter_map(|entry| {
        let name = entry.file_name();
        let number = name.to_string_lossy().strip_prefix(REMAINS)?.parse().ok();
        Some((number.unwrap_or(0_u32), entry.path()))
    });
    let remains: Vec<(u32, PathBuf)> = numbered.collect();
    if remains.is_empty() {
        return Ok(1);
    }
    let mut places = vec![directory.path.as_path()];
    places.extend(remains.iter().map(|(_, path)| path.as_path()));
    if timeout(PG_REMAINS_TIMEOUT, end_makers(&places)).await.is_err() {
        tracing::warn!("what made a cluster for a killed snug does not end");
    }
    for (_, path) in &remains {
        match fs::remove_dir_all(path) {
            Ok(()) => tracing::info!(path = %path.display(), "removed a half-created cluster"),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot remove a half-created cluster");
            }
        }
    }
    let used = remains.iter().map(|(number, _)| *number).max();
    Ok(used.unwrap_or(0).saturating_add(1))
}

/// Peer authentication, although only one user may enter the directory: if somebody loosens its mode
/// later, that does not open the database. When snug runs as root, root has to be mapped too.
async fn write_settings(
    directory: &Directory,
    programs: &Programs,
    memory: &PostgresBounds,
) -> Result<(), Fatal> {
    let mut map = format!("snug \"{}\" snug\n", directory.account.name);
    if directory.account.differs {
        map.push_str("snug \"root\" snug\n");
    }
    write_whole(&directory.file("pg_hba.conf"), "local all snug peer map=snug\n")?;
    write_whole(&directory.file("pg_ident.conf"), &map)?;
    let compression = if knows_lz4(directory, programs).await { "lz4" } else { "pglz" };
    let PostgresBounds {
        shared_buffers,
        work_mem,
        maintenance_work_mem,
        max_wal_size,
        min_wal_size,
    } = memory;
    let mut settings = format!(
        "{SETTINGS}\
         wal_compression = {compression}\n\
         shared_buffers = {shared_buffers}\n\
         work_mem = {work_mem}\n\
         maintenance_work_mem = {maintenance_work_mem}\n\
         max_wal_size = {max_wal_size}\n\
         min_wal_size = {min_wal_size}\n"
    );
    if programs.major >= 18 {
        // Its workers would be three more processes for what the page cache answers.
        settings.push_str("io_method = sync\n");
    }
    write_whole(&directory.file("postgresql.conf"), &settings)
}

/// Asks the program itself: nothing else that is always there says what it was built with.
async fn knows_lz4(directory: &Directory, programs: &Programs) -> bool {
    let mut command = directory.account.command(programs.postgres(), &directory.path);
    command.arg("-D").arg(directory.cluster());
    command.args(["-c", "wal_compression=lz4", "-C", "wal_compression"]).kill_on_drop(true);
    let output = timeout(PG_PROGRAM_TIMEOUT, command.output()).await;
    matches!(output, Ok(Ok(output)) if output.status.success())
}

/// The error line for a program that does not even start. Entering the working directory and running
/// the program happen as PostgreSQL's user, so the usual cause is a parent directory closed to it.
pub(super) fn unable(directory: &Directory, program: &Path, error: &std::io::Error) -> Fatal {
    if directory.account.differs && error.kind() == ErrorKind::PermissionDenied {
        return Fatal::new(format!(
            "PostgreSQL runs as the user {}, who cannot enter {} or run {}: open their parent \
             directories (chmod o+x), or set SNUG_DATA_DIR to another directory",
            directory.account.name,
            directory.path.display(),
            program.display()
        ));
    }
    Fatal::new(format!("cannot run {}: {error}: reinstall PostgreSQL", program.display()))
}
