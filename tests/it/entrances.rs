//! Where people come in: by an invite link without an account, by the login after a session has ended, and
//! what they see first.

use crate::pages::{Browser, location};
use crate::support::{PASSWORD, Server};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// The path of an invite link.
fn path<'a>(server: &Server, link: &'a str) -> &'a str {
    link.strip_prefix(&server.url("")).unwrap()
}

#[tokio::test]
async fn an_invite_link_says_who_invites_before_anybody_has_signed_in() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let (room, link) = ada.room("Tea <b>").await;
    let link = path(&server, &link);
    let mut visitor = Browser::new(&server);
    let page = visitor.get(link).await;
    assert_eq!(page.status, StatusCode::OK);
    for shown in [">ada</bdi> invites you to", "Tea &lt;b&gt;", "1 member", "Sign up to join"] {
        assert!(page.text.contains(shown), "{shown} in {}", page.text);
    }
    let next = format!("%2Fchats%2Froom%2F{room}%2Finvite%3Fcode%3D");
    for door in ["/signup", "/login"] {
        let href = format!("{door}?next={next}").replace('/', "&#x2f;");
        assert!(page.text.contains(&href), "{href} in {}", page.text);
    }
    // Whoever signs up is back there, and asks.
    let fields =
        [("username", "bob"), ("email", "bob@example.org"), ("password", PASSWORD), ("next", link)];
    assert_eq!(location(&visitor.submit("/signup", "/signup", &fields).await), link);
    assert!(visitor.get(link).await.text.contains("Ask to join"));
}

#[tokio::test]
async fn an_invite_link_with_what_stood_behind_it_opens_the_invitation() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let (_, link) = ada.room("Tea").await;
    let link = path(&server, &link);
    let mut visitor = Browser::new(&server);
    let bob = server.person("bob").await;
    for behind in ["", ".", "),", "**", "%E3%80%82", "%0Asent%20from%20my%20phone"] {
        let link = format!("{link}{behind}");
        assert!(visitor.get(&link).await.text.contains("Sign up to join"), "{link}");
        let page = bob.send(bob.browses(Method::GET, &link)).await;
        assert!(page.text.contains("Ask to join"), "{link}");
    }
}

#[tokio::test]
async fn white_space_around_a_name_and_an_address_is_none_of_them() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    let fields =
        [("username", " bob "), ("email", "bob@example.org\u{a0}"), ("password", PASSWORD)];
    location(&browser.submit("/signup", "/signup", &fields).await);
    let database = server.database.client().await;
    let row = database.query_one("select username, email from users", &[]).await.unwrap();
    assert_eq!((row.get("username"), row.get("email")), ("bob", "bob@example.org"));
}

#[tokio::test]
async fn a_wrong_invite_link_says_nothing_to_a_visitor() {
    let server = Server::with(&[("SNUG_RATE_LIMITS", "on")]).await;
    let ada = server.person("ada").await;
    let (room, link) = ada.room("Tea").await;
    let right = path(&server, &link);
    let mut visitor = Browser::new(&server);
    let guess = |n: usize| format!("/chats/room/{}/invite?code=guess-{n}", room + (n as i64 % 2));
    for n in 0..40 {
        let wrong = visitor.get(&guess(n)).await;
        let login = format!("/login?next=%2Fchats%2Froom%2F{}%2Finvite", room + (n as i64 % 2));
        assert!(location(&wrong).starts_with(&login), "{}", location(&wrong));
    }
    // Whoever has guessed so often is told no more, not even by the right one.
    assert!(location(&visitor.get(right).await).starts_with("/login?next="));
    let without = format!("/chats/room/{room}/invite");
    assert!(location(&visitor.get(&without).await).starts_with("/login?next="));
}

#[tokio::test]
async fn the_login_page_says_that_a_session_has_ended() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    let said = "Your session here has ended";
    assert!(!Browser::new(&server).get("/login").await.text.contains(said));
    // All other sessions end.
    let change = json!({"current_password": PASSWORD, "new_password": "another correct horse"});
    ada.post("/auth/password", change).await.expect(204);
    let to_login = browser.get("/settings").await;
    assert_eq!(location(&to_login), "/login?next=%2Fsettings&ended");
    let page = browser.get("/login?next=%2Fsettings&ended").await.text;
    assert!(page.contains(said) && page.contains("value=\"&#x2f;settings\""), "{page}");
    // Whoever logs out knows.
    let mut other = Browser::new(&server);
    server.person("bob").await;
    other.log_in("bob", "/").await;
    assert_eq!(location(&other.submit("/", "/logout", &[]).await), "/login");
    assert_eq!(location(&other.get("/settings").await), "/login?next=%2Fsettings");
}

#[tokio::test]
async fn the_first_page_is_the_conversation_with_a_welcome_or_where_one_was_last() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut browser = Browser::new(&server);
    assert_eq!(location(&browser.log_in("ada", "/").await), "/general?welcome");
    let welcome = "id=\"welcome-title\"";
    assert!(browser.get("/general?welcome").await.text.contains(welcome));
    assert!(!browser.get("/general").await.text.contains(welcome), "once");
    let private = ada.private_with(&bob).await;
    assert!(!browser.get("/general?welcome").await.text.contains(welcome), "she knows her way");

    let page = format!("/private/{private}");
    browser.get(&page).await;
    browser.submit("/", "/logout", &[]).await;
    assert_eq!(location(&browser.log_in("ada", "/").await), page);
    browser.submit("/", "/logout", &[]).await;
    assert_eq!(location(&browser.log_in("ada", "/settings").await), "/settings");
    // The browser is now somebody else's, who cannot see that chat.
    server.person("cyd").await;
    browser.submit("/", "/logout", &[]).await;
    assert_eq!(location(&browser.log_in("cyd", "/").await), "/general?welcome");
}

#[tokio::test]
async fn the_list_shows_what_one_has_asked_to_join_until_it_is_decided() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut browser = Browser::signed_in(&server, "bob").await;
    let listed = async |browser: &mut Browser, room: &str| {
        let page = browser.get("/settings").await.text;
        let words: Vec<&str> = page.split_whitespace().collect();
        let line =
            format!("<bdi class=\"name\">{room}</bdi> <p class=\"last-line\">Waiting for approval");
        words.join(" ").contains(&line)
    };
    let (tea, tea_link) = ada.room("Tea").await;
    let (_, jam_link) = ada.room("Jam").await;
    for link in [tea_link.as_str(), &jam_link] {
        let fields = [("invite_link", link)];
        assert_eq!(browser.submit("/", "/join", &fields).await.status, 303);
    }
    assert!(listed(&mut browser, "Tea").await && listed(&mut browser, "Jam").await);
    let asked = bob.get("/requests").await.expect(200)["asked"].clone();
    assert_eq!(asked[1], json!({"room_id": tea, "room_name": "Tea"}), "the latest first");
    ada.post(&format!("/chats/room/{tea}/invite/deny"), json!({"user_id": bob.id}))
        .await
        .expect(200);
    assert!(!listed(&mut browser, "Tea").await && listed(&mut browser, "Jam").await);
    let jam = asked[0]["room_id"].as_i64().unwrap();
    ada.post(&format!("/chats/room/{jam}/invite/approve"), json!({"user_id": bob.id}))
        .await
        .expect(200);
    assert!(!listed(&mut browser, "Jam").await);
    assert_eq!(bob.get("/requests").await.expect(200)["asked"], json!([]));
}
