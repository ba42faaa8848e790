//! Links to set a new password by mail, against a mail server of the test's own.

use crate::operators::said;
use crate::pages::{Browser, location};
use crate::support::{Answer, Database, PASSWORD, Person, Program, SECRET, Server, until};
use parking_lot::Mutex;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const NEW_PASSWORD: &str = "another correct horse";

/// What a mail server does with a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Takes,
    /// For good.
    Refuses,
    /// For now.
    Defers,
    /// Accepts the connection, and says nothing.
    Silent,
}

/// A mail server: what it has been sent, in the order in which it came.
struct MailServer {
    port: u16,
    manner: Arc<Mutex<Manner>>,
    mails: Arc<Mutex<Vec<String>>>,
    asked: Arc<Mutex<u32>>,
}

impl MailServer {
    async fn start(manner: Manner) -> Self {
        Self::on(TcpListener::bind(("127.0.0.1", 0)).await.unwrap(), manner)
    }

    fn on(listener: TcpListener, manner: Manner) -> Self {
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            manner: Arc::new(Mutex::new(manner)),
            mails: Arc::default(),
            asked: Arc::default(),
        };
        let parts =
            (Arc::clone(&server.manner), Arc::clone(&server.mails), Arc::clone(&server.asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (manner, mails, asked) = parts.clone();
                *asked.lock() += 1;
                let manner = *manner.lock();
                // A client that leaves early ends it.
                tokio::spawn(async move { drop(converse(stream, manner, &mails).await) });
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?from=chat@example.org", self.port)
    }

    /// The mails, once there are so many.
    async fn mails(&self, count: usize) -> Vec<String> {
        until("the mail is there", || async { self.mails.lock().len() >= count }).await;
        self.mails.lock().clone()
    }
}

async fn converse(
    stream: TcpStream,
    manner: Manner,
    mails: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    if manner == Manner::Silent {
        std::future::pending::<()>().await;
    }
    stream.write_all(b"220 mail.example.org ESMTP\r\n").await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let word = line.split([' ', '\r']).next().unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match (word.as_str(), manner) {
            ("RCPT", Manner::Refuses) => b"550 5.1.1 no such person\r\n",
            ("RCPT", Manner::Defers) => b"451 4.7.1 come back later\r\n",
            ("DATA", _) => {
                stream.write_all(b"354 go ahead\r\n").await?;
                let mut mail = String::new();
                while !mail.ends_with("\r\n.\r\n") && stream.read_line(&mut mail).await? > 0 {}
                // As a mail program shows it (quoted-printable).
                mails.lock().push(mail.replace("=\r\n", "").replace("=3D", "="));
                b"250 taken\r\n"
            }
            ("QUIT", _) => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).await?;
        line.clear();
    }
    Ok(())
}

async fn forgot(server: &Server, email: &str) -> Answer {
    Person::nobody(server).post("/auth/forgot", json!({"email": email})).await
}

async fn reset(server: &Server, token: &str, password: &str) -> Answer {
    let body = json!({"token": token, "new_password": password});
    Person::nobody(server).post("/auth/reset", body).await
}

/// Until what has been sent is known to be: whoever asks again before that gets no second mail.
async fn settled(database: &Database) {
    let database = database.client().await;
    until("no mail is due", || async {
        let due = "select count(*) from mails";
        database.query_one(due, &[]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
}

/// The token of the link in a mail.
fn token(server: &Server, mail: &str) -> String {
    let link = format!("{}/reset?token=", server.url(""));
    let (_, rest) = mail.split_once(&link).unwrap_or_else(|| panic!("{link} in {mail}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

fn commanded(server: &Server, arguments: &[&str]) -> String {
    let url = server.database.url();
    let variables = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    said(arguments, &variables, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_nothing_is_offered() {
    let server = Server::start().await;
    server.person("ada").await;
    forgot(&server, "ada@example.org").await.refused(404, "not_found");
    let mut browser = Browser::new(&server);
    assert_eq!(browser.get("/forgot").await.status, 404);
    assert!(!browser.get("/login").await.text.contains("href=\"/forgot\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_mailed_and_nobody_learns_whether_there_is_an_account() {
    let mails = MailServer::start(Manner::Takes).await;
    let server = Server::with(&[("SNUG_SMTP_URL", &mails.url())]).await;
    let ada = server.person("ada").await;
    let [known, unknown] =
        [forgot(&server, "ADA@example.org").await, forgot(&server, "eve@example.org").await];
    assert_eq!((known.status.as_u16(), &known.text), (202, &unknown.text));
    assert_eq!(known.status, unknown.status);
    assert_eq!(forgot(&server, "nowhere").await.faults(), ["email"]);
    let mail = mails.mails(1).await.remove(0);
    for part in ["From: chat@example.org\r\n", "To: ada@example.org\r\n", "the account ada."] {
        assert!(mail.contains(part), "{part} in {mail}");
    }
    reset(&server, &token(&server, &mail), NEW_PASSWORD).await.expect(204);
    ada.get("/auth/me").await.refused(401, "unauthenticated");
    Person::nobody(&server).log_in("ada", NEW_PASSWORD).await;
    assert_eq!(mails.mails.lock().len(), 1);
    // The database has kept neither the mail nor the link.
    let left = "select (select count(*) from mails) + (select count(*) from links)";
    let database = server.database.client().await;
    assert_eq!(database.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_have_a_link_mailed() {
    let mails = MailServer::start(Manner::Takes).await;
    let server = Server::with(&[("SNUG_SMTP_URL", &mails.url())]).await;
    server.person("ada").await;
    let mut browser = Browser::new(&server);
    assert!(browser.get("/login").await.text.contains("href=\"/forgot\""));
    let answer = browser.submit("/forgot", "/forgot", &[("email", "nowhere")]).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("id=\"email-fault\""), "{}", answer.text);
    let fields = [("email", " ada@example.org ")];
    for answer in browser.submit_twice("/forgot", "/forgot", &fields).await {
        assert_eq!(location(&answer), "/login?mailed");
    }
    assert!(browser.get("/login?mailed").await.text.contains("a link is on its way there"));
    let mail = mails.mails(1).await.remove(0);
    let page = browser.get(&format!("/reset?token={}", token(&server, &mail))).await;
    assert_eq!(page.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_mails_an_hour_are_sent_to_one_address() {
    let mails = MailServer::start(Manner::Takes).await;
    let settings = [("SNUG_SMTP_URL", &*mails.url()), ("SNUG_RATE_LIMITS", "on")];
    let server = Server::with(&settings).await;
    server.person("ada").await;
    server.person("bob").await;
    for sent in 1..=5 {
        let answer = forgot(&server, "ada@example.org").await;
        assert_eq!(answer.status, 202, "whoever asks is told nothing: {}", answer.text);
        mails.mails(sent.min(3)).await;
        settled(&server.database).await;
    }
    forgot(&server, "bob@example.org").await.expect(202);
    let all = mails.mails(4).await;
    assert!(all[3].contains("To: bob@example.org"), "{}", all[3]);
    assert_eq!(all.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_waits_for_its_server_also_across_a_restart() {
    // A port on which nobody listens yet.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("smtp://{address}?from=chat@example.org");
    let mut server = Server::with(&[("SNUG_SMTP_URL", &url)]).await;
    server.person("ada").await;
    forgot(&server, "ada@example.org").await.expect(202);
    let database = server.database.client().await;
    let tried = async || -> i64 {
        let tries = "select count(*) from mails where tries > 0 and next_at > now()";
        database.query_one(tries, &[]).await.unwrap().get(0)
    };
    until("it has been tried", || async { tried().await == 1 }).await;
    server.stop().await;
    let mails = MailServer::on(TcpListener::bind(address).await.unwrap(), Manner::Defers);
    server.start_again().await;
    let now = "update mails set next_at = now()";
    database.batch_execute(now).await.unwrap();
    until("it is put off", || async { *mails.asked.lock() == 1 && tried().await == 1 }).await;
    *mails.manner.lock() = Manner::Takes;
    database.batch_execute(now).await.unwrap();
    let mail = mails.mails(1).await.remove(0);
    reset(&server, &token(&server, &mail), NEW_PASSWORD).await.expect(204);
}

/// One line, however many mails wait, and one when they are sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_away_is_told_of_once() {
    const AWAY: &str = "mails cannot be sent at present";
    const BACK: &str = "mails are sent again";
    let mails = MailServer::start(Manner::Defers).await;
    let database = Database::new().await;
    let program = Program::start(&database, &[("SNUG_SMTP_URL", &mails.url())]);
    let base = program.base();
    let names = ["ada", "bob", "cyd"];
    for name in names {
        let email = format!("{name}@example.org");
        let body = json!({"username": name, "email": email, "password": PASSWORD});
        Person::at(base.clone()).post("/auth/signup", body).await.expect(201);
        Person::at(base.clone()).post("/auth/forgot", json!({"email": email})).await.expect(202);
    }
    until("all have been tried", || async { *mails.asked.lock() >= names.len() as u32 }).await;
    *mails.manner.lock() = Manner::Takes;
    database.client().await.batch_execute("update mails set next_at = now()").await.unwrap();
    mails.mails(names.len()).await;
    program.lines(BACK, 1).await;
    let said = program.stop();
    for text in [AWAY, BACK] {
        assert_eq!(said.iter().filter(|line| line.contains(text)).count(), 1, "{said:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_given_up() {
    let mails = MailServer::start(Manner::Refuses).await;
    let server = Server::with(&[("SNUG_SMTP_URL", &mails.url())]).await;
    server.person("ada").await;
    forgot(&server, "ada@example.org").await.expect(202);
    let database = server.database.client().await;
    let left = async || -> i64 {
        database.query_one("select count(*) from mails", &[]).await.unwrap().get(0)
    };
    until("it is given up", || async { *mails.asked.lock() > 0 && left().await == 0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_says_nothing_holds_up_nobody_else() {
    let mails = MailServer::start(Manner::Silent).await;
    let mut server = Server::with(&[("SNUG_SMTP_URL", &mails.url())]).await;
    let ada = server.person("ada").await;
    forgot(&server, "ada@example.org").await.expect(202);
    until("it is asked", || async { *mails.asked.lock() > 0 }).await;
    let began = Instant::now();
    forgot(&server, "ada@example.org").await.expect(202);
    ada.say(1, "still here").await;
    server.stop().await;
    assert!(began.elapsed().as_secs() < 8, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailed_link_replaces_mailed_ones_only() {
    let mails = MailServer::start(Manner::Takes).await;
    let server = Server::with(&[("SNUG_SMTP_URL", &mails.url())]).await;
    server.person("ada").await;
    let by_command = || {
        let link = commanded(&server, &["user", "reset-link", "ada"]);
        link.trim_end().split_once("token=").unwrap().1.to_owned()
    };
    let is_open = async |token: &str| {
        Person::nobody(&server).get(&format!("/reset?token={token}")).await.status == 200
    };
    let operators = by_command();
    forgot(&server, "ada@example.org").await.expect(202);
    let first = token(&server, &mails.mails(1).await[0]);
    assert!(is_open(&operators).await && is_open(&first).await);
    settled(&server.database).await;
    forgot(&server, "ada@example.org").await.expect(202);
    let second = token(&server, &mails.mails(2).await[1]);
    assert!(is_open(&operators).await && !is_open(&first).await && is_open(&second).await);
    let later = by_command();
    assert!(!is_open(&operators).await && !is_open(&second).await && is_open(&later).await);
    // Nothing is sent for an account that is disabled.
    commanded(&server, &["user", "disable", "ada"]);
    forgot(&server, "ada@example.org").await.expect(202);
    server.person("bob").await;
    forgot(&server, "bob@example.org").await.expect(202);
    assert!(mails.mails(3).await[2].contains("To: bob@example.org"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_contains_an_address_or_a_link() {
    let mails = MailServer::start(Manner::Refuses).await;
    let database = Database::new().await;
    let url = mails.url();
    let program = Program::start(&database, &[("SNUG_LOG", "trace"), ("SNUG_SMTP_URL", &url)]);
    let nobody = Person::at(program.base());
    nobody.get("/readyz").await.expect(200);
    let account =
        json!({"username": "ada", "password": PASSWORD, "email": "secret-41f@example.org"});
    nobody.post("/auth/signup", account).await.expect(201);
    nobody.post("/auth/forgot", json!({"email": "secret-41f@example.org"})).await.expect(202);
    program.line("refuses a mail for good");
    settled(&database).await;
    *mails.manner.lock() = Manner::Takes;
    nobody.post("/auth/forgot", json!({"email": "secret-41f@example.org"})).await.expect(202);
    program.line("sent a link");
    for line in program.stop() {
        for secret in ["secret-41f", "token=", "/reset?"] {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
    }
}

/// Whoever reads the mail at the address before must not get in by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_mailed_link_does_not_outlive_its_address() {
    let mails = MailServer::start(Manner::Takes).await;
    let server = Server::with(&[("SNUG_SMTP_URL", &mails.url())]).await;
    let ada = server.person("ada").await;
    let by_command = || {
        let link = commanded(&server, &["user", "reset-link", "ada"]);
        link.trim_end().split_once("token=").unwrap().1.to_owned()
    };
    let operators = by_command();
    forgot(&server, "ada@example.org").await.expect(202);
    let mailed = token(&server, &mails.mails(1).await[0]);
    let body = json!({"email": "new@example.org", "current_password": PASSWORD});
    ada.patch("/auth/me", body).await.expect(200);
    reset(&server, &mailed, "another correct horse").await.refused(404, "not_found");
    settled(&server.database).await;
    forgot(&server, "new@example.org").await.expect(202);
    let mailed = token(&server, &mails.mails(2).await[1]);
    commanded(&server, &["user", "email", "ada", "third@example.org"]);
    reset(&server, &mailed, "another correct horse").await.refused(404, "not_found");
    reset(&server, &operators, "another correct horse").await.expect(204);
}
