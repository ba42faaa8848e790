//! TLS to a PostgreSQL elsewhere: each `sslmode`, with what it is for and with what it must refuse.

use crate::commands::{refused, snug};
use crate::support::elsewhere::Elsewhere;
use crate::support::{Database, Person, SECRET, Server, until};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The host that the certificate is for, and an address of the same host that it is not for.
const NAME: &str = "localhost";
const OTHER: &str = "127.0.0.1";

/// Runs `openssl` with these words.
fn openssl(directory: &Path, words: &str) {
    let made = Command::new("openssl").args(words.split(' ')).current_dir(directory).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// An authority, a certificate by it for `NAME`, and an authority that has nothing to do with it.
pub(crate) fn certify(directory: &Path) {
    const NEW: &str = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(directory, &format!("{NEW} -subj /CN=root -keyout root.key -out root.crt"));
    openssl(directory, &format!("{NEW} -subj /CN=other -keyout other.key -out other.crt"));
    openssl(
        directory,
        &format!(
            "{NEW} -subj /CN=database -addext subjectAltName=DNS:{NAME} \
             -addext basicConstraints=critical,CA:FALSE -CA root.crt -CAkey root.key \
             -keyout server.key -out server.crt"
        ),
    );
}

/// The PostgreSQL with the certificate and key of these names.
pub(crate) async fn with_certificate(directory: &Path, rules: &str) -> Elsewhere {
    let read = |name: &str| fs::read(directory.join(name)).unwrap();
    let files = [("server.crt", read("server.crt")), ("server.key", read("server.key"))];
    let files = [(files[0].0, files[0].1.as_slice()), (files[1].0, files[1].1.as_slice())];
    Elsewhere::start(&files, "ssl=on", rules).await
}

/// What `snug migrate` connects to.
fn connects(url: &str) {
    let output = snug(&["migrate"], &[("SNUG_DATABASE_URL", url)]).output().unwrap();
    assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
}

fn is_refused(url: &str, because: &str, so: &str) {
    let line = refused(2, &["migrate"], &[("SNUG_DATABASE_URL", url)]);
    assert!(line.starts_with("snug: SNUG_DATABASE_URL: "), "{line}");
    assert!(line.contains(because) && line.contains(so), "{url}: {line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mode_checks_what_it_says_and_nothing_else() {
    let scratch = tempfile::tempdir().unwrap();
    let file = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    certify(scratch.path());
    fs::write(file("empty"), "").unwrap();
    let (root, other) = (file("root.crt"), file("other.crt"));
    let encrypted = with_certificate(scratch.path(), "hostssl all all 127.0.0.1/32 trust").await;
    let with = |host, query: &str| encrypted.url(host, query);

    for query in ["", "?sslmode=prefer", "?sslmode=require", "?application_name=a&sslmode=require"]
    {
        connects(&with(OTHER, query));
    }
    connects(&with(OTHER, &format!("?sslmode=require&sslrootcert={root}")));
    connects(&with(OTHER, &format!("?sslmode=verify-ca&sslrootcert={root}")));
    connects(&with(NAME, &format!("?sslrootcert={root}&sslmode=verify-full")));
    // The address alone, without a name.
    connects(&format!("postgres:///postgres?hostaddr=127.0.0.1&port={}&user=snug", encrypted.port));

    let untrusted = ("PostgreSQL's certificate is not trusted", "sslrootcert");
    for query in [
        format!("?sslmode=require&sslrootcert={other}"),
        format!("?sslmode=verify-ca&sslrootcert={other}"),
        format!("?sslmode=verify-full&sslrootcert={other}"),
        // By whom the system trusts.
        "?sslmode=verify-ca".to_owned(),
        "?sslmode=verify-full".to_owned(),
        "?sslrootcert=system".to_owned(),
    ] {
        is_refused(&with(NAME, &query), untrusted.0, untrusted.1);
    }
    is_refused(
        &with(OTHER, &format!("?sslmode=verify-full&sslrootcert={root}")),
        "another name",
        "verify-ca",
    );
    is_refused(&with(NAME, "?sslmode=disable"), "no encryption", "correct");
    is_refused(&with(NAME, "?sslmode=allow"), "\"allow\" is not known", "or verify-full");
    is_refused(
        &with(NAME, "?sslmode=verify-ca&sslrootcert=/nonexistent"),
        "cannot read \"/nonexistent\"",
        "sslrootcert",
    );
    let empty = format!("?sslmode=verify-ca&sslrootcert={}", file("empty"));
    is_refused(&with(NAME, &empty), "has no certificates", "BEGIN CERTIFICATE");
    let weak = with(NAME, "?sslmode=require&sslrootcert=system");
    is_refused(&weak, "sslrootcert=system", "sslmode=verify-full");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls_at_the_other_end_only_what_insists_on_it_is_refused() {
    let plain = Elsewhere::start(&[], "", "host all all 127.0.0.1/32 trust").await;
    for query in ["", "?sslmode=prefer", "?sslmode=disable"] {
        connects(&plain.url(OTHER, query));
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = plain.url(OTHER, &format!("?sslmode={mode}"));
        is_refused(&url, "does not offer TLS", "sslmode=disable");
    }
    // As in libpq, which does not heed it there.
    let socket = plain.path("").to_str().unwrap().replace('/', "%2F");
    connects(&format!("postgres://snug@{socket}:{}/postgres?sslmode=verify-full", plain.port));
}

/// `pg_hba.conf` can want connections without it, although the server offers it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_preferred_is_given_up_where_it_is_not_wanted() {
    let scratch = tempfile::tempdir().unwrap();
    certify(scratch.path());
    let unencrypted =
        with_certificate(scratch.path(), "hostnossl all all 127.0.0.1/32 trust").await;
    connects(&unencrypted.url(NAME, ""));
    is_refused(&unencrypted.url(NAME, "?sslmode=require"), "SSL encryption", "correct");
}

/// As PostgreSQL's manual makes them: one that signed itself, and one of X.509 version 1; neither has any
/// name but that in its subject.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_the_manual_are_good_for_what_they_say() {
    let scratch = tempfile::tempdir().unwrap();
    let file = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    openssl(
        scratch.path(),
        &format!(
            "req -new -x509 -days 2 -nodes -keyout server.key -out server.crt -subj /CN={NAME}"
        ),
    );
    let rules = "hostssl all all 127.0.0.1/32 trust";
    let itself = with_certificate(scratch.path(), rules).await;
    let server = file("server.crt");
    connects(&itself.url(OTHER, "?sslmode=require"));
    connects(&itself.url(OTHER, &format!("?sslmode=verify-ca&sslrootcert={server}")));
    connects(&itself.url(NAME, &format!("?sslmode=verify-full&sslrootcert={server}")));
    let full = format!("?sslmode=verify-full&sslrootcert={server}");
    is_refused(&itself.url(OTHER, &full), "another name", "verify-ca");
    is_refused(&itself.url(NAME, "?sslmode=verify-full"), "is not trusted", "sslrootcert");

    certify(scratch.path());
    for words in [
        format!("req -new -nodes -newkey rsa:2048 -keyout server.key -out server.csr -subj /CN={NAME}"),
        "x509 -req -in server.csr -days 2 -CA root.crt -CAkey root.key -CAcreateserial -out server.crt"
            .to_owned(),
    ] {
        openssl(scratch.path(), &words);
    }
    let first_version = with_certificate(scratch.path(), rules).await;
    connects(&first_version.url(NAME, "?sslmode=require"));
    let checked = format!("?sslmode=verify-ca&sslrootcert={}", file("root.crt"));
    is_refused(&first_version.url(NAME, &checked), "no TLS with PostgreSQL", "version 3");
}

/// One that is trusted by itself, too. A clock or a new certificate may mend that, so it is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_has_expired_is_said_to_be() {
    let scratch = tempfile::tempdir().unwrap();
    let authority = "[ca]\ndefault_ca=it\n[it]\ndatabase=index\nserial=serial\nnew_certs_dir=.\n\
         default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n";
    for (name, text) in [("authority", authority), ("index", ""), ("serial", "01\n")] {
        fs::write(scratch.path().join(name), text).unwrap();
    }
    for words in [
        format!(
            "req -new -nodes -newkey rsa:2048 -keyout server.key -out server.csr -subj /CN={NAME}"
        ),
        "ca -batch -config authority -selfsign -keyfile server.key -in server.csr -notext \
         -startdate 20200101000000Z -enddate 20210101000000Z -out server.crt"
            .to_owned(),
    ] {
        openssl(scratch.path(), &words);
    }
    let past = with_certificate(scratch.path(), "hostssl all all 127.0.0.1/32 trust").await;
    connects(&past.url(NAME, "?sslmode=require"));
    let server = scratch.path().join("server.crt");
    let checked = past.url(NAME, &format!("?sslmode=verify-ca&sslrootcert={}", server.display()));
    let line = refused(1, &["migrate"], &[("SNUG_DATABASE_URL", &checked)]);
    assert!(line.contains("invalid peer certificate: Expired"), "{line}");
}

/// Everything that connects does so by TLS, and passwords are bound to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_has_no_connection_without_it() {
    let scratch = tempfile::tempdir().unwrap();
    certify(scratch.path());
    let rules = "hostssl all all 127.0.0.1/32 scram-sha-256";
    let elsewhere = with_certificate(scratch.path(), rules).await;
    let client = elsewhere.client().await;
    client.batch_execute("alter user snug password 'open sesame'").await.unwrap();
    let root = scratch.path().join("root.crt");
    let url = format!(
        "postgres://snug:open%20sesame@{NAME}:{}/postgres?sslmode=verify-full&channel_binding=require\
         &sslrootcert={}",
        elsewhere.port,
        root.display()
    );
    let settings = [("SNUG_DATABASE_URL", url.as_str()), ("SNUG_JWT_SECRET", SECRET)];
    let server = Server::on(Database { name: "postgres".to_owned() }, &settings).await;
    Person::nobody(&server).joined_by("ada").await.say(1, "hello").await;
    let count = "select count(*), count(*) filter (where ssl), count(distinct application_name)
        from pg_stat_ssl join pg_stat_activity using (pid)
        where client_addr is not null";
    until("all four kinds are there: the pool's, the lane's, and two of the bus", || async {
        let row = client.query_one(count, &[]).await.unwrap();
        let [all, encrypted, names] = [0, 1, 2].map(|at| row.get::<_, i64>(at));
        assert_eq!(all, encrypted);
        names == 4
    })
    .await;
}
