//! Messages that somebody deleted by SQL: those that are left come once each, and there is an end.

use crate::support::{Person, Server};
use serde_json::{Value, json};
use snug::limits::REPLAY_PAGE_ROWS;

const LAST: i64 = 3 * REPLAY_PAGE_ROWS;

/// Which of the messages 1 to `LAST` are deleted.
const HOLES: [(&str, &str); 7] = [
    ("none", "false"),
    ("every seventh", "seq % 7 = 3"),
    ("all but every seventh", "seq % 7 <> 3"),
    ("more than a page", "seq between 20 and 250"),
    ("the first", "seq <= 5"),
    ("the last", "seq > 250"),
    ("all", "true"),
];

/// A room in which so many messages were written before some were deleted; what is left of them.
async fn room_with(server: &Server, ada: &Person, holes: &str) -> (i64, Vec<i64>) {
    let (room, _) = ada.room("Tea").await;
    let client = server.database.client().await;
    let write = format!(
        "insert into messages (id, chat_type, chat_id, seq, sender_id, room_id, content, timestamp,
            draft_key, content_hash)
         select nextval('message_ids'), 'room', {room}, n, {}, {room}, n, now(), 's' || n, ''
         from generate_series(1, {LAST}) n;
         update chats set last_seq = {LAST} where id = {room};
         delete from messages where chat_id = {room} and ({holes})",
        ada.id
    );
    client.batch_execute(&write).await.unwrap();
    let left = "select seq from messages where chat_id = $1 order by seq";
    let left = client.query(left, &[&room]).await.unwrap();
    (room, left.iter().map(|row| row.get(0)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_goes_over_holes_to_its_end() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for (name, holes) in HOLES {
        for after in [0, 3, 100, 251, LAST] {
            let (room, left) = room_with(&server, &ada, holes).await;
            let paths =
                [format!("/ws/room/{room}?after={after}"), format!("/ws?after={room}:{after}")];
            let mut last = LAST;
            for path in paths {
                let mut socket = ada.socket(&path).await;
                let mut seen = Vec::new();
                let end = loop {
                    let frame = socket.next().await;
                    match frame["type"].as_str() {
                        Some("message") => seen.push(frame["seq"].as_i64().unwrap()),
                        _ => break frame,
                    }
                };
                let later = left.iter().copied().filter(|seq| *seq > after);
                let expected: Vec<i64> = later.chain(LAST + 1..=last).collect();
                assert_eq!(seen, expected, "{name}, {path}");
                assert_eq!(
                    end,
                    json!({"type": "caught_up", "chat_id": room, "seq": last, "change": 0})
                );
                last = ada.say(room, "live").await;
                assert_eq!(socket.next().await["seq"], last, "{name}, {path}");
            }
        }
    }
}

/// Whoever is live and was passed over reads what is missing, and finds less than there was.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_reader_is_not_kept_by_what_is_gone() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let client = server.database.client().await;
    let mut socket = ada.socket("/ws/general").await;
    for seq in 1..=3 {
        ada.say(1, "x").await;
        assert_eq!(socket.next().await["seq"], seq);
    }
    client.batch_execute("delete from messages where seq > 1").await.unwrap();
    // As after many drafts that were given up.
    client.batch_execute("update chats set last_seq = 7").await.unwrap();
    for seq in 8..=9 {
        ada.say(1, "y").await;
        assert_eq!(socket.next().await["seq"], seq);
    }
    assert!(socket.is_silent().await);
}

/// All pages in one direction; how many there were.
async fn walk(
    ada: &Person,
    room: i64,
    limit: i64,
    mut next: impl FnMut(&[i64]) -> String,
) -> Vec<Vec<i64>> {
    let mut pages: Vec<Vec<i64>> = Vec::new();
    loop {
        let query = next(pages.last().map_or(&[], Vec::as_slice));
        let path = format!("/chats/room/{room}/history?limit={limit}{query}");
        let page = ada.get(&path).await.expect(200);
        let messages: &Vec<Value> = page["messages"].as_array().unwrap();
        pages.push(messages.iter().map(|message| message["seq"].as_i64().unwrap()).collect());
        assert_eq!(page["last_seq"], LAST);
        if page["has_more"] == false {
            return pages;
        }
        assert!(pages.len() as i64 <= LAST, "no end: {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_history_go_over_holes_to_both_ends() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    for (name, holes) in HOLES {
        let (room, left) = room_with(&server, &ada, holes).await;
        for limit in [7, 50, 200] {
            let mut back = walk(&ada, room, limit, |page| match page.first() {
                Some(first) => format!("&before={first}"),
                None => format!("&before={}", LAST + 1),
            })
            .await;
            back.reverse();
            let forth = walk(&ada, room, limit, |page| match page.last() {
                Some(last) => format!("&after={last}"),
                None => "&after=0".into(),
            })
            .await;
            let mut offset = -limit;
            let mut by_offset = walk(&ada, room, limit, |_| {
                offset += limit;
                format!("&offset={offset}")
            })
            .await;
            by_offset.reverse();
            for (way, pages) in [("before", back), ("after", forth), ("offset", by_offset)] {
                assert_eq!(pages.concat(), left, "{name}, {way}, limit {limit}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_only_for_those_who_may_see_it() {
    let server = Server::start().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let (room, _) = room_with(&server, &ada, "seq % 7 <> 3").await;
    let private = ada.private_with(&bob).await;
    for _ in 0..3 {
        ada.say(private, "secret").await;
    }
    let client = server.database.client().await;
    let delete = format!("delete from messages where chat_id = {private} and seq = 2");
    client.batch_execute(&delete).await.unwrap();
    for query in ["after=0", "before=3", "before=4", ""] {
        let path = format!("/chats/private/{private}/history?{query}");
        let page = bob.get(&path).await.expect(200);
        assert_eq!(page["messages"][0]["receiver_id"], bob.id, "{path}");
        cyd.get(&path).await.refused(404, "not_found");
        let path = format!("/chats/room/{room}/history?{query}");
        cyd.get(&path).await.refused(404, "not_found");
    }
}
