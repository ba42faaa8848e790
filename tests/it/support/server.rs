//! A running snug: the real `run` on its own port.

use super::{Database, Person, until};
use snug::http::cookies::{Cookie, Cookies};
use snug::http::public_url::Scheme;
use snug::model::error::Fatal;
use snug::model::waits::Waits;
use snug::process::config::{Config, Written};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The key of all test servers, so that tokens survive a restart.
pub const SECRET: &str = "n8Qz1vG0sX5cK2wT7yLbR4dJ9hFmA6eP";

/// What the cookie of a session is called by test servers.
pub fn session_cookie(scheme: Scheme) -> String {
    Cookies::new(SECRET.as_bytes()).name(Cookie::Session, scheme)
}

pub struct Server {
    pub address: SocketAddr,
    pub database: Database,
    settings: Vec<(String, String)>,
    waits: Waits,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), Fatal>>>,
    _data_dir: tempfile::TempDir,
}

impl Server {
    /// With rate limits off.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// As an owner does, or a command.
    pub async fn give_role(&self, person: &super::Person, role: &str) {
        let give = "update users set role = $1 where id = $2";
        let client = self.database.client().await;
        assert_eq!(client.execute(give, &[&role, &person.id]).await.unwrap(), 1);
    }

    /// With these additional settings.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::on(Database::new().await, settings).await
    }

    /// One that waits for others as long as is said here.
    pub async fn waiting(waits: Waits) -> Self {
        Self::waiting_on(Database::new().await, &[], waits).await
    }

    pub async fn on(database: Database, settings: &[(&str, &str)]) -> Self {
        Self::waiting_on(database, settings, Waits::default()).await
    }

    pub async fn waiting_on(database: Database, settings: &[(&str, &str)], waits: Waits) -> Self {
        let settings: Vec<_> =
            settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let listener = snug::http::server::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        Self::listen(listener, database, settings, waits).await
    }

    /// A server whose kernel buffers almost nothing that is written, as for a distant reader.
    pub async fn narrow(waits: Waits) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(16 * 1024).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listener = socket.listen(64).unwrap();
        Self::listen(listener, Database::new().await, Vec::new(), waits).await
    }

    async fn listen(
        listener: TcpListener,
        database: Database,
        settings: Vec<(String, String)>,
        waits: Waits,
    ) -> Self {
        let data_dir = super::directory();
        let path = data_dir.path().to_str().unwrap().to_owned();
        let url = database.url();
        let mut pairs: Vec<(&str, &str)> = vec![
            ("SNUG_DATABASE_URL", &url),
            ("SNUG_DATA_DIR", &path),
            ("SNUG_JWT_SECRET", SECRET),
            ("SNUG_RATE_LIMITS", "off"),
        ];
        for (name, value) in &settings {
            pairs.retain(|(other, _)| other != name);
            pairs.push((name, value));
        }
        let (mut config, _) = Config::resolve(&Written::variables(pairs)).unwrap();
        config.waits = waits;
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(snug::run(config, listener, async {
            // If a test ends without stopping its server, that stops it, too.
            let _ = stopped.await;
        }));
        let server = Self {
            address,
            database,
            settings,
            waits,
            stop: Some(stop),
            running: Some(running),
            _data_dir: data_dir,
        };
        server.wait_until_ready().await;
        server
    }

    pub async fn wait_until_ready(&self) {
        until("the server is ready", || async {
            reqwest::get(self.url("/readyz")).await.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    /// Stops it as a signal would, and waits.
    pub async fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.running.take().unwrap().await.unwrap().unwrap();
    }

    /// Stops it and starts another one with the same address, database and settings.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start_again().await;
    }

    /// After a stop: another one with the same address, database and settings.
    pub async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let (database, settings) = (self.database.clone(), self.settings.clone());
        *self = Self::listen(listener, database, settings, self.waits).await;
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The key with which it signs tokens.
    pub fn secret(&self) -> &str {
        let set = self.settings.iter().find(|(name, _)| name == "SNUG_JWT_SECRET");
        set.map_or(SECRET, |(_, secret)| secret)
    }

    /// Somebody with an account and a session.
    pub async fn person(&self, name: &str) -> Person {
        Person::with_account(self, name).await
    }
}
