//! The server's database, looked into from the side: to fill it, and to be in its way.
//!
//! Only where its address is known: of a server that we started, or given by `--database`. Nothing is
//! written to a database that was there before us.

use crate::server::Server;
use crate::stop::{Result, Stop};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio_postgres::{Client, Config, NoTls};

/// Rows of one transaction of filling.
const CHUNK_ROWS: i64 = 100_000;

/// A connection of our own.
pub async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
    // It ends with its client; what goes wrong is told to whoever asked.
    tokio::task::spawn_local(async move {
        let _ended = connection.await;
    });
    Ok(client)
}

/// Another session's snapshot, let go after its time or when dropped.
pub struct Snapshot(AbortHandle);

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Has another session look at the database as it is now for so long: rows that change meanwhile
/// cannot be tidied up.
pub async fn hold_snapshot(server: &Server, seconds: u64) -> Result<Option<Snapshot>> {
    if seconds == 0 || server.is_floor() {
        return Ok(None);
    }
    let config = server.database.as_ref().ok_or_else(|| {
        Stop::new("--snapshot-seconds needs the server's database: --start, or --database URL")
    })?;
    let client = connect(config).await?;
    let begin = "begin isolation level repeatable read, read only; select count(*) from chats";
    client.batch_execute(begin).await.map_err(failed)?;
    let holding = tokio::task::spawn_local(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        drop(client);
        eprintln!("{:>12} the snapshot is let go", "");
    });
    Ok(Some(Snapshot(holding.abort_handle())))
}

/// Sees to it that the general chat has at least so many messages.
pub async fn fill_general(config: &Config, rows: i64) -> Result<()> {
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
        transaction.execute(FILL, &[&chat_id, &last_seq, &upto]).await.map_err(failed)?;
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

const FILL: &str = "insert into messages (id, chat_type, chat_id, seq, sender_id, content, \
    timestamp, draft_key, content_hash) \
    select nextval('message_ids'), 'general', $1, n, (select min(id) from users), \
        rpad('message ' || n, 100, '.'), now(), 'sload-' || n, decode(md5(n::text), 'hex') \
    from generate_series($2::bigint + 1, $3::bigint) n";

pub fn failed(error: tokio_postgres::Error) -> Stop {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    Stop::new(format!("PostgreSQL: {error}{}", cause.unwrap_or_default()))
}
