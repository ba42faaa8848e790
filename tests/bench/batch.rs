//! A batch from clients' frames to one run of encoded messages, with its commit in a real PostgreSQL.

use crate::database;
use divan::Bencher;
use divan::counter::ItemsCount;
use snug::chat::{Rules, Terms};
use snug::limits::MEDIUM;
use snug::live::client_frames::{Meaning, read};
use snug::metrics::Metrics;
use snug::model::ids::{ChatId, UserId};
use snug::model::message::{Draft, Role, SessionId, Viewer};
use snug::model::signups::SignupPolicy;
use snug::model::waits::DatabaseWaits;
use snug::registry::{ConnectionId, Event, Inbox, Registry};
use snug::store::Store;
use std::sync::Arc;
use std::time::Duration;

const DRAFTS: usize = 256;
const FILL: &str =
    "insert into users (username, email, password_hash) values ('ada', 'ada@example.org', '')";

/// All on one thread, so that the allocations of every part are counted.
#[divan::bench(sample_count = 100, sample_size = 1)]
fn store_a_batch(bencher: Bencher<'_, '_>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let private = runtime.block_on(database(&scratch, FILL));
    let store = Store::new(private.connection(), DatabaseWaits::default());
    let inbox = Arc::new(Inbox::new(MEDIUM.inbox_bytes));
    let rules = {
        let _within = runtime.enter();
        let registry = Registry::new(vec![Arc::clone(&inbox)], None);
        Rules::new(store.clone(), registry, Arc::new(Metrics::new().unwrap()), terms())
    };
    let ada = Viewer {
        user_id: UserId(1),
        username: "ada".into(),
        role: Role::Member,
        shows_presence: true,
        session: SessionId([0; 16]),
    };
    let ada = Arc::new(ada);
    let mut named = 0;
    bencher
        .counter(ItemsCount::new(DRAFTS))
        .with_inputs(|| {
            named += 1;
            frames(named)
        })
        .bench_local_refs(|frames| {
            for frame in frames {
                rules.post_from(SOCKET, draft(frame, &ada)).unwrap();
            }
            runtime.block_on(answers(&inbox));
        });
    runtime.block_on(rules.finish(Duration::from_secs(5)));
    store.close();
    runtime.block_on(private.stop());
}

const SOCKET: ConnectionId = ConnectionId { shard: 0, index: 0, generation: 0 };

fn terms() -> Terms {
    let lifetime = Duration::from_secs(60);
    Terms {
        jwt_secret: vec![0; 32],
        token_lifetime: lifetime,
        session_lifetime: lifetime,
        rate_limits: false,
        signups: SignupPolicy::Open,
        hashers: 1,
        memory: &MEDIUM,
    }
}

/// With a thousand characters each, and names that no other batch has.
fn frames(batch: usize) -> Vec<String> {
    let content = "x".repeat(1_000);
    (0..DRAFTS)
        .map(|n| format!(r#"{{"content":"{content}","client_id":"{batch}-{n}","chat_id":1}}"#))
        .collect()
}

fn draft(frame: &str, sender: &Arc<Viewer>) -> Draft {
    match read(frame).1.unwrap() {
        Meaning::Message { content, client_id, reply_to, .. } => {
            Draft { chat_id: ChatId(1), sender: Arc::clone(sender), content, client_id, reply_to }
        }
        other => panic!("{other:?} is not a message"),
    }
}

/// Waits until each draft has its answer.
async fn answers(inbox: &Inbox) {
    let mut answered = 0;
    while answered < DRAFTS {
        inbox.rings().await;
        let events = inbox.take(Vec::new());
        answered += events.iter().filter(|event| matches!(event, Event::Answered { .. })).count();
    }
}
