//! Finding messages: by which words, in which order, by whom, at once, and within which time.

use crate::pages::Browser;
use crate::support::{Database, Person, Server, until, waiting};
use crate::tidy::files;
use reqwest::Method;
use serde_json::{Value, json};
use snug::limits::{
    MEDIUM, MESSAGE_SEARCH_CHARS_MAX, SEARCH_LATERAL_CHATS_MAX, SEARCH_ROWS_DEFAULT,
    SEARCH_ROWS_MAX, SEARCH_SCAN_ROWS_MAX,
};
use snug::model::ids::UserId;
use snug::model::waits::{DatabaseWaits, Waits};
use snug::model::words::index_entry;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

pub(crate) async fn search(person: &Person, pairs: &[(&str, &str)]) -> crate::support::Answer {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    person.get(&format!("/search?{}", query.finish())).await
}

/// The contents found, newest first; everything was searched.
pub(crate) async fn found(person: &Person, pairs: &[(&str, &str)]) -> Vec<String> {
    let answer = search(person, pairs).await.expect(200);
    assert_eq!(answer["complete"], true, "{answer}");
    contents(&answer)
}

pub(crate) fn contents(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|one| one["message"]["content"].as_str().unwrap().to_owned()).collect()
}

/// Until the index has everything that has been said. A search tells the filler of what it was not told.
pub(crate) async fn indexed(database: &Client, person: &Person) {
    let behind = "select count(*) from chats c left join indexed_ranges i on i.chat_id = c.id
        where c.last_seq > coalesce(i.upto, 0) or i.above > 0";
    until("everything is in the index", || async {
        search(person, &[("q", "anything")]).await.expect(200);
        database.query_one(behind, &[]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
}

/// Keeps the filler from this chat's messages until it is dropped.
pub(crate) async fn held(database: &Database, chat_id: i64) -> Client {
    let holder = database.client().await;
    let make = "insert into indexed_ranges (chat_id) values ($1) on conflict do nothing";
    holder.execute(make, &[&chat_id]).await.unwrap();
    let hold = format!("begin; select from indexed_ranges where chat_id = {chat_id} for key share");
    holder.batch_execute(&hold).await.unwrap();
    holder
}

/// Messages in the general chat, a second apart, beyond those that are there.
pub(crate) async fn said(database: &Client, count: i64, content: &str) {
    let say = format!(
        "insert into messages (id, chat_type, chat_id, seq, sender_id, content, timestamp, draft_key,
            content_hash)
         select nextval('message_ids'), 'general', 1, last_seq + n, 1, {content},
            timestamptz '2024-09-19 10:00Z' + (last_seq + n) * interval '1 second', 's' || last_seq + n, ''
         from chats, generate_series(1, {count}) n where chats.id = 1;
         update chats set last_seq = last_seq + {count} where id = 1"
    );
    database.batch_execute(&say).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_found_by_its_words_before_and_after_it_is_in_the_index() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let database = server.database.client().await;
    let held = held(&server.database, 1).await;
    for content in [
        "The old mill, by the river",
        "Straße and CAFÉ, plan b",
        "我住在北京市中心",
        "สวัสดีครับ 東京タワー 안녕하세요",
        "Release 7 of snake_case.rs: don't panic",
    ] {
        ada.say(1, content).await;
    }
    for step in ["new", "indexed"] {
        for (q, number) in [
            ("mill", Some(0)),
            ("MILL old", Some(0)),
            ("\"old mill\" riv", Some(0)),
            ("\"by the river\"", Some(0)),
            ("ｍｉｌｌ", Some(0)),
            ("strasse cafe", Some(1)),
            ("\"plan b\"", Some(1)),
            ("x caf", Some(1)),
            ("北京", Some(2)),
            ("心", Some(2)),
            ("タワ", Some(3)),
            ("하세", Some(3)),
            ("ดีค", Some(3)),
            ("case", Some(4)),
            ("7 panic", Some(4)),
            ("rele", Some(4)),
            ("\"release 7 of", Some(4)),
            ("mi", None),
            ("riv mill", None),
            ("ill", None),
            ("\"mill old\"", None),
            ("\"old mil\"", None),
            ("京北", None),
            ("8 panic", None),
            ("mill \"panic\"", None),
            ("mill%", Some(0)),
            ("m_ll", None),
            ("\\mill'", Some(0)),
        ] {
            let all = found(&ada, &[("q", q)]).await;
            assert_eq!(all.len(), usize::from(number.is_some()), "{step} {q}: {all:?}");
            if let Some(number) = number {
                let history = ada.get("/chats/general/history").await.expect(200);
                assert_eq!(
                    history["messages"][number as usize]["content"],
                    all[0].as_str(),
                    "{step} {q}"
                );
            }
        }
        if step == "new" {
            held.batch_execute("commit").await.unwrap();
            indexed(&database, &ada).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_the_message_and_its_chat() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (private, (room, link)) = (ada.private_with(&bob).await, ada.room("Tea & cake").await);
    bob.enter(&ada, room, &link).await;
    for chat in [1, private, room] {
        bob.say(chat, &format!("needle {chat}")).await;
    }
    let answer = search(&ada, &[("q", "needle")]).await.expect(200);
    assert_eq!((&answer["next"], &answer["complete"]), (&Value::Null, &json!(true)));
    let chats: Vec<&Value> =
        answer["results"].as_array().unwrap().iter().map(|one| &one["chat"]).collect();
    assert_eq!(
        chats,
        [
            &json!({"chat_id": room, "chat_type": "room", "name": "Tea & cake"}),
            &json!({"chat_id": private, "chat_type": "private", "name": "bob"}),
            &json!({"chat_id": 1, "chat_type": "general", "name": "General"}),
        ]
    );
    for (one, path) in answer["results"].as_array().unwrap().iter().zip([
        format!("/chats/room/{room}/history"),
        format!("/chats/private/{private}/history"),
        "/chats/general/history".to_owned(),
    ]) {
        let history = ada.get(&path).await.expect(200);
        assert_eq!(one["message"], history["messages"][0], "as it is everywhere else");
    }
    // The name of a private chat is the other's, for each of the two; a deleted user has one, too.
    let seen =
        search(&bob, &[("q", "needle"), ("chat_id", &private.to_string())]).await.expect(200);
    assert_eq!(seen["results"][0]["chat"]["name"], "ada");
    let database = server.database.client().await;
    database.execute("delete from users where username = 'bob'", &[]).await.unwrap();
    let named = format!("deleted-{}", bob.id);
    until("the name is forgotten", || async {
        let answer = search(&ada, &[("q", "needle")]).await.expect(200);
        let private = &answer["results"][1];
        private["chat"]["name"] == named.as_str()
            && private["message"]["username"] == named.as_str()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_viewer_can_read_is_found() {
    let server = Server::start().await;
    let (ada, bob, eve) =
        (server.person("ada").await, server.person("bob").await, server.person("eve").await);
    let (private, (room, link)) = (ada.private_with(&bob).await, ada.room("Tea").await);
    bob.enter(&ada, room, &link).await;
    eve.post(&format!("/chats/room/{room}/join"), json!({"invite_link": link})).await.expect(202);
    for (chat, content) in [(1, "needle all"), (private, "needle two"), (room, "needle room")] {
        ada.say(chat, content).await;
    }
    let database = server.database.client().await;
    let everywhere: &[(&str, &str)] = &[("q", "needle")];
    for step in ["new", "indexed"] {
        assert_eq!(
            found(&bob, everywhere).await,
            ["needle room", "needle two", "needle all"],
            "{step}"
        );
        assert_eq!(found(&eve, everywhere).await, ["needle all"], "{step}");
        for chat in [private, room, 999] {
            let answer = search(&eve, &[("q", "needle"), ("chat_id", &chat.to_string())]).await;
            answer.refused(404, "not_found");
        }
        indexed(&database, &ada).await;
    }
    ada.delete(&format!("/chats/room/{room}/members/{}", bob.id)).await.expect(204);
    assert_eq!(found(&bob, everywhere).await, ["needle two", "needle all"]);
    search(&bob, &[("q", "needle"), ("chat_id", &room.to_string())])
        .await
        .refused(404, "not_found");
    assert_eq!(
        found(&ada, &[("q", "needle"), ("chat_id", &room.to_string())]).await,
        ["needle room"]
    );
    Person::nobody(&server).get("/search?q=needle").await.refused(401, "unauthenticated");
}

/// Who has more chats than are searched one by one is answered in another way.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_with_many_chats_finds_the_same() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let foreign = bob.room("Not Ada's").await.0;
    let mut rooms = Vec::new();
    for number in 0..=SEARCH_LATERAL_CHATS_MAX {
        rooms.push(ada.room(&format!("Room {number}")).await.0);
    }
    let (mut expected, database) = (Vec::new(), server.database.client().await);
    for round in 0..3 {
        for chat in rooms.iter().chain([&1, &private]) {
            expected.insert(0, format!("needle {round} in {chat}"));
            ada.say(*chat, &expected[0]).await;
        }
        bob.say(foreign, "needle that Ada cannot see").await;
    }
    for step in ["new", "indexed"] {
        assert_eq!(found(&ada, &[("q", "needle"), ("limit", "50")]).await, expected, "{step}");
        let one = rooms[3].to_string();
        let mut own = expected.clone();
        own.retain(|said| said.ends_with(&format!(" {one}")));
        assert_eq!(found(&ada, &[("q", "needle"), ("chat_id", &one)]).await, own, "{step}");
        indexed(&database, &ada).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_can_be_found_at_once() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    // While somebody else keeps the filler busy.
    let talking = tokio::spawn(async move {
        for number in 0..200 {
            bob.say(1, &format!("chatter {number}")).await;
        }
    });
    for number in 0..60 {
        let content = format!("needle{number} at once");
        ada.say(1, &content).await;
        assert_eq!(found(&ada, &[("q", &format!("needle{number}"))]).await, [content]);
    }
    talking.await.unwrap();
    assert_eq!(found(&ada, &[("q", "chatter 199")]).await, ["chatter 199"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_through_everything_once_newest_first() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let database = server.database.client().await;
    // Half of them at one time: then the id decides.
    said(&database, 30, "'needle ' || n").await;
    database
        .batch_execute(
            "update messages set timestamp = '2024-09-19 10:00:05Z' where seq between 5 and 20",
        )
        .await
        .unwrap();
    indexed(&database, &ada).await;
    let held = held(&server.database, 1).await;
    said(&database, 15, "'needle ' || 30 + n").await;
    let expected: Vec<String> = (1..=45).rev().map(|n| format!("needle {n}")).collect();
    for (step, limits) in [("half", [1, 7, 44, 45, 46, 50]), ("all", [1, 7, 44, 45, 46, 50])] {
        for limit in limits {
            let (mut seen, mut page, mut pages) = (Vec::new(), None::<String>, 0);
            loop {
                let limit = limit.to_string();
                let mut query = vec![("q", "needle"), ("limit", limit.as_str())];
                query.extend(page.as_deref().map(|page| ("page", page)));
                let answer = search(&ada, &query).await.expect(200);
                assert_eq!(answer["complete"], true);
                seen.extend(contents(&answer));
                pages += 1;
                page = answer["next"].as_str().map(str::to_owned);
                if page.is_none() {
                    break;
                }
            }
            assert_eq!(seen, expected, "{step} {limit}");
            assert_eq!(pages, 45_usize.div_ceil(limit), "{step} {limit}");
        }
        if step == "half" {
            held.batch_execute("commit").await.unwrap();
            indexed(&database, &ada).await;
        }
    }
    assert_eq!(found(&ada, &[("q", "needle")]).await.len() as i64, SEARCH_ROWS_DEFAULT);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_leave_what_they_say() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let database = server.database.client().await;
    // Message n is of 10:00:0n.
    said(&database, 9, "'needle ' || n").await;
    let bobs = format!("update messages set sender_id = {} where seq % 3 = 0", bob.id);
    database.batch_execute(&bobs).await.unwrap();
    let (from_ada, from_bob) = (ada.id.to_string(), bob.id.to_string());
    let at = |second: i64| format!("2024-09-19T10:00:0{second}Z");
    type Filters<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Filters<'_>, &[i64]); 9] = [
        (&[("from", &from_bob)], &[9, 6, 3]),
        (&[("from", &from_ada), ("limit", "2")], &[8, 7]),
        (&[("from", "999")], &[]),
        (&[("before", &at(3))], &[2, 1]),
        (&[("after", &at(7))], &[9, 8]),
        (&[("after", &at(2)), ("before", &at(5))], &[4, 3]),
        (&[("after", "2024-09-19T12:00:06+02:00"), ("from", &from_bob)], &[9]),
        (
            &[
                ("after", "-009998-01-01T00:00:00Z"),
                ("before", "9999-12-30T00:00:00Z"),
                ("limit", "1"),
            ],
            &[9],
        ),
        (&[("before", "-009998-01-02T00:00:00Z")], &[]),
    ];
    for step in ["new", "indexed"] {
        for (filters, numbers) in cases {
            let query = [&[("q", "needle")], filters].concat();
            let expected: Vec<String> = numbers.iter().map(|n| format!("needle {n}")).collect();
            assert_eq!(found(&ada, &query).await, expected, "{step} {filters:?}");
        }
        indexed(&database, &ada).await;
    }
    for (name, value) in [
        ("chat_id", "x"),
        ("chat_id", "0"),
        ("chat_id", "-1"),
        ("from", "bob"),
        ("from", "1.5"),
        ("limit", "0"),
        ("limit", "51"),
        ("before", "yesterday"),
        ("before", "2024-09-19"),
        ("after", "12"),
        ("page", "x"),
        ("page", "1-0"),
        ("page", "99999999999999999999-1"),
    ] {
        let answer = search(&ada, &[("q", "needle"), (name, value)]).await;
        assert_eq!(answer.faults(), [name], "{name}={value}");
    }
    assert_eq!(SEARCH_ROWS_MAX, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_nothing_is_refused_and_nothing_takes_long() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    ada.say(1, "needle").await;
    let marks = "\u{301}".repeat(MESSAGE_SEARCH_CHARS_MAX);
    let long = "n".repeat(MESSAGE_SEARCH_CHARS_MAX + 1);
    for q in [
        "",
        "a",
        "a b",
        "\"a b\"",
        "%",
        "_",
        "\\",
        "'",
        "\"",
        "\"\"",
        "()&|!:*<->",
        "👍",
        "\0",
        &marks,
        &long,
    ] {
        assert_eq!(search(&ada, &[("q", q)]).await.faults(), ["q"], "{q}");
    }
    ada.get("/search").await.refused(422, "invalid");
    let vowels = "\u{E34}".repeat(MESSAGE_SEARCH_CHARS_MAX);
    let words = "no ".repeat(33);
    let runs = "京".repeat(MESSAGE_SEARCH_CHARS_MAX);
    for q in [vowels.as_str(), &words, &runs, &long[1..], "needle \u{FDFA}", "\"needle", "needles'"]
    {
        let began = Instant::now();
        let expected = usize::from(q == "\"needle");
        assert_eq!(found(&ada, &[("q", q)]).await.len(), expected, "{q}");
        assert!(began.elapsed() < Duration::from_secs(2), "{q}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_one_search_at_a_time_and_one_that_takes_too_long_is_refused() {
    let database = DatabaseWaits { search: Duration::from_millis(700), ..DatabaseWaits::default() };
    let server = Server::waiting(Waits { database, ..Waits::default() }).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say(1, "needle").await;
    let watcher = server.database.client().await;
    indexed(&watcher, &ada).await;
    let holder = server.database.client().await;
    holder.batch_execute("begin; lock table message_words in access exclusive mode").await.unwrap();
    let query: &[(&str, &str)] = &[("q", "needle")];
    // Three at once: one is under way for as long as it may, and the last one waits in vain.
    let (mut one, mut two, mut three, other) = tokio::join!(
        search(&ada, query),
        search(&ada, query),
        search(&ada, query),
        search(&bob, query),
    );
    other.refused(503, "busy");
    assert!(other.headers.contains_key("retry-after"));
    let mut answers = [&mut one, &mut two, &mut three];
    answers.sort_by_key(|answer| answer.status);
    answers[0].refused(429, "rate_limited");
    assert!(answers[0].headers.contains_key("retry-after"));
    answers[2].refused(503, "busy");
    holder.batch_execute("rollback").await.unwrap();
    // In turn, all of them are answered.
    let (one, two) = tokio::join!(found(&ada, query), found(&ada, query));
    assert_eq!((one.len(), two.len()), (1, 1));
}

/// Whoever leaves takes no place with them that PostgreSQL is still working for.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_wait_for_an_answer_searches_once_all_the_same() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let watcher = server.database.client().await;
    indexed(&watcher, &ada).await;
    let holder = server.database.client().await;
    holder.batch_execute("begin; lock table message_words in access exclusive mode").await.unwrap();
    for _ in 0..5 {
        let asked = ada.request(Method::GET, "/search?q=needle").timeout(Duration::from_millis(50));
        assert!(asked.send().await.is_err());
    }
    let mine = "select count(*) from pg_stat_activity where datname = current_database()
        and wait_event_type = 'Lock' and query like '%message_words w%'";
    let searches: i64 = watcher.query_one(mine, &[]).await.unwrap().get(0);
    assert_eq!(searches, 1);
    assert!(waiting(&watcher).await as usize <= MEDIUM.message_searches);
    holder.batch_execute("rollback").await.unwrap();
    assert!(found(&ada, &[("q", "needle")]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_that_is_new_is_said_to_be_incomplete() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let database = server.database.client().await;
    let held = held(&server.database, 1).await;
    said(&database, SEARCH_SCAN_ROWS_MAX, "'needle ' || n").await;
    assert_eq!(found(&ada, &[("q", "\"needle 1\"")]).await, ["needle 1"]);
    said(&database, 1, "'needle and thread'").await;
    let answer = search(&ada, &[("q", "needle thread")]).await.expect(200);
    assert_eq!(
        (contents(&answer).as_slice(), &answer["complete"]),
        (&["needle and thread".to_owned()][..], &json!(false))
    );
    assert_eq!(contents(&search(&ada, &[("q", "\"needle 1\"")]).await.expect(200)), [""; 0]);
    held.batch_execute("commit").await.unwrap();
    indexed(&database, &ada).await;
    assert_eq!(found(&ada, &[("q", "\"needle 1\"")]).await, ["needle 1"]);
}

/// Whatever the statistics say of a word, nobody goes through all messages for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_word_is_looked_up_and_the_last_messages_are_read_by_their_place() {
    let database = Database::new().await.client().await;
    let common = index_entry("common", UserId(1)).replace('\'', "''");
    let fill = format!(
        "insert into chats (chat_type) select 'room' from generate_series(1, 20);
         insert into chat_rooms (id, name, description, creator_id, invite_link)
         select id, 'Room', '', 1, 'l' || id from chats where chat_type = 'room';
         insert into room_members (room_id, user_id, state) select id, 1, 'approved' from chat_rooms;
         insert into messages (id, chat_type, chat_id, seq, sender_id, content, timestamp, draft_key, content_hash)
         select n, 'general', 1, n, 1, '', timestamptz '2024-09-19' + n * interval '1 s', 's' || n, ''
         from generate_series(1, 40000) n;
         update chats set last_seq = 40000 where id = 1;
         insert into indexed_ranges (chat_id, upto) select id, last_seq from chats on conflict do nothing;
         insert into message_words (chat_id, timestamp, id, seq, words)
         select chat_id, timestamp, id, seq, ('{common} ''rare' || seq % 20000 || '''')::tsvector
         from messages;
         select gin_clean_pending_list('message_words_words_idx');
         analyze; set random_page_cost = 1.1"
    );
    database.batch_execute(&fill).await.unwrap();
    let statements =
        [files("sql/message_words", ".sql"), files("sql/messages", "current.sql")].concat();
    let by_words = "Bitmap Index Scan on message_words_words_idx";
    let chats = format!("'{{{}}}'", ["1"; 400].join(","));
    let seqs = format!("'{{{}}}'", (1..=400).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
    // From the place of the last hour on, or from the beginning on.
    let ends = ["'2024-09-19 10:30'", "'1970-01-01'"];
    for (name, query, end, expected) in [
        ("search_few", "'@1' & 'rare77'", ends[1], by_words),
        ("search_few", "'rare77':*", ends[1], by_words),
        ("search_few", "'common'", ends[0], "Scan using message_words_"),
        ("search_many", "'@1' & 'rare77'", ends[1], by_words),
        ("search_many", "'rare77':*", ends[1], by_words),
        ("search_many", "'common'", ends[0], "Scan using message_words_newest_idx"),
        ("window_end", "", "", "Scan Backward using message_words_newest_idx"),
        // While a chat is behind its index, and of as many as are read at once.
        ("scan", "", "", "general_messages_pkey"),
        ("messages/current", "", "", "general_messages_pkey"),
    ] {
        let (_, text) = statements.iter().find(|(path, _)| path.contains(name)).unwrap();
        let query = format!("'{}'", query.replace('\'', "''"));
        let rest = ["'9999-01-01'", "1", end, "1", "'1970-01-01'", "21"];
        let parameters = match name {
            "search_few" => [&["1", "null", query.as_str()][..], &rest].concat(),
            "search_many" => [&["1", query.as_str()][..], &rest].concat(),
            "scan" => vec!["1", "null", "1000", "'9999-01-01'", "1", "'1970-01-01'", "null"],
            "messages/current" => vec![&*chats, &*seqs],
            _ => vec!["'9999-01-01'", "1", "5000"],
        };
        let numbered = parameters.iter().enumerate();
        let statement = numbered.fold(text.clone(), |statement, (number, parameter)| {
            statement.replace(&format!("${}", number + 1), parameter)
        });
        let rows = database.query(&format!("explain {statement}"), &[]).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        assert!(plan.contains(expected), "{name} {query}:\n{plan}");
        for whole in ["Seq Scan on message_words", "Seq Scan on general_messages"] {
            assert!(!plan.contains(whole), "{name} {query}:\n{plan}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_finds_the_same_without_scripts() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let database = server.database.client().await;
    said(&database, SEARCH_ROWS_DEFAULT + 1, "'needle <b> ' || n").await;
    bob.say(private, "A Needle & thread").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    // The field is on every page, and leads to the page of results.
    for path in ["/", "/general", "/settings", "/find"] {
        let page = browser.get(path).await.text;
        assert!(page.contains("action=\"/find\"") && page.contains("name=\"q\""), "{path}");
    }
    let page = browser.get("/find?q=needle").await;
    assert_eq!(page.status, 200);
    let text = page.text.replace("&#x2f;", "/");
    let results = text.matches("class=\"result\"").count() as i64;
    assert_eq!(results, SEARCH_ROWS_DEFAULT);
    let first = text.split("class=\"result\"").nth(1).unwrap();
    assert!(first.contains(&format!("href=\"/private/{private}?at=1\"")), "{first}");
    assert!(first.contains("bob") && first.contains("<mark>Needle</mark>"), "{first}");
    assert!(first.contains("&amp; thread"), "{first}");
    assert!(text.contains("&lt;b") && !text.contains("<b>"), "{text}");
    // The next page has the rest, and a result leads into the conversation.
    let next = text.split("href=\"/find?").nth(1).unwrap().split('"').next().unwrap();
    let next = browser.get(&format!("/find?{}", next.replace("&amp;", "&"))).await.text;
    assert_eq!(next.matches("class=\"result\"").count(), 2);
    let chat = browser.get("/general?at=1").await.text;
    assert!(chat.contains("data-seq=\"1\""));

    for (query, count) in [
        ("q=needle&in=1".to_owned(), SEARCH_ROWS_DEFAULT),
        (format!("q=needle&in={private}"), 1),
        ("q=needle&from=bob".to_owned(), 1),
        ("q=needle&from=%40BOB&in=&since=&before=".to_owned(), 1),
        ("q=needle&since=2024-09-20".to_owned(), 1),
        ("q=needle&before=2024-09-19".to_owned(), 0),
        ("q=needle&since=2024-09-19&before=2024-09-20".to_owned(), SEARCH_ROWS_DEFAULT),
        ("q=thimble".to_owned(), 0),
    ] {
        let page = browser.get(&format!("/find?{query}")).await;
        assert_eq!(page.status, 200, "{query}");
        assert_eq!(page.text.matches("class=\"result\"").count() as i64, count, "{query}");
        assert_eq!(page.text.contains("Nothing was found."), count == 0, "{query}");
    }
    for (query, status, says) in [
        ("q=", 422, "Look for"),
        ("q=a", 422, "at least two letters"),
        ("q=needle&from=nobody", 422, "Nobody has that name."),
        ("q=needle&since=yesterday", 422, "Write a day"),
        ("q=needle&before=2024-02-30", 422, "Write a day"),
        ("q=needle&page=x", 422, "break a rule"),
        ("q=needle&in=999", 404, "Nothing here"),
    ] {
        let page = browser.get(&format!("/find?{query}")).await;
        assert_eq!(page.status.as_u16(), status, "{query}");
        assert!(page.text.contains(says), "{query}: {}", page.text);
    }
    let stranger = Browser::new(&server).get("/find?q=needle").await;
    assert_eq!(stranger.headers["location"], "/login?next=%2Ffind%3Fq%3Dneedle");
}
