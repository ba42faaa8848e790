//! A form that is sent twice (by a second click, by a reload) does what it did the first time, and shows that.

use crate::pages::{Browser, location};
use crate::support::{PASSWORD, Server};
use snug::model::waits::DatabaseWaits;
use snug::store::Store;

const NEW_PASSWORD: &str = "another correct horse";

#[tokio::test(flavor = "multi_thread")]
async fn a_second_click_on_sign_up_signs_in_to_the_same_account() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    let fields = [("username", "ada"), ("email", "ada@example.org"), ("password", PASSWORD)];
    for answer in browser.submit_twice("/signup", "/signup", &fields).await {
        assert_eq!(location(&answer), "/general?welcome");
        assert!(answer.headers.contains_key("set-cookie"));
    }
    // From another page it is another form, and the name is taken.
    let other = Browser::new(&server).submit("/signup", "/signup", &fields).await;
    assert_eq!(other.status, 409, "{}", other.text);
    // So it is with another password, whoever sits at the browser then.
    let others = [("username", "ada"), ("email", "ada@example.org"), ("password", NEW_PASSWORD)];
    let [one, _] = browser.submit_twice("/signup", "/signup", &others).await;
    assert_eq!(one.status, 409, "{}", one.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_click_on_create_room_makes_no_second_room() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    let [one, other] = browser.submit_twice("/", "/rooms", &[("name", "Tea")]).await;
    assert_eq!(location(&one), location(&other));
    let rooms = async || {
        let chats = ada.get("/chats").await.expect(200);
        let all = chats["chats"].as_array().unwrap().iter();
        all.filter(|chat| chat["name"] == "Tea").count()
    };
    assert_eq!(rooms().await, 1);
    // Another page, another form: whoever wants two rooms of one name can have them.
    browser.submit("/", "/rooms", &[("name", "Tea")]).await;
    assert_eq!(rooms().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_click_on_change_password_is_no_wrong_password() {
    let server = Server::start().await;
    server.person("ada").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    let fields = [("current_password", PASSWORD), ("new_password", NEW_PASSWORD)];
    let path = "/settings/password";
    for answer in browser.submit_twice("/settings", path, &fields).await {
        assert_eq!(location(&answer), "/settings?password=changed#password-title");
    }
    let wrong = browser.submit("/settings", path, &fields).await;
    assert_eq!(wrong.status, 422, "another form is: {}", wrong.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_click_on_remove_or_leave_ends_where_the_first_one_did() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    let (page, panel) = (format!("/room/{room}"), format!("/room/{room}#panel"));
    let (mut hers, mut his) =
        (Browser::signed_in(&server, "ada").await, Browser::signed_in(&server, "bob").await);
    let bob_id = bob.id.to_string();
    bob.enter(&ada, room, &link).await;
    let removed =
        hers.submit_twice(&page, &format!("{page}/remove"), &[("user_id", &bob_id)]).await;
    for answer in removed {
        assert_eq!(location(&answer), panel);
    }
    bob.enter(&ada, room, &link).await;
    for answer in his.submit_twice(&page, &format!("{page}/leave"), &[]).await {
        assert_eq!(location(&answer), "/");
    }
    // For a room that one was never in there is nothing to repeat.
    assert_eq!(his.submit("/", &format!("{page}/leave"), &[]).await.status, 404);
    let members = ada.get(&format!("/chats/room/{room}/members")).await.expect(200);
    assert_eq!(members["members"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_form_did_is_known_after_a_restart_and_forgotten_after_a_day() {
    let mut server = Server::start().await;
    let ada = server.person("ada").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    let token = browser.token("/").await;
    let fields = [("name", "Tea")];
    let first = browser.post("/rooms", &token, &fields).await;
    server.restart().await;
    let again = browser.post("/rooms", &token, &fields).await;
    assert_eq!(location(&first), location(&again));
    assert_eq!(ada.get("/chats").await.expect(200)["chats"].as_array().unwrap().len(), 2);
    let database = server.database.client().await;
    let store = Store::external(&server.database.url(), DatabaseWaits::default()).unwrap();
    let kept = async || -> i64 {
        store.purge_acts().await.unwrap();
        database.query_one("select count(*) from acts", &[]).await.unwrap().get(0)
    };
    assert_eq!(kept().await, 1);
    database.execute("update acts set at = now() - interval '25 hours'", &[]).await.unwrap();
    assert_eq!(kept().await, 0);
}
