//! A page of history from a real PostgreSQL, at the end of the chat and deep inside it.

use crate::database;
use divan::Bencher;
use snug::model::ids::{ChatId, UserId};
use snug::model::message::ChatType;
use snug::model::waits::DatabaseWaits;
use snug::store::{PageQuery, PageStart, Store};
use tokio::runtime::Runtime;

const ROWS: i64 = 100_000;
const FILL: &str = "insert into messages (id, chat_type, chat_id, seq, sender_id, content, timestamp, \
    draft_key, content_hash) \
    select nextval('message_ids'), 'general', 1, n, 1, rpad('message ' || n, 100, '.'), now(), 's' || n, \
        decode(md5(n::text), 'hex') from generate_series(1, 100000) n; \
    update chats set last_seq = 100000 where id = 1; \
    insert into users (username, email, password_hash) values ('ada', 'ada@example.org', ''); \
    vacuum (analyze) general_messages";

#[divan::bench(args = [0, 50_000, 99_000], sample_count = 50)]
fn read_a_page(bencher: Bencher<'_, '_>, offset: i64) {
    let runtime = Runtime::new().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let private = runtime.block_on(database(&scratch, FILL));
    let store = Store::new(private.connection(), DatabaseWaits::default());
    let query = PageQuery { limit: 50, from: PageStart::Offset(offset) };
    bencher.bench_local(|| {
        let page = store.history(UserId(1), ChatId(1), ChatType::General, query);
        let page = runtime.block_on(page).unwrap().unwrap();
        assert_eq!(page.messages.last().unwrap().seq.0, ROWS - offset);
    });
    store.close();
    runtime.block_on(private.stop());
}
