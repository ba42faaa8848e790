//! Connecting to PostgreSQL; everything that connects does it here.
//!
//! Over a Unix socket we use a stream of our own, which does not wake us each time PostgreSQL has read
//! what we wrote: that was one of three wake-ups per message. Everything else is up to `tokio_postgres`.

use super::tls::{Tls, Wish};
use crate::limits::DATABASE_READ_BYTES_MAX;
use crate::model::error::Fatal;
use crate::os::readiness::Watched;
use deadpool_postgres::Connect;
use std::ffi::{OsStr, OsString};
use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls};

/// A client, and the task that drives its connection.
pub type Connected = (Client, JoinHandle<()>);

/// Where the payloads of notifications go.
pub type Notes = mpsc::Sender<String>;

/// The port if the configuration does not name one.
const PORT: u16 = 5432;
/// How long another program tries to connect, in libpq's form.
const LIBPQ_CONNECT_SECONDS: &str = "10";

/// How connections are made; the pool uses it, too.
#[derive(Clone, Default)]
pub struct Connector {
    /// None: never encrypted, as over a Unix socket.
    tls: Option<Tls>,
    /// What each connection is set to.
    settings: String,
    /// Whether somebody else runs it, and there may be anything in between.
    pub is_elsewhere: bool,
    /// What the URL says about TLS.
    wish: Wish,
}

/// How a program that is built on libpq reaches a database: variables of its environment, because others on
/// the machine can read arguments, and a password may be among them.
#[derive(Clone)]
pub struct Libpq(pub Vec<(&'static str, OsString)>);

impl Connector {
    /// What the URL says, for `tokio_postgres` and for us. Errors do not repeat it: it may contain a
    /// password.
    pub fn parse(url: &str) -> Result<(Config, Self), Fatal> {
        let (url, wish) = Wish::take(url)?;
        let mut config: Config = url.parse().map_err(|error: Error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            Fatal::usage(format!(
                "SNUG_DATABASE_URL is not valid ({}); write it like postgres://user:password@host:5432/database",
                cause.unwrap_or_default()
            ))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(Fatal::usage(
                "SNUG_DATABASE_URL is not valid (it names no host); write it like \
                 postgres://user:password@host:5432/database, or, for a Unix socket, \
                 postgres:///database?host=/run/postgresql",
            ));
        }
        // As in libpq, which does not heed `sslmode` on a Unix socket.
        let is_local = |host: &Host| matches!(host, Host::Unix(_));
        if config.get_hostaddrs().is_empty() && config.get_hosts().iter().all(is_local) {
            config.ssl_mode(SslMode::Disable);
            return Ok((config, Self { is_elsewhere: true, wish, ..Self::default() }));
        }
        if config.get_hosts().is_empty() {
            // TLS needs a name to check, and this is the only one.
            for address in config.get_hostaddrs().to_vec() {
                config.host(address.to_string());
            }
        }
        config.ssl_mode(wish.ssl_mode());
        Ok((config, Self { tls: wish.fulfil()?, is_elsewhere: true, wish, ..Self::default() }))
    }

    /// The same database for other programs. No statement of theirs has a limit of ours.
    pub fn libpq(&self, config: &Config) -> Libpq {
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone().into(),
            Host::Unix(directory) => seen_from_outside(directory),
        });
        let addresses = config.get_hostaddrs().iter().map(|address| address.to_string().into());
        let ports = config.get_ports().iter().map(|port| port.to_string().into());
        let options =
            format!("{} -c statement_timeout=0", config.get_options().unwrap_or_default());
        let text = |text: &str| vec![OsString::from(text)];
        let mut variables = vec![
            ("PGHOST", hosts.collect::<Vec<_>>()),
            ("PGHOSTADDR", addresses.collect()),
            ("PGPORT", ports.collect()),
            ("PGUSER", config.get_user().map(text).unwrap_or_default()),
            ("PGDATABASE", config.get_dbname().map(text).unwrap_or_default()),
            ("PGOPTIONS", text(options.trim_start())),
            ("PGCONNECT_TIMEOUT", text(LIBPQ_CONNECT_SECONDS)),
        ];
        if let Some(password) = config.get_password() {
            variables.push(("PGPASSWORD", vec![OsStr::from_bytes(password).to_owned()]));
        }
        variables.extend(self.wish.libpq());
        let joined = |(name, values): (_, Vec<OsString>)| {
            (!values.is_empty()).then(|| (name, values.join(OsStr::new(","))))
        };
        Libpq(variables.into_iter().filter_map(joined).collect())
    }

    /// One that sets its connections to this as well; what is said last wins. It is said in a statement of
    /// ours, because poolers take no options at the start of a connection, or take no notice of them.
    pub fn setting(&self, settings: &str) -> Self {
        Self { settings: format!("{}{settings};", self.settings), ..self.clone() }
    }

    pub async fn connect(&self, config: &Config) -> Result<Connected, Error> {
        let (client, serving) = self.open(config, None).await?;
        self.set(&client).await?;
        Ok((client, serving))
    }

    pub async fn set(&self, client: &Client) -> Result<(), Error> {
        match self.settings.as_str() {
            "" => Ok(()),
            settings => client.batch_execute(settings).await,
        }
    }

    /// A connection as it is, and who is told what it hears, if it listens.
    pub async fn open(&self, config: &Config, notes: Option<Notes>) -> Result<Connected, Error> {
        if let Some(path) = socket_path(config) {
            match Stream::connect(&path).await {
                Ok(stream) => {
                    let (client, connection) = config.connect_raw(stream, NoTls).await?;
                    return Ok((client, serve(connection, notes)));
                }
                // `tokio_postgres` will fail in the same way, and with the error that callers expect.
                Err(error) => {
                    tracing::debug!(%error, path = %path.display(), "PostgreSQL's socket")
                }
            }
        }
        match &self.tls {
            None => plain(config, notes).await,
            Some(tls) => match config.connect(tls.connector.clone()).await {
                Ok((client, connection)) => Ok((client, serve(connection, notes))),
                Err(error) if tls.is_optional && may_do_without(&error) => {
                    tracing::debug!(%error, "PostgreSQL without TLS");
                    plain(config.clone().ssl_mode(SslMode::Disable), notes).await
                }
                Err(error) => Err(error),
            },
        }
    }
}

/// A directory that this process holds open, as another process of the same user can name it.
fn seen_from_outside(directory: &Path) -> OsString {
    match directory.strip_prefix("/proc/self") {
        Ok(held) => Path::new("/proc").join(std::process::id().to_string()).join(held).into(),
        Err(_) => directory.into(),
    }
}

async fn plain(config: &Config, notes: Option<Notes>) -> Result<Connected, Error> {
    let (client, connection) = config.connect(NoTls).await?;
    Ok((client, serve(connection, notes)))
}

/// Whether it may go better without encryption: not if PostgreSQL itself gave another reason.
/// `pg_hba.conf` can ask for it, and some things in between break at the question.
fn may_do_without(error: &Error) -> bool {
    error.code().is_none_or(|code| *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

impl Connect for Connector {
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<Connected, Error>> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move { Self::connect(self, &config).await })
    }
}

fn serve<S, T>(mut connection: Connection<S, T>, mut notes: Option<Notes>) -> JoinHandle<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: TlsStream + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notification(note)) => {
                    // Whoever is too slow to hear it all begins anew.
                    if notes.as_ref().is_some_and(|to| to.try_send(note.payload().into()).is_err())
                    {
                        notes = None;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    return tracing::debug!(%error, "a connection to PostgreSQL ended");
                }
            }
        }
    })
}

/// The path of the Unix socket, if the configuration names exactly one and asks for nothing else.
fn socket_path(config: &Config) -> Option<PathBuf> {
    let ([Host::Unix(directory)], []) = (config.get_hosts(), config.get_hostaddrs()) else {
        return None;
    };
    let port = match config.get_ports() {
        [] => PORT,
        [port] => *port,
        _ => return None,
    };
    let is_any = config.get_target_session_attrs() == TargetSessionAttrs::Any;
    is_any.then(|| directory.join(format!(".s.PGSQL.{port}")))
}

/// A Unix socket that is watched for incoming data, and for room to write only after a write blocked.
struct Stream {
    socket: Watched<UnixStream>,
    /// The same socket, while a write is blocked.
    full: Option<Watched<UnixStream>>,
}

impl Stream {
    async fn connect(path: &Path) -> io::Result<Self> {
        let socket = tokio::net::UnixStream::connect(path).await?.into_std()?;
        Ok(Self { socket: Watched::new(socket, Interest::READABLE)?, full: None })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut readable = ready!(self.socket.poll_read_ready(context))?;
            let size = buffer.remaining().min(DATABASE_READ_BYTES_MAX);
            let room = buffer.initialize_unfilled_to(size);
            match readable.get_inner().read(room) {
                Ok(count) => {
                    // A short read: the kernel has nothing more.
                    if (1..size).contains(&count) {
                        readable.clear_ready();
                    }
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => readable.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.socket.get_ref().write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => {
                    self.full = None;
                    return Poll::Ready(written);
                }
            }
            if self.full.is_none() {
                let socket = self.socket.get_ref().try_clone()?;
                self.full = Some(Watched::new(socket, Interest::WRITABLE)?);
            }
            if let Some(full) = &self.full {
                ready!(full.poll_write_ready(context))?.clear_ready();
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.get_ref().shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Our stream, and its other end.
    fn pair() -> (Stream, tokio::net::UnixStream) {
        let (ours, theirs) = tokio::net::UnixStream::pair().expect("a pair of sockets");
        let ours = ours.into_std().expect("a socket");
        let socket = Watched::new(ours, Interest::READABLE).expect("it can be watched");
        (Stream { socket, full: None }, theirs)
    }

    #[test]
    fn our_own_stream_is_used_for_exactly_one_unix_socket() {
        for (url, expected) in [
            ("postgres://%2Frun%2Fpg/db", Some("/run/pg/.s.PGSQL.5432")),
            ("host=/run/pg port=5433", Some("/run/pg/.s.PGSQL.5433")),
            ("host=/run/pg,/run/other", None),
            ("host=/run/pg port=5432,5433", None),
            ("host=/run/pg hostaddr=127.0.0.1", None),
            ("host=/run/pg target_session_attrs=read-write", None),
            ("host=localhost", None),
        ] {
            let config = url.parse().expect("a configuration");
            assert_eq!(socket_path(&config).as_deref(), expected.map(Path::new), "{url}");
        }
    }

    /// PostgreSQL reads a question some time before it answers it.
    #[tokio::test]
    async fn only_the_answer_wakes_the_task() {
        const QUESTIONS: u64 = 5;
        let (mut ours, theirs) = pair();
        let mut theirs = theirs.into_std().expect("a socket");
        theirs.set_nonblocking(false).expect("a socket that waits");
        let answering = std::thread::spawn(move || {
            for _ in 0..=QUESTIONS {
                std::thread::sleep(Duration::from_millis(20));
                theirs.read_exact(&mut [0; 8]).expect("the question");
                std::thread::sleep(Duration::from_millis(20));
                theirs.write_all(b"answer").expect("room");
            }
        });
        let mut ask = async || {
            ours.write_all(b"question").await.expect("room");
            ours.read_exact(&mut [0; 6]).await.expect("the answer");
        };
        ask().await;
        let metrics = tokio::runtime::Handle::current().metrics();
        let before = metrics.worker_park_count(0);
        for _ in 0..QUESTIONS {
            ask().await;
        }
        // There may be fewer: if we were delayed, the answer was already there.
        assert!(metrics.worker_park_count(0) - before <= QUESTIONS);
        answering.join().expect("all is answered");
    }

    #[tokio::test]
    async fn a_write_that_does_not_fit_waits_for_room() {
        let (ours, mut theirs) = pair();
        let (mut reading, mut writing) = tokio::io::split(ours);
        let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let write = async {
            writing.write_all(&sent).await.expect("room in the end");
            writing.shutdown().await.expect("an open stream");
        };
        let echo = async {
            let mut received = Vec::new();
            theirs.read_to_end(&mut received).await.expect("all of it");
            theirs.write_all(&received).await.expect("room in the end");
            drop(theirs);
        };
        let read = async {
            let mut received = Vec::new();
            reading.read_to_end(&mut received).await.expect("all of it, and then the end");
            received
        };
        let all = async { tokio::join!(write, echo, read) };
        let ((), (), received) =
            tokio::time::timeout(Duration::from_secs(20), all).await.expect("it goes on");
        assert!(received == sent, "{} bytes came back", received.len());
    }
}
