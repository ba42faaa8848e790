//! What one does with a message without scripts: by the forms of its own page.

use crate::pages::{Browser, location};
use crate::support::{Answer, Person, Server};
use serde_json::{Value, json};
use snug::limits::CONTENT_CHARS_MAX;

const THUMB: &str = "👍";

async fn message(person: &Person, chat_id: i64, seq: i64) -> Value {
    person.get(&format!("/chats/{chat_id}/messages/{seq}")).await.expect(200)
}

/// Two people in a private chat with one message, which ada wrote, and its page.
async fn scene(server: &Server) -> (Person, Person, i64, String) {
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let private = ada.private_with(&bob).await;
    let seq = ada.say(private, "tea?").await;
    (ada, bob, private, format!("/message/{private}/{seq}"))
}

fn assert_shows(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.text.contains(text), "{text} in {}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_click_does_what_the_first_one_did() {
    let server = Server::start().await;
    let (ada, bob, private, page) = scene(&server).await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    let acts = [
        ("edit", vec![("content", "coffee?")]),
        ("react", vec![("put", THUMB)]),
        ("pin", vec![("pinned", "yes")]),
    ];
    for (act, fields) in &acts {
        for answer in browser.submit_twice(&page, &format!("{page}/{act}"), fields).await {
            assert_eq!(location(&answer), page);
        }
    }
    let changed = message(&bob, private, 1).await;
    assert_eq!(changed["content"], "coffee?");
    assert_eq!(changed["reactions"], json!([{"emoji": THUMB, "user_ids": [ada.id]}]));
    assert_eq!((&changed["pinned"], &changed["change"]), (&json!(true), &json!(3)));

    let answer = [("content", "yes"), ("client_id", "a-1")];
    for sent in browser.submit_twice(&page, &format!("{page}/answer"), &answer).await {
        assert_eq!(location(&sent), format!("/private/{private}"));
    }
    assert_eq!(message(&bob, private, 2).await["reply_to"]["seq"], 1);
    bob.get(&format!("/chats/{private}/messages/3")).await.refused(404, "not_found");

    for (act, field) in [("react", ("take", THUMB)), ("pin", ("pinned", "no"))] {
        browser.submit_twice(&page, &format!("{page}/{act}"), &[field]).await;
    }
    let changed = message(&bob, private, 1).await;
    assert_eq!((&changed["reactions"], &changed["pinned"]), (&Value::Null, &Value::Null));
    for answer in browser.submit_twice(&page, &format!("{page}/delete"), &[]).await {
        assert_eq!(location(&answer), page);
    }
    assert_eq!(message(&bob, private, 1).await["deleted"], true);
    let page = browser.get(&page).await;
    assert_shows(&page, 200, "This message was deleted");
    assert!(!page.text.contains("/edit") && !page.text.contains("/react"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_out_of_reach_is_not_found_like_an_unknown_one() {
    let server = Server::start().await;
    let (_, _, private, page) = scene(&server).await;
    server.person("cyd").await;
    let mut hers = Browser::signed_in(&server, "ada").await;
    let mut theirs = Browser::signed_in(&server, "cyd").await;
    let unknown = [format!("/message/{private}/77"), "/message/0/0".into(), "/message/77/1".into()];
    let fields = [("content", ""), ("put", "x"), ("pinned", "yes")];
    for act in ["", "answer", "edit", "react", "pin", "delete"] {
        let unknown = unknown.iter().map(|page| (true, page));
        for (is_hers, page) in unknown.chain([(false, &page)]) {
            let browser = if is_hers { &mut hers } else { &mut theirs };
            let answer = match act {
                "" => browser.get(page).await,
                act => browser.submit("/", &format!("{page}/{act}"), &fields).await,
            };
            assert_eq!(answer.status, 404, "{page} {act}: {}", answer.text);
        }
    }
    let mut nobody = Browser::new(&server);
    let login = format!("/login?next=%2Fmessage%2F{private}%2F1");
    assert_eq!(location(&nobody.get(&page).await), login);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_message_leads_those_there_who_can_read_it() {
    let server = Server::start().await;
    let (ada, _bob) = (server.person("ada").await, server.person("bob").await);
    let (room, _) = ada.room("Tea").await;
    ada.say(room, "hello").await;
    let mut hers = Browser::signed_in(&server, "ada").await;
    let mut theirs = Browser::signed_in(&server, "bob").await;
    let page = hers.get(&format!("/room/{room}?at=1")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("data-at=\"1\"") && page.text.contains("id=\"at\""));
    // Neither what is not there nor what others have is told from what has never been.
    let unknown = hers.get("/room/4711?at=1").await;
    for answer in [
        hers.get(&format!("/room/{room}?at=2")).await,
        theirs.get(&format!("/room/{room}?at=1")).await,
        theirs.get(&format!("/room/{room}?at=1&part=view")).await,
    ] {
        assert_eq!((answer.status.as_u16(), unknown.status.as_u16()), (404, 404));
        assert!(!answer.text.contains("Tea") && answer.text.contains("Nothing here"));
    }
    let login = format!("/login?next=%2Froom%2F{room}%3Fat%3D1");
    let mut nobody = Browser::new(&server);
    assert_eq!(location(&nobody.get(&format!("/room/{room}?at=1")).await), login);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_shown_beside_what_was_typed() {
    let server = Server::start().await;
    let (ada, _, private, page) = scene(&server).await;
    let mut hers = Browser::signed_in(&server, "ada").await;
    let mut his = Browser::signed_in(&server, "bob").await;
    let long = "y".repeat(CONTENT_CHARS_MAX + 1);
    for act in ["edit", "answer"] {
        let refused = hers.submit(&page, &format!("{page}/{act}"), &[("content", &long)]).await;
        assert_shows(&refused, 422, &long);
        assert_shows(&refused, 422, "class=\"fault\"");
    }
    let odd = hers.submit(&page, &format!("{page}/react"), &[("put", "two")]).await;
    assert_shows(&odd, 422, "React with one emoji.");
    assert_shows(&odd, 422, "value=\"two\"");
    // Neither another author's text nor a message that nobody but its author may delete.
    for (act, field) in [("edit", ("content", "mine")), ("delete", ("content", ""))] {
        let refused = his.submit(&page, &format!("{page}/{act}"), &[field]).await;
        assert_shows(&refused, 403, "class=\"fault");
    }
    assert_eq!(message(&ada, private, 1).await["content"], "tea?");
    ada.delete(&format!("/chats/{private}/messages/1")).await.expect(204);
    let late = hers.submit("/", &format!("{page}/edit"), &[("content", "late")]).await;
    assert_shows(&late, 409, "This message was deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_keep_a_chat_find_the_forms_for_it_and_others_do_not() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    bob.enter(&ada, room, &link).await;
    let seq = bob.say(room, "hello").await;
    let other = ada.say(room, "welcome").await;
    let page = async |name: &str, seq: i64| {
        let mut browser = Browser::signed_in(&server, name).await;
        let chat = browser.get(&format!("/room/{room}")).await.text.replace("&#x2f;", "/");
        let path = format!("/message/{room}/{seq}");
        assert!(chat.contains(&format!("href=\"{path}\"")), "it is linked: {chat}");
        let text = browser.get(&path).await.text.replace("&#x2f;", "/");
        ["edit", "pin", "delete"].map(|act| text.contains(&format!("action=\"{path}/{act}\"")))
    };
    assert_eq!(page("ada", seq).await, [false, true, true]);
    assert_eq!(page("ada", other).await, [true, true, true]);
    assert_eq!(page("bob", seq).await, [true, false, true]);
    assert_eq!(page("bob", other).await, [false, false, false]);
}
