//! Several servers on one database.

use super::{Database, Person, Server, until};
use futures_util::future::join_all;
use snug::model::waits::{DatabaseWaits, SocketWaits, Waits};
use std::time::Duration;

pub struct Nodes(pub Vec<Server>);

impl Nodes {
    /// So many that hear each other, and never look by themselves at what others have done once they have heard of
    /// each other: whatever one of them does not hear stays unseen.
    pub async fn hearing(count: usize) -> Self {
        Self::with(count, &[], Waits { database: never(), ..Waits::default() }).await
    }

    /// So many that hear each other, and look as servers do.
    pub async fn start(count: usize) -> Self {
        Self::with(count, &[], Waits::default()).await
    }

    /// The same, and people are offline as soon as their last socket is gone.
    pub async fn forgetful(count: usize) -> Self {
        let sockets = SocketWaits { offline_after_secs: 0, ..SocketWaits::default() };
        Self::with(count, &[], Waits { sockets, ..Waits::default() }).await
    }

    /// The first one hears, and the second says nothing.
    pub async fn half_deaf() -> Self {
        let database = Database::new().await;
        let hears = Server::on(database.clone(), &[]).await;
        Self(vec![hears, Server::on(database, &[("SNUG_BUS", "off")]).await])
    }

    async fn with(count: usize, settings: &[(&str, &str)], waits: Waits) -> Self {
        let database = Database::new().await;
        let starting = (0..count).map(|_| Server::waiting_on(database.clone(), settings, waits));
        let nodes = Self(join_all(starting).await);
        nodes.wait_until_connected().await;
        nodes
    }

    pub async fn wait_until_connected(&self) {
        for server in &self.0 {
            let nobody = Person::nobody(server);
            until("the bus is there", || async { nobody.metric("snug_bus_connected").await == 1 })
                .await;
        }
    }

    pub fn database(&self) -> &Database {
        &self.0[0].database
    }

    /// The same person at each of the nodes.
    pub async fn person(&self, name: &str) -> Vec<Person> {
        let person = self.0[0].person(name).await;
        self.0.iter().map(|server| person.at_server(server)).collect()
    }

    /// What all of them count together.
    pub async fn metric(&self, name: &str) -> u64 {
        let counts =
            self.0.iter().map(|server| async { Person::nobody(server).metric(name).await });
        join_all(counts).await.into_iter().sum()
    }
}

fn never() -> DatabaseWaits {
    DatabaseWaits { look: Duration::from_secs(60 * 60), ..DatabaseWaits::default() }
}
