//! The server's database, reached directly: to fill it, and to get in its way.
//!
//! Only if its address is known, because we started the server or `--database` was given. Nothing is
//! written to a database that existed before.

use crate::server::Server;
use crate::stop::{Result, Stop};
use crate::tally::Tally;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::{Client, Config, NoTls};

/// Rows per transaction when filling.
const CHUNK_ROWS: i64 = 100_000;

/// A separate connection.
pub async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
    // It ends with its client; errors are reported to the caller of the query.
    tokio::task::spawn_local(async move {
        let _ended = connection.await;
    });
    Ok(client)
}

/// Another session that holds a snapshot of the database: rows that change in the meantime cannot be
/// vacuumed. Held in the middle of the writing, so that before and after can be compared.
pub struct Snapshot {
    began: Mark,
    holding: JoinHandle<Result<[Mark; 2]>>,
}

/// How many messages had been acknowledged at which time.
#[derive(Clone, Copy)]
struct Mark {
    at: Instant,
    acknowledged: u64,
}

impl Mark {
    fn now(tally: &Tally) -> Self {
        Self { at: Instant::now(), acknowledged: tally.acknowledged.get() }
    }

    fn rate_since(self, before: Self) -> f64 {
        let seconds = (self.at - before.at).as_secs_f64().max(1e-9);
        (self.acknowledged - before.acknowledged) as f64 / seconds
    }
}

impl Snapshot {
    /// Call this when the writing, which takes `of` seconds, begins. `None` if there is no snapshot to
    /// hold.
    pub async fn plan(
        seconds: u64,
        of: u64,
        server: &Server,
        tally: &Rc<Tally>,
    ) -> Result<Option<Self>> {
        if seconds == 0 || server.is_floor() {
            return Ok(None);
        }
        let config = server.database.as_ref().ok_or_else(|| {
            Stop::new("--snapshot-seconds needs the server's database: --start, or --database URL")
        })?;
        if seconds >= of {
            return Err(Stop::new(
                "--snapshot-seconds must leave some of --seconds on either side",
            ));
        }
        let client = connect(config).await?;
        let (began, tally) = (Mark::now(tally), tally.clone());
        let wait = Duration::from_secs(of - seconds) / 2;
        let holding = tokio::task::spawn_local(async move {
            tokio::time::sleep(wait).await;
            client.batch_execute(LOOK).await.map_err(failed)?;
            eprintln!("{:>12} a snapshot is held", "");
            let held = Mark::now(&tally);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            drop(client);
            eprintln!("{:>12} the snapshot is let go", "");
            Ok([held, Mark::now(&tally)])
        });
        Ok(Some(Self { began, holding }))
    }

    /// Messages acknowledged per second before, during and after, up to the last one.
    pub async fn rates(self, last: Instant, tally: &Tally) -> Result<[f64; 3]> {
        let marks = self.holding.await.map_err(|error| Stop::new(error.to_string()))?;
        let [held, free] = marks?;
        let end = Mark { at: last.max(free.at), ..Mark::now(tally) };
        Ok([held.rate_since(self.began), free.rate_since(held), end.rate_since(free)])
    }
}

/// Makes sure that the general chat has at least this many messages.
pub async fn fill_general(config: &Config, rows: i64) -> Result<()> {
    fill(config, rows, FILL).await
}

/// The same with a dozen words each, of which there are so many, and that all of them are in the index of
/// words.
pub async fn fill_words(config: &Config, rows: i64, words: u64) -> Result<()> {
    fill(config, rows, &FILL_WORDS.replace("{words}", &words.to_string())).await?;
    let client = connect(config).await?;
    let began = Instant::now();
    loop {
        let left: i64 = client.query_one(UNINDEXED, &[]).await.map_err(failed)?.get(0);
        if left == 0 {
            break;
        }
        eprintln!("{left:>12} messages to be indexed");
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    eprintln!("{:>12} indexed within {} s", "", began.elapsed().as_secs());
    client.batch_execute("analyze message_words").await.map_err(failed)
}

async fn fill(config: &Config, rows: i64, statement: &str) -> Result<()> {
    let mut client = connect(config).await?;
    let row = client
        .query_one("select id, last_seq from chats where chat_type = 'general'", &[])
        .await
        .map_err(failed)?;
    let (chat_id, mut last_seq): (i64, i64) = (row.get(0), row.get(1));
    if last_seq >= rows {
        return Ok(());
    }
    while last_seq < rows {
        let upto = (last_seq + CHUNK_ROWS).min(rows);
        let transaction = client.transaction().await.map_err(failed)?;
        transaction.execute(statement, &[&chat_id, &last_seq, &upto]).await.map_err(failed)?;
        let number = "update chats set last_seq = $2 where id = $1";
        transaction.execute(number, &[&chat_id, &upto]).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        last_seq = upto;
        if last_seq % (10 * CHUNK_ROWS) == 0 {
            eprintln!("{last_seq:>12} messages in the general chat");
        }
    }
    client.batch_execute("vacuum (analyze) general_messages").await.map_err(failed)
}

const LOOK: &str = "begin isolation level repeatable read, read only; select count(*) from chats";

const FILL: &str = "insert into messages (id, chat_type, chat_id, seq, sender_id, content, \
    timestamp, draft_key, content_hash) \
    select nextval('message_ids'), 'general', $1, n, (select min(id) from users), \
        rpad('message ' || n, 100, '.'), now(), 'sload-' || n, decode(md5(n::text), 'hex') \
    from generate_series($2::bigint + 1, $3::bigint) n";

/// A word of rank r has a probability of about 1/r. The zero makes each place of each row a new choice.
const FILL_WORDS: &str = "insert into messages (id, chat_type, chat_id, seq, sender_id, content, \
    timestamp, draft_key, content_hash) \
    select nextval('message_ids'), 'general', $1, n, (select min(id) from users), w.content, \
        clock_timestamp(), 'sload-' || n, decode(md5(n::text), 'hex') \
    from generate_series($2::bigint + 1, $3::bigint) n \
    cross join lateral ( \
        select string_agg('w' || floor(exp(random() * ln({words}::float8) + 0 * (n + place)))::bigint || 'x', ' ') as content \
        from generate_series(1, 12) place \
    ) w";

const UNINDEXED: &str = "select coalesce(sum(c.last_seq - coalesce(i.upto, 0) + coalesce(i.above, 0)), 0)::bigint \
    from chats c left join indexed_ranges i on i.chat_id = c.id";

pub fn failed(error: tokio_postgres::Error) -> Stop {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    Stop::new(format!("PostgreSQL: {error}{}", cause.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_what_was_acknowledged_between_two_marks() {
        let at = Instant::now();
        let before = Mark { at, acknowledged: 100 };
        let after = Mark { at: at + Duration::from_secs(2), acknowledged: 150 };
        assert_eq!(after.rate_since(before), 25.0);
    }
}
