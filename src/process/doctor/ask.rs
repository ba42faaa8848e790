//! One request over HTTP or HTTPS, and the certificate that was shown: `snug doctor` asks like a browser.
//!
//! With `mail` the only place from which snug connects to anything but PostgreSQL, and only when an operator says so.

use crate::http::public_url::Scheme;
use crate::limits::{DOCTOR_ANSWER_BYTES_MAX, DOCTOR_ASK_TIMEOUT};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::http::uri::Authority;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::fmt::Display;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_cert::Certificate;
use x509_cert::der::Decode;

pub(super) struct Heard {
    pub status: u16,
    pub body: String,
    /// Until when the certificate is valid, over HTTPS.
    pub valid_until: Option<Timestamp>,
}

/// Asks this server for a path. Returns the answer, or why there is none.
pub(super) async fn ask(
    scheme: Scheme,
    authority: &str,
    path: &str,
    bearer: Option<&str>,
) -> Result<Heard, String> {
    let asking = async {
        let place: Authority = authority.parse().map_err(said)?;
        let port = place.port_u16().unwrap_or(match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        });
        let host = place.host().trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, port)).await.map_err(said)?;
        match scheme {
            Scheme::Http => exchange(stream, authority, path, bearer).await,
            Scheme::Https => {
                let name = ServerName::try_from(host.to_owned()).map_err(said)?;
                let stream = connector()?.connect(name, stream).await.map_err(said)?;
                let shown = stream.get_ref().1.peer_certificates();
                let valid_until = shown.and_then(|chain| ends(chain.first()?));
                let heard = exchange(stream, authority, path, bearer).await?;
                Ok(Heard { valid_until, ..heard })
            }
        }
    };
    match tokio::time::timeout(DOCTOR_ASK_TIMEOUT, asking).await {
        Ok(heard) => heard,
        Err(_) => Err(format!("no answer within {} s", DOCTOR_ASK_TIMEOUT.as_secs())),
    }
}

fn said(error: impl Display) -> String {
    error.to_string()
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    authority: &str,
    path: &str,
    bearer: Option<&str>,
) -> Result<Heard, String> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(said)?;
    // It ends with the sender.
    tokio::spawn(connection);
    let mut request = Request::get(path).header(HOST, authority);
    if let Some(bearer) = bearer {
        request = request.header(AUTHORIZATION, format!("Bearer {bearer}"));
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(said)?;
    let answer = sender.send_request(request).await.map_err(said)?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), DOCTOR_ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(said)?.to_bytes();
    Ok(Heard { status, body: String::from_utf8_lossy(&body).into_owned(), valid_until: None })
}

fn connector() -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(said)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn ends(certificate: &[u8]) -> Option<Timestamp> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let until = certificate.tbs_certificate.validity.not_after.to_unix_duration();
    Timestamp::from_second(until.as_secs().cast_signed()).ok()
}
