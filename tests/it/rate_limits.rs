//! What may be done only so often, and which address counts.

use crate::support::{Answer, PASSWORD, Person, Server, until, waiting};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use snug::limits::{
    INVITE_TRIES_PER_USER, LINK_CHANGES_PER_USER, LOGIN_FAILURES_FROM_AFAR,
    LOGIN_FAILURES_PER_ADDRESS, LOGIN_FAILURES_PER_PAIR, MESSAGE_RATE, RENEWALS_PER_USER, Rate,
    SIGNUPS_PER_ADDRESS,
};
use std::future::Future;
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
    let ada = Person::nobody(&server).joined_by("ada").await;
    let tries = join_all((0..60).map(|_| log_in(&server, "ada", "not the password", "-")));
    let (most, answers) = hashed_at_once(&ada, tries).await;
    let burst = LOGIN_FAILURES_PER_PAIR.burst as usize;
    assert!(most <= burst, "{most} passwords were tried at once");
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), burst);
    answers.iter().filter(|answer| answer.status != 401).for_each(too_many);
    // Changing the password is another way to guess it.
    let body = json!({"current_password": "not this one", "new_password": "a new password"});
    too_many(&ada.post("/auth/password", body).await);
}

/// The largest number of passwords that were being tried at once until all answers were there.
async fn hashed_at_once<T>(who: &Person, tries: impl Future<Output = T>) -> (usize, T) {
    let mut tries = std::pin::pin!(tries);
    let mut most = 0;
    loop {
        let waiting = async {
            let text = who.get("/metrics").await.text;
            let line = text.lines().find_map(|line| line.strip_prefix("snug_hashing_queue "));
            line.unwrap().parse::<usize>().unwrap()
        };
        tokio::select! {
            answers = &mut tries => return (most, answers),
            waiting = waiting => most = most.max(waiting),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_accounts_tried_at_once_from_one_address_at_most_a_burst_is_even_tried() {
    let server = limited(&[]).await;
    let ada = Person::nobody(&server).joined_by("ada").await;
    let names: Vec<_> = (0..60).map(|n| format!("nobody{n}")).collect();
    let tries = join_all(names.iter().map(|name| log_in(&server, name, "not the password", "-")));
    let (most, answers) = hashed_at_once(&ada, tries).await;
    let burst = LOGIN_FAILURES_PER_ADDRESS.burst as usize;
    assert!(most <= burst, "{most} passwords were tried at once");
    let tried = answers.iter().filter(|answer| answer.status == 401).count();
    assert!((burst..burst + 5).contains(&tried), "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_changed_within_the_allowance_of_an_address_too() {
    let server = limited(&[]).await;
    let people = join_all((0..8).map(|n| {
        let (server, name) = (&server, format!("user{n}"));
        async move { server.person(&name).await }
    }))
    .await;
    let change = |current: &str| json!({"current_password": current, "new_password": PASSWORD});
    let all = 8 * LOGIN_FAILURES_PER_PAIR.burst as usize;
    let tries = (0..all).map(|n| people[n % 8].post("/auth/password", change("not this one")));
    let answers = join_all(tries).await;
    let tried = answers.iter().filter(|answer| answer.status == 422).count();
    let burst = LOGIN_FAILURES_PER_ADDRESS.burst as usize;
    assert!((burst..burst + 5).contains(&tried), "{tried} of {all}");
    answers.iter().filter(|answer| answer.status != 422).for_each(too_many);
    // Those who know theirs may as often as they like.
    let server = limited(&[]).await;
    let ada = server.person("ada").await;
    for _ in 0..LOGIN_FAILURES_PER_ADDRESS.burst + 2 {
        ada.post("/auth/password", change(PASSWORD)).await.expect(204);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invite_links_sent_at_once_are_counted_before_they_are_compared() {
    let server = limited(&[]).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (room, link) = ada.room("Tea").await;
    let path = format!("/chats/room/{room}/join");
    let wrong = json!({"invite_link": format!("/chats/room/{room}/invite?code=guess")});
    // No link is compared while nobody can read the rooms.
    let mut database = server.database.client().await;
    let lock = database.transaction().await.unwrap();
    lock.batch_execute("lock table chat_rooms in access exclusive mode").await.unwrap();
    let burst = INVITE_TRIES_PER_USER.burst;
    let guesses: Vec<_> = (0..burst)
        .map(|_| {
            let (bob, path, wrong) = (bob.clone(), path.clone(), wrong.clone());
            tokio::spawn(async move { bob.post(&path, wrong).await })
        })
        .collect();
    let watcher = server.database.client().await;
    until("all guesses wait", || async { waiting(&watcher).await == i64::from(burst) }).await;
    too_many(&bob.post(&path, json!({"invite_link": link})).await);
    lock.rollback().await.unwrap();
    for guess in guesses {
        guess.await.unwrap().refused(404, "not_found");
    }
    for _ in 0..burst + 2 {
        ada.post(&path, json!({"invite_link": link})).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_other_letters_belongs_to_nobody_and_has_no_allowance_of_its_own() {
    let server = limited(&[("SNUG_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let kiki = server.person("Kiki.S-i").await;
    log_in(&server, "kIKI.s-I", PASSWORD, "192.0.2.1").await.expect(200);
    let others = [
        "\u{212a}iki.s-i", // the Kelvin sign, which is a k in lower case
        "k\u{130}ki.s-i",  // the dotted I, which is an i with a dot
        "k\u{131}ki.s-i",
        "kiki.\u{17f}-i",  // the long s, which is an S in upper case
        "\u{ff4b}iki.s-i", // full width
        "ki\u{200b}ki.s-i",
        "kiki.s-i\0",
    ];
    for (n, name) in others.into_iter().enumerate() {
        let from = format!("192.0.2.{}", 10 + n);
        log_in(&server, name, PASSWORD, &from).await.refused(401, "bad_credentials");
    }
    // Guesses under all of them together are as few as under one.
    let mut tried = 0;
    for name in others.into_iter().cycle().take(20) {
        tried += u32::from(log_in(&server, name, "no", "192.0.2.2").await.status == 401);
    }
    assert!((5..8).contains(&tried), "{tried}");
    for part in ["%E2%84%AAiki", "k%C4%B0ki", "%C5%BF-i"] {
        let found = kiki.get(&format!("/users?q={part}")).await.expect(200);
        assert_eq!(found["users"], json!([]), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_count_by_account_whether_by_name_or_by_address() {
    let server = limited(&[("SNUG_TRUSTED_PROXIES", "127.0.0.1")]).await;
    server.person("ada").await;
    let written = ["ada", " ada", "ADA\n", "ada@example.org", "\tAda@Example.ORG "];
    for (n, name) in written.into_iter().enumerate() {
        log_in(&server, name, PASSWORD, &format!("192.0.2.{n}")).await.expect(200);
        let answer = log_in(&server, name, "not the password", "198.51.100.1").await;
        answer.refused(401, "bad_credentials");
    }
    for name in written {
        too_many(&log_in(&server, name, PASSWORD, "198.51.100.1").await);
    }
    // The same of an address that belongs to nobody.
    for n in 0..6 {
        let name = ["x@example.org", "X@EXAMPLE.ORG "][n % 2];
        let answer = log_in(&server, name, "not the password", "198.51.100.2").await;
        match n {
            5 => too_many(&answer),
            _ => drop(answer.refused(401, "bad_credentials")),
        }
    }
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
    // The allowance grows again, on a slow machine between two requests.
    until("a right password is refused as well", || async {
        log_in(&server, "nobody", "not the password", "2001:db8::").await;
        let right = log_in(&server, "ada", PASSWORD, "2001:db8::ffff").await;
        right.status == 429
    })
    .await;
    log_in(&server, "ada", PASSWORD, "2001:db8:0:1::1").await.expect(200);
}

/// Fails to log in to this account, each time from another address, until it is refused. Returns how
/// often it failed before, which is at most what is allowed at once and in the time it takes.
async fn exhaust(server: &Server, name: &str, net: &str) -> usize {
    let (mut tried, began) = (0, Instant::now());
    // Fewer at once than the hashing queue holds, from a network of its own.
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
            // From each network that has not failed, one attempt is allowed in any case.
            let allowed = burst as usize + 1 + more as usize + round as usize + 1;
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
    // Addresses that have failed themselves.
    let strangers: Vec<_> = (0..10).map(|n| format!("198.51.100.{n}")).collect();
    let fail = strangers.iter().map(|from| log_in(&server, "ada", "not the password", from));
    join_all(fail).await;
    assert!(is_locked(&server, "ada", PASSWORD, &strangers).await);
    log_in(&server, "ada", PASSWORD, home).await.expect(200);
    log_in(&server, "ada", "not the password", home).await.refused(401, "bad_credentials");

    server.restart().await;
    exhaust(&server, "ada", "2001:db8").await;
    log_in(&server, "ada", PASSWORD, home).await.expect(200);
    let age = "update sessions set created_at = now() - interval '31 days'";
    server.database.client().await.batch_execute(age).await.unwrap();
    exhaust(&server, "ada", "2001:db9").await;
    // One that got in would make home known again.
    let again = vec![home.to_owned(); 4];
    assert!(is_locked(&server, "ada", "not the password", &again).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_on_a_new_address_gets_in_while_others_guess_from_everywhere() {
    let server = limited(&[("SNUG_TRUSTED_PROXIES", "127.0.0.1")]).await;
    server.person("ada").await;
    exhaust(&server, "ada", "2001:db8").await;
    for n in 0..10 {
        let from = match n % 2 {
            0 => format!("198.51.100.{n}"),
            _ => format!("2001:db9:{n}::1"),
        };
        let net = format!("2001:{n}");
        let (guess, owner) =
            tokio::join!(exhaust(&server, "ada", &net), log_in(&server, "ada", PASSWORD, &from));
        owner.expect(200);
        assert!(guess <= 100, "{guess}");
    }
}

/// Whether, of several people who try a password at once from these addresses, some are refused: from
/// time to time one more is allowed.
async fn is_locked(server: &Server, name: &str, password: &str, from: &[String]) -> bool {
    let tries = from.iter().map(|from| log_in(server, name, password, from));
    let answers = join_all(tries).await;
    let mut refused =
        answers.iter().filter(|answer| answer.status != 200 && answer.status != 401).peekable();
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

#[tokio::test(flavor = "multi_thread")]
async fn links_are_changed_and_tokens_renewed_only_so_often() {
    let server = limited(&[]).await;
    let ada = Person::nobody(&server).joined_by("ada").await;
    let bob = ada.joined_by("bob").await;
    let (room, _) = ada.room("Tea").await;
    let change = format!("/chats/room/{room}/invite/rotate");
    for (path, rate) in
        [(change.as_str(), LINK_CHANGES_PER_USER), ("/auth/renew", RENEWALS_PER_USER)]
    {
        for _ in 0..rate.burst {
            ada.push(path).await.expect(200);
        }
        too_many(&ada.push(path).await);
    }
    // Others have allowances of their own, and those who may not change a link are told that.
    bob.push("/auth/renew").await.expect(200);
    bob.push(&change).await.refused(404, "not_found");
}
