//! All that somebody has said is removed, if they or the operator want it: in the background, over restarts, and without
//! a trace.

use crate::faults::hasty;
use crate::operators::said;
use crate::pages::{Browser, location};
use crate::support::{Database, PASSWORD, Person, SECRET, Server, Socket, until};
use reqwest::Method;
use serde_json::{Value, json};
use snug::limits::REMOVED_AT_ONCE;
use std::process::Command;
use tokio_postgres::Client;

/// In each text of the one who goes, and in nothing else.
const MARK: &str = "marmalade";

fn commanded(server: &Server, arguments: &[&str]) -> String {
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    said(arguments, &variables, "")
}

async fn go(person: &Person) {
    let body = json!({"current_password": PASSWORD, "messages": "remove"});
    let request = person.request(Method::DELETE, "/auth/me").json(&body);
    person.send(request).await.expect(204);
}

/// Until nothing is left to remove.
async fn removed(database: &Client) {
    until("all is removed", || async {
        count(database, "select count(*) from removals").await == 0
    })
    .await;
}

async fn count(database: &Client, of: &str) -> i64 {
    database.query_one(of, &[]).await.unwrap().get(0)
}

/// Messages that are there with a text.
const SAID: &str = "select count(*) from messages where content like '%marmalade%'";

/// Everything that a backup would have.
fn dump(database: &Database) -> String {
    let socket = database.socket();
    let output = Command::new("pg_dump")
        .arg("-h")
        .arg(socket.parent().unwrap())
        .args(["-U", "snug", "-d", &database.name])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn found(person: &Person) -> usize {
    let answer = person.get(&format!("/search?q={MARK}")).await.expect(200);
    answer["results"].as_array().unwrap().len()
}

async fn messages(person: &Person, path: &str) -> Vec<Value> {
    let history = person.get(&format!("{path}/history?limit=200")).await.expect(200);
    history["messages"].as_array().unwrap().clone()
}

/// Until each of these messages has changed.
async fn told(socket: &mut Socket, chat_id: i64, mut seqs: Vec<i64>) {
    while !seqs.is_empty() {
        let frame = socket.expect("message_changed").await;
        if frame["chat_id"] == chat_id {
            assert_eq!(frame["content"], "", "{frame}");
            seqs.retain(|seq| frame["seq"] != *seq);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_somebody_has_said_is_removed_with_their_account() {
    let server = Server::start().await;
    let database = server.database.client().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let private = ada.private_with(&bob).await;
    // One room of hers, one in which she is, and one that she has left.
    let (hers, link) = ada.room("Hers").await;
    bob.enter(&ada, hers, &link).await;
    let (his, link) = bob.room("His").await;
    ada.enter(&bob, his, &link).await;
    let (left, link) = bob.room("Left").await;
    ada.enter(&bob, left, &link).await;
    let chats = [1, private, hers, his, left];
    let mut seqs = Vec::new();
    for chat in chats {
        seqs.push(ada.say(chat, &format!("{MARK} in {chat}")).await);
        bob.say(chat, &format!("toast in {chat}")).await;
    }
    let membership = format!("/chats/room/{left}/members/{}", ada.id);
    ada.send(ada.request(Method::DELETE, &membership)).await.expect(204);
    until("it is in the index", || async { found(&bob).await == chats.len() }).await;
    assert!(dump(&server.database).contains(MARK));
    let mut general = cyd.socket("/ws/general").await;
    let mut room = bob.socket(&format!("/ws/room/{his}")).await;
    go(&ada).await;
    told(&mut general, 1, vec![seqs[0]]).await;
    told(&mut room, his, vec![seqs[3]]).await;
    removed(&database).await;
    let name = format!("deleted-{}", ada.id);
    for (chat, path) in [
        (1, "/chats/general".to_owned()),
        (private, format!("/chats/private/{private}")),
        (hers, format!("/chats/room/{hers}")),
        (his, format!("/chats/room/{his}")),
        (left, format!("/chats/room/{left}")),
    ] {
        let messages = messages(&bob, &path).await;
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert_eq!(messages[0]["username"], name.as_str());
        assert_eq!((&messages[0]["content"], &messages[0]["deleted"]), (&json!(""), &json!(true)));
        assert_eq!(messages[1]["content"], format!("toast in {chat}"));
    }
    assert_eq!(found(&bob).await, 0);
    let dump = dump(&server.database);
    assert!(!dump.contains(MARK) && dump.contains("toast in 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_has_removed_what_a_disabled_account_has_said() {
    let server = Server::start().await;
    let database = server.database.client().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say(1, MARK).await;
    bob.say(1, "stays").await;
    let line = commanded(&server, &["user", "disable", "ada", "--messages", "remove"]);
    assert!(
        line.starts_with("ada cannot log in any more, and all that they said is being"),
        "{line}"
    );
    removed(&database).await;
    assert_eq!(count(&database, SAID).await, 0);
    // What they say later, when they may again, is not removed.
    commanded(&server, &["user", "enable", "ada"]);
    let ada = Person::at(server.url("")).log_in("ada", PASSWORD).await;
    ada.say(1, &format!("{MARK} again")).await;
    let line = commanded(&server, &["user", "disable", "ada"]);
    assert_eq!(line, "ada cannot log in any more, and is logged in nowhere\n");
    let line = commanded(&server, &["user", "delete", "ada", "--messages", "keep"]);
    assert!(line.contains("what they said stays"), "{line}");
    assert_eq!(count(&database, SAID).await, 1);
    assert_eq!(count(&database, "select count(*) from removals").await, 0);
    assert_eq!(messages(&bob, "/chats/general").await[1]["content"], "stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_goes_on_after_a_restart() {
    let mut server = Server::waiting(hasty()).await;
    let ada = server.person("ada").await;
    ada.say(1, MARK).await;
    let database = server.database.client().await;
    let many = 10 * REMOVED_AT_ONCE;
    let fill = format!(
        "insert into messages (id, chat_type, chat_id, seq, sender_id, content, timestamp, draft_key, content_hash)
        select nextval('message_ids'), 'general', 1, n, {}, 'marmalade ' || n, now(), 's' || n, ''
        from generate_series(2, {many}) n; update chats set last_seq = {many} where id = 1",
        ada.id
    );
    database.batch_execute(&fill).await.unwrap();
    // One of the last batches cannot be removed.
    let holder = server.database.client().await;
    let hold = "begin; select from messages where chat_id = 1 and seq = 99 for update";
    holder.batch_execute(hold).await.unwrap();
    go(&ada).await;
    until("it has begun", || async { count(&database, SAID).await < many }).await;
    server.stop().await;
    assert!(count(&database, SAID).await > 0, "it was stopped in the middle");
    holder.batch_execute("rollback").await.unwrap();
    server.start_again().await;
    removed(&database).await;
    assert_eq!(count(&database, SAID).await, 0);
    let changes = "select last_change from chats where id = 1";
    assert_eq!(count(&database, changes).await, many, "one change each");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_is_held_or_gone_keeps_no_other_from_being_removed() {
    let server = Server::waiting(hasty()).await;
    let database = server.database.client().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (alone, _) = ada.room("Alone").await;
    let private = ada.private_with(&bob).await;
    for chat in [1, alone, private] {
        ada.say(chat, MARK).await;
    }
    let mut holder = server.database.client().await;
    let holding = holder.transaction().await.unwrap();
    holding.batch_execute("select from chats where id = 1 for update").await.unwrap();
    // The room goes with her, because nobody else is in it.
    go(&ada).await;
    let others = "select count(*) from removals where chat_id <> 1";
    until("the others are removed", || async { count(&database, others).await == 0 }).await;
    assert_eq!(messages(&bob, &format!("/chats/private/{private}")).await[0]["content"], "");
    holding.rollback().await.unwrap();
    removed(&database).await;
    assert_eq!(messages(&bob, "/chats/general").await[0]["content"], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_remove_what_was_said_where_that_is_ticked() {
    let server = Server::start().await;
    let database = server.database.client().await;
    for (name, messages, left) in [("ada", "", 1), ("bob", "remove", 1)] {
        let person = server.person(name).await;
        person.say(1, MARK).await;
        let mut browser = Browser::signed_in(&server, name).await;
        let form = [("current_password", PASSWORD), ("messages", messages)];
        let answer = browser.submit("/settings", "/settings/delete", &form).await;
        assert_eq!(location(&answer), "/login?deleted");
        removed(&database).await;
        assert_eq!(count(&database, SAID).await, left, "{name}");
    }
}
