//! The pages for people, from outside: who may see them, which forms count, what becomes of stored
//! text. What they look like and how they behave is tested in a browser; see `tests/browser`.

use crate::support::{Answer, PASSWORD, Person, Server};
use reqwest::Method;
use reqwest::header::{COOKIE, HeaderMap};
use snug::limits::{PAGE_ROWS_DEFAULT, ROOM_NAME_CHARS_MAX};

const HOSTILE: &str = "</script><img src=x onerror=alert(1)>{{7*7}}'\"";

/// A browser without scripts: it keeps cookies, does not follow redirects, and asks for HTML.
pub(crate) struct Browser {
    nobody: Person,
    cookies: Vec<(String, String)>,
}

impl Browser {
    pub(crate) fn new(server: &Server) -> Self {
        Self { nobody: Person::nobody(server), cookies: Vec::new() }
    }

    /// Signed in by the page's own form, as a person who has an account.
    pub(crate) async fn signed_in(server: &Server, name: &str) -> Self {
        let mut browser = Self::new(server);
        let answer = browser.log_in(name, "/").await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        browser
    }

    pub(crate) async fn log_in(&mut self, name: &str, next: &str) -> Answer {
        self.get("/login").await;
        let fields = [("username", name), ("password", PASSWORD), ("next", next)];
        self.submit("/login", "/login", &fields).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.nobody.request(method, path).header("accept", "text/html,*/*;q=0.8");
        if cookies.is_empty() { request } else { request.header(COOKIE, cookies.join("; ")) }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Answer {
        let answer = self.nobody.send(request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Fills in the form that `page` shows and posts it to `path`.
    pub(crate) async fn submit(
        &mut self,
        page: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let token = form_token(&self.get(page).await.text);
        self.post(path, &token, fields).await
    }

    /// The same, by two clicks: both are under way at once.
    pub(crate) async fn submit_twice(
        &mut self,
        page: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> [Answer; 2] {
        let token = form_token(&self.get(page).await.text);
        let mut fields = fields.to_vec();
        fields.push(("form_token", &token));
        let click = || self.nobody.send(self.request(Method::POST, path).form(&fields));
        let (one, other) = tokio::join!(click(), click());
        // And once more when both are done, as a reload sends it.
        let again = click().await;
        assert_eq!(again.headers.get("location"), other.headers.get("location"), "{}", again.text);
        [one, other]
    }

    /// What proves that a form is of this page.
    pub(crate) async fn token(&mut self, page: &str) -> String {
        form_token(&self.get(page).await.text)
    }

    pub(crate) async fn post(
        &mut self,
        path: &str,
        token: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let mut fields = fields.to_vec();
        fields.push(("form_token", token));
        // As browsers do if a page sends no referrer.
        let request = self.request(Method::POST, path).header("origin", "null").form(&fields);
        self.send(request).await
    }
}

fn form_token(html: &str) -> String {
    let (_, rest) = html.split_once("name=\"form_token\" value=\"").expect("a form");
    rest.split('"').next().unwrap().to_owned()
}

pub(crate) fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.headers["location"].to_str().unwrap()
}

fn assert_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    assert!(answer.text.starts_with("<!doctype html>"), "{}", answer.text);
    assert_guarded(&answer.headers);
}

fn assert_guarded(headers: &HeaderMap) {
    let policy = headers["content-security-policy"].to_str().unwrap();
    for part in
        ["default-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert!(
        ["no-store", "no-cache, private"].contains(&headers["cache-control"].to_str().unwrap())
    );
}

#[tokio::test]
async fn visitors_are_redirected_to_the_login_and_back() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    for (path, login) in [
        ("/", "/login"),
        ("/general", "/login?next=%2Fgeneral"),
        ("/room/9?before=5", "/login?next=%2Froom%2F9%3Fbefore%3D5"),
        ("/settings", "/login?next=%2Fsettings"),
    ] {
        assert_eq!(location(&browser.get(path).await), login, "{path}");
    }
    let posted = browser.post("/general", "", &[("content", "hello")]).await;
    assert_eq!(location(&posted), "/login?next=%2Fgeneral");
    server.person("ada").await;
    assert_eq!(location(&browser.log_in("ada", "/room/9").await), "/room/9");
    assert_eq!(location(&browser.get("/login?next=/general").await), "/general");
}

#[tokio::test]
async fn an_impossible_name_is_treated_like_a_wrong_one() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    for name in ["a\0", "", "a b", "x".repeat(5_000).as_str()] {
        let answer = browser.log_in(name, "/").await;
        assert_page(&answer, 401);
        assert!(answer.text.contains("do not match"), "{name:?}");
    }
    let body = serde_json::json!({"username": "a\0", "password": PASSWORD});
    browser.nobody.post("/auth/login", body).await.refused(401, "bad_credentials");
}

#[tokio::test]
async fn nobody_is_redirected_to_another_host() {
    let server = Server::start().await;
    server.person("ada").await;
    for foreign in ["https://evil.example/", "//evil.example", "/\\evil.example", "/login", "x"] {
        let mut browser = Browser::new(&server);
        assert_eq!(
            location(&browser.log_in("ada", foreign).await),
            "/general?welcome",
            "{foreign}"
        );
    }
}

#[tokio::test]
async fn a_form_counts_only_with_the_token_of_its_session() {
    let server = Server::start().await;
    let (ada, _) = (server.person("ada").await, server.person("bob").await);
    let mut browser = Browser::signed_in(&server, "ada").await;
    let page = browser.get("/general").await;
    assert_page(&page, 200);
    let token = form_token(&page.text);
    let other = Browser::signed_in(&server, "bob").await.get("/general").await;
    let again = form_token(&browser.get("/general").await.text);
    assert_ne!(token, again, "it is masked differently for each page");
    for bad in ["", "AAAA", &form_token(&other.text)] {
        assert_page(&browser.post("/general", bad, &[("content", "forged")]).await, 403);
    }
    let posted =
        browser.post("/general", &token, &[("content", "mine"), ("client_id", "c1")]).await;
    assert_eq!(location(&posted), "/general");
    let again = browser.post("/general", &token, &[("content", "mine"), ("client_id", "c1")]).await;
    assert_eq!(location(&again), "/general");
    let history = ada.get("/chats/general/history").await.expect(200);
    assert_eq!(history["messages"].as_array().unwrap().len(), 1, "sent twice, stored once");
}

#[tokio::test]
async fn a_form_from_another_site_is_refused_even_a_login() {
    let server = Server::start().await;
    server.person("ada").await;
    let mut browser = Browser::new(&server);
    let token = form_token(&browser.get("/login").await.text);
    let fields = [("username", "ada"), ("password", PASSWORD), ("form_token", &token)];
    let post = |browser: &Browser| browser.request(Method::POST, "/login").form(&fields);
    let elsewhere: [(&str, &str); 3] = [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ];
    for (name, value) in elsewhere {
        let foreign = browser.nobody.send(post(&browser).header(name, value)).await;
        assert_page(&foreign, 403);
        assert!(!foreign.headers.contains_key("set-cookie"));
    }
    // Without the cookie that a browser has before the login, as a form on another site's page would
    // come.
    let made_up = Browser::new(&server);
    assert_page(&made_up.nobody.send(post(&made_up)).await, 403);
    let ours = post(&browser).header("origin", server.url(""));
    assert_eq!(location(&browser.nobody.send(ours).await), "/general?welcome");
    let json = browser.request(Method::POST, "/login").body("{}");
    assert_page(&browser.nobody.send(json.header("content-type", "application/json")).await, 415);
}

#[tokio::test]
async fn refusals_are_pages_for_people_and_problems_for_programs() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    for path in ["/private/77", "/room/77", "/room/0", "/chats/room/77/invite?code=x", "/no/such"] {
        assert_page(&browser.get(path).await, 404);
    }
    assert_page(&browser.send(browser.request(Method::PUT, "/general")).await, 405);
    assert_page(&browser.get("/general?before=x").await, 404);
    ada.get("/no/such").await.refused(404, "not_found");
    let json = ada.get("/chats/room/77").await;
    json.refused(404, "not_found");
    let problem = browser.get("/chats/room/77").await;
    problem.refused(404, "not_found");
}

#[tokio::test]
async fn what_people_wrote_is_only_text_on_every_page() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let name: String = HOSTILE.chars().take(ROOM_NAME_CHARS_MAX).collect();
    let body = serde_json::json!({"name": name, "description": HOSTILE});
    let room = ada.post("/chats/room", body).await.expect(201);
    let room_id = room["room_id"].as_i64().unwrap();
    ada.say(room_id, HOSTILE).await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    let link = room["invite_link"].as_str().unwrap();
    let invitation = link.strip_prefix(&server.url("")).unwrap();
    let find = "/?people=%3Cimg%3E";
    for path in ["/", "/general", &format!("/room/{room_id}"), "/settings", invitation, find] {
        let page = browser.get(path).await;
        assert_page(&page, 200);
        assert!(!page.text.contains("<img"), "{path}");
        assert!(page.text.contains("&lt;img"), "{path}");
    }
    let echoed = [("name", ""), ("description", HOSTILE)];
    let refused = browser.submit("/", "/rooms", &echoed).await;
    assert_page(&refused, 422);
    assert!(!refused.text.contains("<img"));
}

#[tokio::test]
async fn pages_are_compressed_for_browsers_that_accept_it() {
    let server = Server::start().await;
    server.person("ada").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    let plain = browser.get("/general").await;
    assert!(!plain.headers.contains_key("content-encoding"));
    let request = browser.request(Method::GET, "/general").header("accept-encoding", "gzip, br");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert_eq!(answer.headers()["vary"], "accept-encoding");
    let compressed = answer.bytes().await.unwrap();
    assert!(compressed.len() * 3 < plain.text.len(), "{}", compressed.len());
}

#[tokio::test]
async fn a_page_resumes_from_what_it_shows() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let last = PAGE_ROWS_DEFAULT + 10;
    for n in 1..=last {
        ada.say(1, &format!("old {n}")).await;
    }
    let mut browser = Browser::signed_in(&server, "ada").await;
    // Templates escape slashes, too, and break long tags.
    let plain = |page: Answer| page.text.replace("&#x2f;", "/").replace('\n', " ");
    let page = plain(browser.get("/general").await);
    assert!(
        page.contains(&format!("data-chat=\"1\" data-type=\"general\" data-last-seq=\"{last}\""))
    );
    assert!(page.contains("href=\"/general?before=11\""));
    assert!(!page.contains("old 10<"), "as many as a page has");
    let older = plain(browser.get("/general?before=11").await);
    assert!(older.contains("old 10<") && !older.contains("old 11<"));
    assert!(older.contains("data-newer=\"true\"") && older.contains("href=\"/general?after=10\""));
    assert!(older.contains(&format!("href=\"/general?before={}\"", last + 1)), "the end");
}

#[tokio::test]
async fn browsers_may_keep_the_pages_whose_script_asks_whose_they_are() {
    let server = Server::start().await;
    server.person("ada").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    let kept = |answer: Answer| answer.headers["cache-control"] == "no-cache, private";
    for path in ["/", "/general", "/settings"] {
        assert!(kept(browser.get(path).await), "{path}");
    }
    for path in ["/general?part=view", "/room/9", "/requests"] {
        assert!(!kept(browser.get(path).await), "{path}");
    }
    assert!(!kept(browser.submit("/", "/rooms", &[("name", "")]).await), "a refusal");
    let mut nobody = Browser::new(&server);
    assert!(!kept(nobody.get("/login").await));
}

#[tokio::test]
async fn a_part_is_the_middle_of_its_page_for_those_who_may_see_it() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    ada.say(1, "hello").await;
    let (room_id, _) = ada.room("Attic").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    for path in ["/", "/general", &format!("/room/{room_id}")] {
        let (page, part) =
            (browser.get(path).await, browser.get(&format!("{path}?part=view")).await);
        assert_page(&part, 200);
        let title = |page: &Answer| page.text.split("title>").nth(1).map(str::to_owned);
        assert_eq!(title(&part), title(&page), "{path}");
        let view = |page: &Answer| page.text.contains("id=\"view\"");
        assert!(view(&part) && view(&page), "{path}");
        let surroundings = |page: &Answer| page.text.matches("<chat-list").count();
        assert_eq!((surroundings(&part), surroundings(&page)), (0, 1), "{path}");
        assert!(!part.text.contains("<script") && !part.text.contains("<template id=\"message\""));
    }
    assert!(browser.get("/general?part=view").await.text.contains("hello"));
    server.person("bob").await;
    let mut stranger = Browser::signed_in(&server, "bob").await;
    assert_page(&stranger.get(&format!("/room/{room_id}?part=view")).await, 404);
    let mut nobody = Browser::new(&server);
    let login = "/login?next=%2Fgeneral%3Fpart%3Dview";
    assert_eq!(location(&nobody.get("/general?part=view").await), login);
}

#[tokio::test]
async fn the_creator_sees_requests_on_every_page_those_of_the_room_first() {
    let server = Server::start().await;
    let (ada, bob, cyd) =
        (server.person("ada").await, server.person("bob").await, server.person("cyd").await);
    let (attic, attic_link) = ada.room("Attic").await;
    let (cellar, cellar_link) = ada.room("Cellar").await;
    for (person, room, link) in [(&bob, attic, &attic_link), (&cyd, cellar, &cellar_link)] {
        let ask = format!("/chats/room/{room}/join");
        person.post(&ask, serde_json::json!({"invite_link": link})).await.expect(202);
    }
    let mut browser = Browser::signed_in(&server, "ada").await;
    let order = |page: &str| {
        let at = |name: &str| page.find(&format!("<bdi class=\"name\">{name}</bdi> asks")).unwrap();
        at("bob") < at("cyd")
    };
    assert!(order(&browser.get("/settings").await.text), "oldest first");
    let page = browser.get(&format!("/room/{cellar}")).await.text;
    assert!(!order(&page), "those of this room first");
    let deny = format!("/room/{cellar}/deny");
    let fields = [("user_id", cyd.id.to_string()), ("next", "/settings".to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let denied = browser.post(&deny, &form_token(&page), &fields).await;
    assert_eq!(location(&denied), "/settings");
    // The script reads the same list after it has missed some.
    let open = ada.get("/requests").await.expect(200);
    let user = serde_json::json!({"user_id": bob.id, "username": "bob"});
    let of_bob = serde_json::json!({"room_id": attic, "room_name": "Attic", "user": user});
    assert_eq!(open, serde_json::json!({"requests": [of_bob], "signups": [], "asked": []}));
    assert_eq!(bob.get("/requests").await.expect(200)["requests"], serde_json::json!([]));
    assert!(!browser.get("/settings").await.text.contains(">cyd</bdi> asks"));
}

#[tokio::test]
async fn a_page_lets_nobody_do_what_the_api_would_not() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    server.person("cyd").await;
    let (room, link) = ada.room("Attic").await;
    bob.enter(&ada, room, &link).await;
    let private = ada.private_with(&bob).await;
    let mut member = Browser::signed_in(&server, "bob").await;
    let mut stranger = Browser::signed_in(&server, "cyd").await;
    let (ada_id, bob_id) = (ada.id.to_string(), bob.id.to_string());
    let fields = [("user_id", bob_id.as_str()), ("content", "x"), ("seq", "1"), ("code", "x")];
    let path = |action: &str| format!("/room/{room}{action}");

    for page in
        [path(""), format!("/private/{private}"), format!("/chats/room/{room}/invite?code=x")]
    {
        assert_page(&stranger.get(&page).await, 404);
    }
    let actions = ["", "/read", "/approve", "/deny", "/remove", "/rotate", "/leave"];
    let mut forms: Vec<String> = actions.into_iter().map(path).collect();
    forms.extend([format!("/private/{private}"), format!("/private/{private}/read")]);
    forms.push(format!("/chats/room/{room}/invite"));
    for form in forms {
        assert_page(&stranger.submit("/settings", &form, &fields).await, 404);
    }
    for form in [path("/approve"), path("/deny"), path("/rotate")] {
        assert_page(&member.submit("/settings", &form, &fields).await, 403);
    }
    let creator = [("user_id", ada_id.as_str())];
    assert_page(&member.submit("/settings", &path("/remove"), &creator).await, 403);
    let mut creator = Browser::signed_in(&server, "ada").await;
    assert_page(&creator.submit("/settings", &path("/leave"), &[]).await, 409);
    assert_eq!(location(&member.submit("/settings", &path("/leave"), &[]).await), "/");
    assert_page(&member.get(&path("")).await, 404);
    let history = ada.get(&format!("/chats/room/{room}/history")).await.expect(200);
    assert_eq!(history["last_seq"], 0);
}

#[tokio::test]
async fn a_password_change_redirects_to_the_settings_which_confirm_it() {
    let server = Server::start().await;
    server.person("ada").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    let fields = [("current_password", PASSWORD), ("new_password", "one that nobody has used")];
    let changed = browser.submit("/settings", "/settings/password", &fields).await;
    assert_eq!(location(&changed), "/settings?password=changed#password-title");
    let page = browser.get("/settings?password=changed").await;
    assert_page(&page, 200);
    assert!(page.text.contains("The password is changed."), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_shows_a_last_message_from_what_can_be_seen_on() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    let mut browser = Browser::signed_in(&server, "ada").await;
    for blank in
        ["\u{3000}", "\u{2003}", "\u{A0}", "\n", "\u{200B}", "\u{FEFF}\u{2028}", "\u{E0041}", ""]
    {
        ada.say(1, &format!("{}tea at five", blank.repeat(500))).await;
        let page = browser.get("/settings").await;
        assert!(page.text.contains("<bdi class=\"last-text\">tea at five</bdi>"), "{blank:?}");
    }
}
