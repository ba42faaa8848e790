//! Reactions: put and taken back by everybody who reads the chat, in an order, within bounds.

use crate::support::{Person, Server};
use serde_json::{Value, json};
use snug::limits::{REACTION_EMOJI_MAX, REACTIONS_MAX};

fn path(emoji: &str) -> String {
    format!("/chats/1/messages/1/reactions/{emoji}")
}

async fn reactions(person: &Person) -> Value {
    person.get("/chats/1/messages/1").await.expect(200)["reactions"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_are_in_the_order_in_which_they_were_put() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say(1, "x").await;
    let mut socket = ada.socket("/ws").await;
    for (who, emoji) in [(&bob, "🎉"), (&bob, "👍"), (&ada, "👍"), (&ada, "🎉")] {
        who.put(&path(emoji)).await.expect(204);
        let frame = socket.next().await;
        assert_eq!((&frame["type"], &frame["content"]), (&json!("message_changed"), &json!("x")));
    }
    let of = |emoji: &str, ids: &[i64]| json!({"emoji": emoji, "user_ids": ids});
    assert_eq!(
        reactions(&bob).await,
        json!([of("🎉", &[bob.id, ada.id]), of("👍", &[bob.id, ada.id])])
    );
    // The same again is no change.
    bob.put(&path("🎉")).await.expect(204);
    ada.delete(&path("❤️")).await.expect(204);
    assert!(socket.is_silent().await);
    // Put again, it is the last of its kind; and its kind begins with the oldest that stands.
    bob.delete(&path("🎉")).await.expect(204);
    bob.put(&path("🎉")).await.expect(204);
    assert_eq!(
        reactions(&bob).await,
        json!([of("👍", &[bob.id, ada.id]), of("🎉", &[ada.id, bob.id])])
    );
    for who in [&ada, &bob] {
        for emoji in ["🎉", "👍"] {
            who.delete(&path(emoji)).await.expect(204);
        }
    }
    let message = ada.get("/chats/1/messages/1").await.expect(200);
    assert_eq!((&message["reactions"], &message["change"]), (&Value::Null, &json!(10)));
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_reacted_are_named_as_they_are_called_now() {
    let server = Server::start().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    ada.say(1, "x").await;
    let named = async || ada.get("/chats/1/messages/1/reactions").await.expect(200);
    assert_eq!(named().await, json!({"reactions": []}));
    for (who, emoji) in [(&bob, "🎉"), (&cyd, "👍"), (&bob, "👍")] {
        who.put(&path(emoji)).await.expect(204);
    }
    let of = |person: &Person, name: &str| json!({"user_id": person.id, "username": name});
    let expected = |name: &str| {
        json!({"reactions": [
            {"emoji": "🎉", "users": [of(&bob, "bob")]},
            {"emoji": "👍", "users": [of(&cyd, name), of(&bob, "bob")]},
        ]})
    };
    assert_eq!(named().await, expected("cyd"));
    let leave = json!({"current_password": crate::support::PASSWORD, "messages": "keep"});
    cyd.send(cyd.request(reqwest::Method::DELETE, "/auth/me").json(&leave)).await.expect(204);
    let gone = format!("deleted-{}", cyd.id);
    crate::support::until("the name is forgotten", || async { named().await == expected(&gone) })
        .await;
    ada.delete("/chats/1/messages/1").await.expect(204);
    assert_eq!(named().await, json!({"reactions": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_emoji_is_one_in_all_its_forms() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say(1, "x").await;
    ada.put(&path("%E2%9D%A4")).await.expect(204);
    bob.put(&path("%E2%9D%A4%EF%B8%8F")).await.expect(204);
    // One that is newer than the list of them, put together from older ones.
    let joined = "\u{26F0}\u{FE0F}\u{200D}\u{1F98A}";
    for (who, form) in [(&ada, joined.replace('\u{FE0F}', "")), (&bob, joined.to_owned())] {
        who.put(&path(&form)).await.expect(204);
    }
    ada.put(&path("\u{1FAFF}\u{FE0F}")).await.expect(204);
    bob.put(&path("\u{1FAFF}")).await.expect(204);
    let of = |emoji: &str| json!({"emoji": emoji, "user_ids": [ada.id, bob.id]});
    assert_eq!(reactions(&ada).await, json!([of("\u{2764}\u{FE0F}"), of(joined), of("\u{1FAFF}")]));
    for bad in
        ["x", "%F0%9F%91%8D%F0%9F%91%8D", "%F0%9F%8F%BD", "%FF", "%00", "%E2%80%8D", "1", "%20"]
    {
        ada.put(&path(bad)).await.refused(422, "bad_emoji");
        ada.delete(&path(bad)).await.refused(422, "bad_emoji");
    }
    let long = path(&"%F0%9F%91%8D".repeat(100));
    let problem = ada.put(&long).await.refused(422, "bad_emoji");
    assert_eq!(problem["errors"][0]["field"], "emoji");
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_are_bounded_by_kind_and_in_all() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    ada.say(1, "x").await;
    let kinds: Vec<&str> = emojis::iter().map(|emoji| emoji.as_str()).collect();
    for emoji in &kinds[..REACTION_EMOJI_MAX as usize] {
        ada.put(&path(emoji)).await.expect(204);
    }
    bob.put(&path(kinds[50])).await.refused(409, "limit_reached");
    bob.put(&path(kinds[0])).await.expect(204);
    let fill = format!(
        "insert into reactions (chat_id, seq, emoji, user_id, change)
         select 1, 1, '{}', 10000 + n, 100 + n from generate_series(1, {REACTIONS_MAX} - {REACTION_EMOJI_MAX} - 1) n",
        kinds[1]
    );
    server.database.client().await.batch_execute(&fill).await.unwrap();
    bob.put(&path(kinds[1])).await.refused(409, "limit_reached");
    let mut socket = bob.socket("/ws").await;
    socket
        .send(json!({"type": "react", "chat_id": 1, "seq": 1, "emoji": kinds[1], "on": true}))
        .await;
    assert_eq!(socket.expect("error").await["code"], "limit_reached");
    bob.delete(&path(kinds[0])).await.expect(204);
    bob.put(&path(kinds[1])).await.expect(204);
    let all = reactions(&ada).await;
    let count = |kind: &Value| kind["user_ids"].as_array().unwrap().len() as i64;
    assert_eq!(all.as_array().unwrap().iter().map(count).sum::<i64>(), REACTIONS_MAX);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_the_picker_names_what_one_can_react_with() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut browser = crate::pages::Browser::signed_in(&server, "ada").await;
    let list = browser.get("/emoji").await;
    assert_eq!(list.status, 200, "{}", list.text);
    assert_eq!(list.headers["cache-control"], "max-age=31536000, immutable");
    let named: Vec<(&str, &str)> = list
        .text
        .split("<option value=\"")
        .skip(1)
        .map(|one| one.split_once("</option>").unwrap().0.split_once("\">").unwrap())
        .collect();
    assert!(named.len() > 1_000, "{}", named.len());
    assert!(named.contains(&("🫖", "teapot")));
    ada.say(1, "tea?").await;
    for (emoji, _) in [named[0], *named.last().unwrap()] {
        ada.put(&format!("/chats/1/messages/1/reactions/{emoji}")).await.expect(204);
    }
    let nobody = crate::pages::Browser::new(&server).get("/emoji").await;
    assert!(!nobody.text.contains("teapot"), "{}", nobody.text);
}
