//! The recipes in `docs/proxy`, each run by the proxy that it is for. Only names, ports and paths are
//! replaced.

use crate::support::bare::{Bare, KEY, TEXT};
use crate::support::{Database, PASSWORD, Program, directory};
use serde_json::json;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tokio::net::TcpStream;

const ADA: &str = "127.0.0.2";
const BOB: &str = "127.0.0.3";
const ORIGIN: (&str, &str) = ("Origin", "https://chat.example");
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Debian keeps servers where not everybody's `PATH` leads.
pub(crate) fn system(program: &str) -> Command {
    let mut command = Command::new("/usr/bin/env");
    let path = std::env::var("PATH").unwrap_or_default();
    command.arg(program).env("PATH", format!("{path}:/usr/sbin")).stdin(Stdio::null());
    command
}

fn free_port(address: Ipv4Addr) -> u16 {
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port()
}

/// What a recipe becomes for a test.
struct Setup<'a> {
    recipe: String,
    directory: &'a Path,
    address: Ipv4Addr,
    /// A second address, for the lines about IPv6, which not every machine has.
    other: Ipv4Addr,
    ports: [u16; 2],
}

impl Setup<'_> {
    /// A recipe without the text to replace is no longer the recipe that this test knows.
    fn replace(mut self, from: &str, to: &str) -> Self {
        assert!(self.recipe.contains(from), "{from:?} is in {}", self.recipe);
        self.recipe = self.recipe.replace(from, to);
        self
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }
}

/// A proxy in front of a snug of its own.
struct Proxy {
    child: Child,
    snug: Option<Program>,
    directory: tempfile::TempDir,
    http: SocketAddr,
    https: SocketAddr,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Proxy {
    async fn start(
        recipe: &str,
        last_byte: u8,
        database: &Database,
        command: impl FnOnce(Setup<'_>) -> Command,
    ) -> Self {
        let directory = directory();
        // As the README says.
        let settings = [
            ("SNUG_PUBLIC_URL", "https://chat.example"),
            ("SNUG_TRUSTED_PROXIES", "127.0.0.1"),
            ("SNUG_LOG", "info,snug::http=debug"),
        ];
        let snug = Program::start(database, &settings);
        let backend = snug.base().replace("http://", "");
        certify(directory.path());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/proxy").join(recipe);
        let address = Ipv4Addr::new(127, 0, 7, last_byte);
        let other = Ipv4Addr::new(127, 0, 8, last_byte);
        let ports = [free_port(address), free_port(address)];
        let recipe = fs::read_to_string(path).unwrap();
        let setup = Setup { recipe, directory: directory.path(), address, other, ports };
        let mut command = command(setup.replace("127.0.0.1:8000", &backend));
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let [http, https] = ports.map(|port| SocketAddr::from((address, port)));
        let mut proxy = Self { child, snug: Some(snug), directory, http, https };
        loop {
            if TcpStream::connect(https).await.is_ok() {
                return proxy;
            }
            let ended = proxy.child.try_wait().unwrap();
            assert!(ended.is_none(), "the proxy ended: {}", proxy.log());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// A connection by TLS from this address of the local machine. OpenSSL's client checks the certificate.
    async fn open(&self, from: &str) -> Door {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let theirs = OwnedFd::from(listener.accept().unwrap().0);
        let tls = system("openssl")
            .args(["s_client", "-quiet", "-verify_return_error", "-servername", "chat.example"])
            .args(["-connect", &self.https.to_string(), "-bind", &format!("{from}:0")])
            .args(["-verify_hostname", "chat.example", "-CAfile"])
            .arg(self.directory.path().join("certificate"))
            .stdin(theirs.try_clone().unwrap())
            .stdout(theirs)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Door { bare: Bare::of(ours), tls }
    }

    async fn ask(&self, from: &str, what: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut door = self.open(from).await;
        door.bare.send(request(what, headers, body)).await;
        let (status, head, body) = door.bare.answer().await;
        Answer { status, head, body }
    }
}

struct Door {
    bare: Bare,
    tls: Child,
}

impl Drop for Door {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.tls.kill();
        let _ = self.tls.wait();
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    /// The cookie of this kind that the answer sets, as a browser sends it back.
    fn cookie(&self, kind: &str) -> String {
        let name = format!("__Host-snug_{kind}_");
        let line = self.head.lines().find(|line| line.contains(&name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {}", self.head));
        assert!(line.ends_with("; Secure"), "{line}");
        let (_, cookie) = line.split_once(": ").unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
}

fn request(what: &str, headers: &[(&str, &str)], body: &str) -> String {
    let lines: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let length = if length > 0 { format!("Content-Length: {length}\r\n") } else { String::new() };
    format!(
        "{what} HTTP/1.1\r\nHost: chat.example\r\nAccept-Encoding: identity\r\n{lines}{length}\r\n{body}"
    )
}

/// A certificate for chat.example and its key: in two files, and in one, as HAProxy wants it.
fn certify(directory: &Path) {
    let made = system("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=chat.example", "-addext", "subjectAltName=DNS:chat.example"])
        .args(["-days", "2", "-keyout", "key", "-out", "certificate"])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let read = |name| fs::read_to_string(directory.join(name)).unwrap();
    fs::write(directory.join("both"), read("certificate") + &read("key")).unwrap();
}

fn nginx(setup: Setup<'_>) -> Command {
    let (address, other, [http, https]) = (setup.address, setup.other, setup.ports);
    let (certificate, key) = (setup.path("certificate"), setup.path("key"));
    let setup = setup
        .replace("listen [::]:80;", &format!("listen {other}:{http};"))
        .replace("listen [::]:443 ssl;", &format!("listen {other}:{https} ssl;"))
        .replace("listen 80;", &format!("listen {address}:{http};"))
        .replace("listen 443 ssl;", &format!("listen {address}:{https} ssl;"))
        .replace("/etc/ssl/chat.example/fullchain.pem", &certificate)
        .replace("/etc/ssl/chat.example/privkey.pem", &key);
    let site = setup.write("site", &setup.recipe);
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String =
        temporary.iter().map(|kind| format!("{kind}_temp_path {kind};\n")).collect();
    // Around it what is in Debian's nginx.conf, with everything in a directory of its own.
    let all = format!(
        "daemon off; master_process off; pid pid; error_log stderr; events {{}}\n\
         http {{ access_log off; {temporary} include {site}; }}\n"
    );
    let path = setup.write("nginx.conf", &all);
    let mut command = system("nginx");
    command.args(["-p", setup.directory.to_str().unwrap(), "-e", "stderr", "-c", &path]);
    command
}

fn haproxy(setup: Setup<'_>) -> Command {
    let (address, other, [http, https]) = (setup.address, setup.other, setup.ports);
    let both = setup.path("both");
    let setup = setup
        .replace("bind :80\n", &format!("bind {address}:{http}\n"))
        .replace("bind :443 ssl", &format!("bind {address}:{https} ssl"))
        .replace("bind [::]:80 v6only\n", &format!("bind {other}:{http}\n"))
        .replace("bind [::]:443 v6only ssl", &format!("bind {other}:{https} ssl"))
        .replace("/etc/ssl/chat.example/both.pem", &both);
    let path = setup.write("haproxy.cfg", &setup.recipe);
    let mut command = system("haproxy");
    command.args(["-db", "-f", &path]);
    command
}

fn caddy(setup: Setup<'_>) -> Command {
    let (address, [http, https]) = (setup.address, setup.ports);
    let (certificate, key) = (setup.path("certificate"), setup.path("key"));
    let ports = format!(
        "{{\n\tadmin off\n\tskip_install_trust\n\thttp_port {http}\n\thttps_port {https}\n}}\n"
    );
    let setup = setup
        .replace("\nchat.example {\n", &format!("\nchat.example {{\n\tbind {address}\n"))
        .replace("# tls /etc/ssl/chat.example/fullchain.pem", &format!("tls {certificate}"))
        .replace("/etc/ssl/chat.example/privkey.pem", &key);
    let path = setup.write("Caddyfile", &(ports + &setup.recipe));
    let mut command = system("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config", &path]);
    command.env("HOME", setup.directory).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recipe_for_nginx_works() {
    let proxy = Proxy::start("nginx.conf", 1, &Database::new().await, nginx).await;
    everything_works_through(proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recipe_for_haproxy_works() {
    let proxy = Proxy::start("haproxy.cfg", 2, &Database::new().await, haproxy).await;
    is_checked(&proxy).await;
    everything_works_through(proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recipe_for_caddy_works() {
    let proxy = Proxy::start("Caddyfile", 3, &Database::new().await, caddy).await;
    is_checked(&proxy).await;
    everything_works_through(proxy).await;
}

/// The proxy's own health check is answered as it should be.
async fn is_checked(proxy: &Proxy) {
    let line = proxy.snug.as_ref().unwrap().line("path=/healthz");
    assert!(line.contains("status=200"), "{line}");
}

async fn everything_works_through(mut proxy: Proxy) {
    sends_on_to_https(&proxy).await;
    assert_eq!(proxy.ask(ADA, "GET /healthz", &[], "").await.status, 200);
    let cookie = sign_up_and_log_in(&proxy).await;
    a_message_arrives(&proxy, &cookie).await;
    everybody_has_an_address_of_their_own(&proxy).await;
    metrics_are_out_of_reach(&proxy).await;
    let log = proxy.snug.take().unwrap().stop();
    // The tests' PostgreSQL is set up to lose commits in a crash, for speed, and that is named.
    let is_warning = |line: &&String| line.contains(" WARN ") && !line.contains("fsync");
    let warnings: Vec<_> = log.iter().filter(is_warning).collect();
    assert!(warnings.is_empty(), "{warnings:#?}");
}

async fn sends_on_to_https(proxy: &Proxy) {
    let mut bare = Bare::of(TcpStream::connect(proxy.http).await.unwrap());
    bare.send(request("GET /general", &[], "")).await;
    let (status, head, _) = bare.answer().await;
    assert!((301..=308).contains(&status), "{head}");
    assert!(head.to_ascii_lowercase().contains("location: https://chat.example"), "{head}");
}

/// By the pages' own form, as without JavaScript.
async fn sign_up_and_log_in(proxy: &Proxy) -> String {
    let account = json!({"username": "ada", "password": PASSWORD, "email": "ada@example.org"});
    let made = proxy.ask(ADA, "POST /auth/signup", &[JSON], &account.to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let page = proxy.ask(ADA, "GET /login", &[("Accept", "text/html")], "").await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.head.to_ascii_lowercase().contains("\r\nstrict-transport-security: "), "{page:?}");
    let (_, rest) = page.body.split_once("name=\"form_token\" value=\"").unwrap();
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("form_token", rest.split('"').next().unwrap()),
    ];
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let door = page.cookie("door");
    let media_type = ("Content-Type", "application/x-www-form-urlencoded");
    let headers = [("Cookie", door.as_str()), ORIGIN, media_type];
    let inside = proxy.ask(ADA, "POST /login", &headers, &form).await;
    assert_eq!(inside.status, 303, "{inside:?}");
    let cookie = inside.cookie("session");
    let general = proxy.ask(ADA, "GET /general", &[("Cookie", &cookie)], "").await;
    assert!(general.status == 200 && general.body.contains("General"), "{general:?}");
    cookie
}

async fn a_message_arrives(proxy: &Proxy, cookie: &str) {
    let headers = [
        ("Cookie", cookie),
        ORIGIN,
        ("Upgrade", "websocket"),
        ("Connection", "keep-alive, Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
    ];
    let mut door = proxy.open(ADA).await;
    door.bare.send(request("GET /ws/general", &headers, "")).await;
    let (status, head, body) = door.bare.answer().await;
    assert_eq!(status, 101, "{head}{body}");
    assert_eq!(door.bare.json().await["type"], "welcome");
    door.bare.text(&json!({"content": "Hello through it!", "client_id": "1"}).to_string()).await;
    loop {
        let frame = door.bare.frame().await.expect("a message");
        if frame.first == TEXT && frame.json()["type"] == "message" {
            assert_eq!(frame.json()["content"], "Hello through it!");
            return;
        }
    }
}

/// One's own X-Forwarded-For changes nothing, and others are not held up.
async fn everybody_has_an_address_of_their_own(proxy: &Proxy) {
    let guess = json!({"username": "ada", "password": "not the password"}).to_string();
    let mut statuses = Vec::new();
    for last in 0..6 {
        let forged = format!("192.0.2.{last}");
        let headers = [JSON, ("X-Forwarded-For", &forged), ("X-Real-IP", &forged)];
        statuses.push(proxy.ask(BOB, "POST /auth/login", &headers, &guess).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
    let right = json!({"username": "ada", "password": PASSWORD}).to_string();
    let ada = proxy.ask(ADA, "POST /auth/login", &[JSON], &right).await;
    assert_eq!(ada.status, 200, "{ada:?}");
}

async fn metrics_are_out_of_reach(proxy: &Proxy) {
    let forged = [("X-Forwarded-For", "127.0.0.1"), ("Forwarded", "for=127.0.0.1")];
    for headers in [&[][..], &forged[..]] {
        let answer = proxy.ask(ADA, "GET /metrics", headers, "").await;
        assert_eq!(answer.status, 404, "{answer:?}");
    }
}
