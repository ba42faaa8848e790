//! The database as a bus between nodes: NOTIFY and LISTEN, each on a connection of its own, and the terms by which nodes
//! know each other. What is said on it is up to `bus`.

use super::connect::{Connected, Notes};
use super::{Store, WriteKind, sql};
use crate::limits::{DATABASE_CONNECT_TIMEOUT, HEARD_WAITING_MAX};
use crate::model::error::{Error, Result};
use crate::os::random;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_postgres::{Client, Statement};

/// By what nodes of one database know each other.
pub struct BusTerms {
    /// Shared by the database, shown to nobody.
    pub key: Vec<u8>,
    /// Where they meet: no other database has the same.
    pub place: String,
}

/// A connection that listens.
pub struct Listening {
    clock: ClockClient,
    notes: mpsc::Receiver<String>,
}

/// What a connection that listens is asked now and then: so it is noticed if it has ended.
pub struct ClockClient {
    client: Client,
    limit: Duration,
}

/// A connection that notifies.
pub struct Notifying {
    client: Client,
    notify: Statement,
    limit: Duration,
}

impl Store {
    /// Made by the node that asks first.
    pub async fn bus_terms(&self) -> Result<BusTerms> {
        let place = self.one(sql!("bus_key/place"), &[]).await?.get("place");
        let key = match self.maybe(sql!("bus_key/find"), &[]).await? {
            Some(row) => row.get("key"),
            None => {
                let key = [random::bits()?, random::bits()?].concat();
                self.changed(WriteKind::Upkeep, sql!("bus_key/insert"), &[&key]).await?;
                self.one(sql!("bus_key/find"), &[]).await?.get("key")
            }
        };
        Ok(BusTerms { key, place })
    }

    pub async fn listen(&self, channel: &str) -> Result<Listening> {
        let (tell, notes) = mpsc::channel(HEARD_WAITING_MAX);
        let (client, _serving) = self.apart("listen", Some(tell)).await?;
        let limit = self.waits.answer;
        // It is one of ours: letters and digits.
        within(limit, client.batch_execute(&format!("listen {channel}"))).await?;
        Ok(Listening { clock: ClockClient { client, limit }, notes })
    }

    pub async fn notifying(&self) -> Result<Notifying> {
        let (client, _serving) = self.apart("notify", None).await?;
        let limit = self.waits.answer;
        let notify = within(limit, client.prepare(NOTIFY)).await?;
        Ok(Notifying { client, notify, limit })
    }

    /// A connection for one purpose, by which PostgreSQL's own lists call it. Nothing that is done on it has to
    /// reach the disk before anybody hears of it.
    async fn apart(&self, purpose: &str, notes: Option<Notes>) -> Result<Connected> {
        let mut config = self.config.clone();
        let name = format!("{} {purpose}", config.get_application_name().unwrap_or_default());
        config.application_name(name);
        let connector = self.connector.setting("set synchronous_commit = off");
        let connecting = async {
            let (client, serving) = connector.open(&config, notes).await?;
            connector.set(&client).await?;
            Ok((client, serving))
        };
        within(DATABASE_CONNECT_TIMEOUT, connecting).await
    }
}

impl Listening {
    pub async fn time(&self) -> Result<i64> {
        self.clock.time().await
    }

    /// What arrives, until the connection ends or too much waits; and what can be asked meanwhile.
    pub fn parts(&mut self) -> (&mut mpsc::Receiver<String>, &ClockClient) {
        (&mut self.notes, &self.clock)
    }
}

impl ClockClient {
    /// What time it is in the database, in microseconds since 1970.
    pub async fn time(&self) -> Result<i64> {
        Ok(within(self.limit, self.client.query_one(TIME, &[])).await?.get("time"))
    }
}

impl Notifying {
    /// All of them in one commit.
    pub async fn notify(&self, channel: &str, payloads: &[String]) -> Result<()> {
        within(self.limit, self.client.execute(&self.notify, &[&channel, &payloads])).await?;
        Ok(())
    }
}

async fn within<T>(
    limit: Duration,
    asking: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T> {
    match tokio::time::timeout(limit, asking).await {
        Ok(answered) => answered.map_err(Error::from),
        Err(late) => Err(Error::unavailable("PostgreSQL", late)),
    }
}

const NOTIFY: &str = "select pg_notify($1, payload) from unnest($2::text[]) payload";

const TIME: &str = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint as time";
