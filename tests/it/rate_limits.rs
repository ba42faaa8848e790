//! What may be done only so often, and which address counts.

use crate::support::{Answer, PASSWORD, Person, Server};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use snug::limits::{
    INVITE_TRIES_PER_USER, LOGIN_FAILURES_FROM_AFAR, LOGIN_FAILURES_PER_PAIR, MESSAGE_RATE, Rate,
    SIGNUPS_PER_ADDRESS,
};
use std::time::Instant;

async fn limited(settings: &[(&str, &str)]) -> Server {
    let settings: Vec<_> = settings.iter().copied().chain([("SNUG_RATE_LIMITS", "on")]).collect();
    Server::with(&settings).await
}

/// A login through a proxy that claims this address.
async fn log_in(server: &Server, name: &str, password: &str, from: &str) -> Answer {
    let nobody = Person::nobody(server);
    let body = json!({"username": name, "password": password});
    let request = nobody.request(Method::POST, "/auth/login").json(&body);
    nobody.send(request.header("x-forwarded-for", from)).await
}

fn too_many(answer: &Answer) {
    answer.refused(429, "rate_limited");
    let seconds: u32 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_failures_per_account_and_address_are_the_limit_whether_or_not_it_exists() {
    let server = limited(&[("SNUG_TRUSTED_PROXIES", "127.0.0.1")]).await;
    server.person("ada").await;
    let mut last = Vec::new();
    for (name, from) in [("ada", "192.0.2.1"), ("nobody", "192.0.2.2")] {
        for _ in 0..LOGIN_FAILURES_PER_PAIR.burst {
            log_in(&server, name, "not the password", from).await.refused(401, "bad_credentials");
        }
        let answer = log_in(&server, name, "not the password", from).await;
        too_many(&answer);
        last.push(answer.text);
        too_many(&log_in(&server, &name.to_uppercase(), PASSWORD, from).await);
    }
    assert_eq!(last[0], last[1]);
    // The owner, elsewhere, is not locked out, and neither are other users there.
    log_in(&server, "ada", PASSWORD, "192.0.2.3").await.expect(200);
    server.person("bob").await;
    log_in(&server, "bob", PASSWORD, "192.0.2.1").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_passwords_sent_at_once_at_most_a_burst_is_even_tried() {
    let server = limited(&[]).await;
    let ada = server.person("ada").await;
    let tries = join_all((0..60).map(|_| log_in(&server, "ada", "not the password", "-")));
    let mut tries = std::pin::pin!(tries);
    let mut hashed_at_once = 0;
    let answers = loop {
        let waiting = async {
            let text = ada.get("/metrics").await.text;
            let line = text.lines().find_map(|line| line.strip_prefix("snug_hashing_queue "));
            line.unwrap().parse::<usize>().unwrap()
        };
        tokio::select! {
            answers = &mut tries => break answers,
            waiting = waiting => hashed_at_once = hashed_at_once.max(waiting),
        }
    };
    let burst = LOGIN_FAILURES_PER_PAIR.burst as usize;
    assert!(hashed_at_once <= burst, "{hashed_at_once} passwords were tried at once");
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), burst);
    answers.iter().filter(|answer| answer.status != 401).for_each(too_many);
    // Changing the password is another way to guess it.
    let body = json!({"current_password": "not this one", "new_password": "a new password"});
    too_many(&ada.post("/auth/password", body).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_know_the_password_may_log_in_as_often_as_they_like() {
    let server = limited(&[]).await;
    server.person("ada").await;
    for _ in 0..8 {
        log_in(&server, "ada", PASSWORD, "192.0.2.1").await.expect(200);
    }
    log_in(&server, "ada", "not the password", "192.0.2.1").await.refused(401, "bad_credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_failures_per_address_are_the_limit_whatever_the_account() {
    let server = limited(&[("SNUG_TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    server.person("ada").await;
    let tries = (0..40).map(|n| {
        // One customer of a provider has a whole /64.
        let (name, from) = (format!("nobody{n}"), format!("2001:db8::{n:x}"));
        let server = &server;
        async move { log_in(server, &name, "not the password", &from).await }
    });
    let answers = join_all(tries).await;
    let tried = answers.iter().filter(|answer| answer.status == 401).count();
    assert!((20..30).contains(&tried), "{tried}");
    answers.iter().filter(|answer| answer.status != 401).for_each(too_many);
    too_many(&log_in(&server, "ada", PASSWORD, "2001:db8::ffff").await);
    log_in(&server, "ada", PASSWORD, "2001:db8:0:1::1").await.expect(200);
}

/// Fails to log in to this account, each time from another address, until it is refused. Returns how
/// often it failed before, which is at most what is allowed at once and in the time it takes.
async fn exhaust(server: &Server, name: &str, net: &str) -> usize {
    let (mut tried, began) = (0, Instant::now());
    // Fewer at once than the hashing queue holds.
    for round in 0..30 {
        let tries = (0..40).map(|n| {
            let from = format!("{net}:{round:x}:{n:x}::1");
            async move { log_in(server, name, "not the password", &from).await }
        });
        let answers = join_all(tries).await;
        tried += answers.iter().filter(|answer| answer.status == 401).count();
        let mut refused = answers.iter().filter(|answer| answer.status != 401).peekable();
        if refused.peek().is_some() {
            refused.for_each(too_many);
            let Rate { burst, period } = LOGIN_FAILURES_FROM_AFAR;
            let more = began.elapsed().as_millis() / period.as_millis();
            let allowed = burst as usize + 1 + more as usize;
            assert!(tried <= allowed, "{tried} of {allowed}");
            return tried;
        }
    }
    panic!("{tried} failures are not too many");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_from_everywhere_lock_an_account_but_not_for_its_owner() {
    let mut server = limited(&[("SNUG_TRUSTED_PROXIES", "127.0.0.1")]).await;
    server.person("ada").await;
    let home = "192.0.2.1";
    log_in(&server, "ada", PASSWORD, home).await.expect(200);
    for name in ["ada", "nobody"] {
        let tried = exhaust(&server, name, "2001:db8").await;
        assert!(tried >= LOGIN_FAILURES_FROM_AFAR.burst as usize, "{tried}");
    }
    // One more may have been allowed since then, or a few.
    exhaust(&server, "ADA", "2001:db9").await;
    let strangers: Vec<_> = (0..10).map(|n| format!("198.51.100.{n}")).collect();
    assert!(is_locked(&server, "ada", &strangers).await);
    log_in(&server, "ada", PASSWORD, home).await.expect(200);
    log_in(&server, "ada", "not the password", home).await.refused(401, "bad_credentials");

    server.restart().await;
    exhaust(&server, "ada", "2001:db8").await;
    log_in(&server, "ada", PASSWORD, home).await.expect(200);
    let age = "update sessions set created_at = now() - interval '31 days'";
    server.database.client().await.batch_execute(age).await.unwrap();
    exhaust(&server, "ada", "2001:db9").await;
    assert!(is_locked(&server, "ada", &vec![home.to_owned(); 4]).await);
}

/// Whether, of several people who try the right password at once from these addresses, some are
/// refused: from time to time one more is allowed.
async fn is_locked(server: &Server, name: &str, from: &[String]) -> bool {
    let tries = from.iter().map(|from| log_in(server, name, PASSWORD, from));
    let answers = join_all(tries).await;
    let mut refused = answers.iter().filter(|answer| answer.status != 200).peekable();
    let is_locked = refused.peek().is_some();
    refused.for_each(too_many);
    is_locked
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_claimed_by_an_untrusted_client_is_ignored() {
    let server = limited(&[("SNUG_TRUSTED_PROXIES", "10.0.0.0/8")]).await;
    server.person("ada").await;
    for n in 0..5 {
        let answer = log_in(&server, "ada", "not the password", &format!("192.0.2.{n}")).await;
        answer.refused(401, "bad_credentials");
    }
    too_many(&log_in(&server, "ada", PASSWORD, "192.0.2.99").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_address_added_by_the_trusted_proxy_itself_counts() {
    let server = limited(&[("SNUG_TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8")]).await;
    server.person("ada").await;
    for n in 0..5 {
        let from = format!("198.51.100.{n}, 192.0.2.1, 10.0.0.7");
        let answer = log_in(&server, "ada", "not the password", &from).await;
        answer.refused(401, "bad_credentials");
    }
    too_many(&log_in(&server, "ada", PASSWORD, "192.0.2.1").await);
    log_in(&server, "ada", PASSWORD, "198.51.100.1").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_trusted_proxy_can_say_how_browsers_reach_us() {
    let trusting = Server::with(&[("SNUG_TRUSTED_PROXIES", "127.0.0.1")]).await;
    for (server, is_trusted) in [(trusting, true), (Server::start().await, false)] {
        let ada = server.person("ada").await;
        let request = ada.request(Method::POST, "/chats/room").json(&json!({"name": "Tea"}));
        let request = request.header("x-forwarded-proto", "https,http").header("host", "localhost");
        let answer = ada.send(request).await;
        let link = answer.json()["invite_link"].as_str().unwrap().to_owned();
        let scheme = if is_trusted { "https" } else { "http" };
        assert!(link.starts_with(&format!("{scheme}://localhost/")), "{link}");
        assert_eq!(answer.headers.contains_key("strict-transport-security"), is_trusted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signups_from_one_address_are_limited() {
    let server = limited(&[("SNUG_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let nobody = Person::nobody(&server);
    let sign_up = async |n: u32, from: &str| {
        let email = format!("user{n}@example.org");
        let body = json!({"username": format!("user{n}"), "password": PASSWORD, "email": email});
        let request = nobody.request(Method::POST, "/auth/signup").json(&body);
        nobody.send(request.header("x-forwarded-for", from)).await
    };
    let burst = SIGNUPS_PER_ADDRESS.burst;
    for n in 0..burst {
        sign_up(n, "192.0.2.1").await.expect(201);
    }
    too_many(&sign_up(burst, "192.0.2.1").await);
    sign_up(burst, "192.0.2.2").await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn invite_links_can_be_guessed_only_a_few_times_a_minute() {
    let server = limited(&[]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    let path = format!("/chats/room/{room}/join");
    let guess = format!("/chats/room/{room}/invite?code=guess");
    for _ in 0..INVITE_TRIES_PER_USER.burst {
        bob.post(&path, json!({"invite_link": guess})).await.refused(404, "not_found");
    }
    too_many(&bob.post(&path, json!({"invite_link": guess})).await);
    too_many(&bob.post(&path, json!({"invite_link": link})).await);
    server.person("eve").await.post(&path, json!({"invite_link": link})).await.expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_by_http_have_the_same_rate_limit_as_by_socket() {
    let server = limited(&[]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (burst, all) = (MESSAGE_RATE.burst as usize, 3 * MESSAGE_RATE.burst as usize);
    let posting =
        (0..all).map(|n| ada.post("/chats/1/messages", json!({"content": n.to_string()})));
    let answers = join_all(posting).await;
    let stored = answers.iter().filter(|answer| answer.status == 201).count();
    assert!((burst..all).contains(&stored), "{stored}");
    answers.iter().filter(|answer| answer.status != 201).for_each(too_many);
    bob.say(1, "nobody else waits").await;
}
