//! Pins: what a chat keeps in sight, put there by those who keep the chat.

use crate::pages::Browser;
use crate::support::{Person, Server};
use serde_json::{Value, json};
use snug::limits::PINS_MAX;

fn pin(chat_id: i64, seq: i64) -> String {
    format!("/chats/{chat_id}/messages/{seq}/pin")
}

async fn pinned(person: &Person, chat_id: i64) -> Vec<i64> {
    let pins = person.get(&format!("/chats/{chat_id}/pins")).await.expect(200);
    let is_pinned = |message: &Value| message["pinned"] == true && message["change"].is_number();
    let messages = pins["messages"].as_array().unwrap();
    assert!(messages.iter().all(is_pinned), "{pins}");
    messages.iter().map(|message| message["seq"].as_i64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_pinned_comes_first() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    for n in 0..4 {
        ada.say(private, &n.to_string()).await;
    }
    let mut socket = bob.socket("/ws").await;
    for (who, seq) in [(&ada, 3), (&bob, 1), (&ada, 4)] {
        who.put(&pin(private, seq)).await.expect(204);
        let frame = socket.next().await;
        assert_eq!((&frame["seq"], &frame["pinned"]), (&json!(seq), &json!(true)));
    }
    assert_eq!(pinned(&bob, private).await, [4, 1, 3]);
    // The same again is no change; what changes otherwise keeps its place.
    bob.put(&pin(private, 3)).await.expect(204);
    ada.delete(&pin(private, 2)).await.expect(204);
    assert!(socket.is_silent().await);
    ada.patch(&format!("/chats/{private}/messages/3"), json!({"content": "x"})).await.expect(200);
    assert_eq!(pinned(&ada, private).await, [4, 1, 3]);
    bob.delete(&pin(private, 4)).await.expect(204);
    assert_eq!(pinned(&ada, private).await, [1, 3]);
    let message = ada.get(&format!("/chats/{private}/messages/4")).await.expect(200);
    assert_eq!((&message["pinned"], &message["change"]), (&Value::Null, &json!(5)));
    ada.delete(&format!("/chats/{private}/messages/1")).await.expect(204);
    assert_eq!(pinned(&ada, private).await, [3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_keep_a_chat_pin_there() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    bob.say(room, "x").await;
    bob.say(1, "x").await;
    for method in ["PUT", "DELETE"] {
        let ask = |chat_id| bob.send(bob.request(method.parse().unwrap(), &pin(chat_id, 1)));
        ask(room).await.refused(403, "not_creator");
        ask(1).await.refused(403, "not_moderator");
    }
    ada.put(&pin(room, 1)).await.expect(204);
    assert_eq!(pinned(&bob, room).await, [1]);
    ada.put(&pin(room, 2)).await.refused(404, "not_found");
    for role in ["moderator", "owner"] {
        server.give_role(&ada, role).await;
        ada.put(&pin(1, 1)).await.expect(204);
        ada.delete(&pin(1, 1)).await.expect(204);
    }
    // Not in rooms that others made.
    server.give_role(&bob, "owner").await;
    bob.put(&pin(room, 1)).await.refused(403, "not_creator");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_has_so_many_pins_and_no_more() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let (room, _) = ada.room("Tea").await;
    for n in 0..=PINS_MAX {
        ada.say(room, &n.to_string()).await;
    }
    for seq in 1..=PINS_MAX {
        ada.put(&pin(room, seq)).await.expect(204);
    }
    ada.put(&pin(room, PINS_MAX + 1)).await.refused(409, "limit_reached");
    ada.put(&pin(room, 1)).await.expect(204);
    ada.delete(&pin(room, 1)).await.expect(204);
    ada.put(&pin(room, PINS_MAX + 1)).await.expect(204);
    assert_eq!(pinned(&ada, room).await.len() as i64, PINS_MAX);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_shows_the_last_pin_and_lists_all() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    let private = ada.private_with(&bob).await;
    for chat_id in [room, private] {
        for text in ["first", "second", "two\n  lines <b>"] {
            ada.say(chat_id, text).await;
        }
    }
    let mut browser = Browser::signed_in(&server, "bob").await;
    for (path, chat_id) in
        [(format!("/room/{room}"), room), (format!("/private/{private}"), private)]
    {
        let mut shown = async || -> Vec<String> {
            let page = browser.get(&path).await.text;
            let pins = page.split("class=\"reply\" href=\"").skip(1);
            pins.map(|pin| pin.split("</a>").next().unwrap().to_owned()).collect()
        };
        assert!(shown().await.is_empty());
        for seq in [1, 3] {
            ada.put(&pin(chat_id, seq)).await.expect(204);
        }
        let pins = shown().await;
        let seqs: Vec<&str> = pins.iter().map(|pin| pin.split('"').next().unwrap()).collect();
        assert_eq!(seqs, ["?at=3#at", "?at=3#at", "?at=1#at"], "the line, and the list");
        assert!(pins[0].contains("two lines &lt;b&gt;"), "{}", pins[0]);
        ada.delete(&format!("/chats/{chat_id}/messages/3")).await.expect(204);
        assert_eq!(shown().await.len(), 2);
    }
}
