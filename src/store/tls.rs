//! TLS to PostgreSQL: `sslmode` and `sslrootcert` mean what they mean in libpq, where they come from.
//!
//! Called by `connect`, once for each URL. The signature over the handshake is always checked, even where
//! the certificate itself is not: SCRAM's channel binding rests on it. Client certificates are not
//! supported.

use crate::model::error::Fatal;
use percent_encoding::percent_decode_str;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature_with_raw_key};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;
use x509_cert::Certificate;
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::SubjectAltName;

/// The protocol that PostgreSQL speaks inside TLS (ALPN), without which it takes no direct connection.
const PROTOCOL: &[u8] = b"postgresql";

/// Where Debian keeps the root certificates that it trusts, in one file.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What the URL of a database says about TLS.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    mode: Option<Mode>,
    roots: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::EnumString)]
#[strum(serialize_all = "kebab-case")]
enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// What is checked of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Nothing,
    Issuer,
    IssuerAndName,
}

/// How connections are encrypted.
#[derive(Clone)]
pub(super) struct Tls {
    pub connector: MakeRustlsConnect,
    /// Whether a connection without it is better than none.
    pub is_optional: bool,
}

/// What TLS itself says against a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsFault {
    NotOffered,
    Untrusted,
    OtherName,
    /// Or not valid yet.
    Expired,
    Other,
}

impl Wish {
    /// Takes out of the URL what is said about TLS, of which `tokio_postgres` knows less; returns the rest.
    pub fn take(url: &str) -> Result<(String, Self), Fatal> {
        // As `tokio_postgres` reads it, which lets passwords have question marks.
        let after_login = url.find('@').map_or(0, |at| at + 1);
        let Some(at) = url[after_login..].find('?') else {
            return Ok((url.to_owned(), Self::default()));
        };
        let (place, query) = url.split_at(after_login + at);
        let (mut wish, mut rest) = (Self::default(), Vec::new());
        for pair in query[1..].split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            match &*percent_decode_str(key).decode_utf8_lossy() {
                "sslmode" => {
                    wish.mode = Some(value.parse().map_err(|_| {
                        refuse(&format!(
                            "sslmode {value:?} is not known; write disable, prefer, require, verify-ca \
                             or verify-full"
                        ))
                    })?);
                }
                "sslrootcert" => wish.roots = Some(value.into_owned()).filter(|it| !it.is_empty()),
                _ => rest.push(pair),
            }
        }
        let mark = if rest.is_empty() { "" } else { "?" };
        Ok((format!("{place}{mark}{}", rest.join("&")), wish))
    }

    /// The same for libpq, which has no root certificates of its own before version 16.
    pub fn libpq(&self) -> Vec<(&'static str, Vec<OsString>)> {
        let mode = match self.mode() {
            Mode::Disable => "disable",
            Mode::Prefer => "prefer",
            Mode::Require => "require",
            Mode::VerifyCa => "verify-ca",
            Mode::VerifyFull => "verify-full",
        };
        let needs_roots = self.mode() >= Mode::VerifyCa;
        let roots = self.roots.as_deref().filter(|_| !self.wants_system());
        let roots = roots.or(needs_roots.then_some(SYSTEM_ROOTS));
        let mut variables = vec![("PGSSLMODE", vec![mode.into()])];
        variables.extend(roots.map(|roots| ("PGSSLROOTCERT", vec![roots.into()])));
        variables
    }

    pub fn ssl_mode(&self) -> SslMode {
        match self.mode() {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        }
    }

    /// Root certificates are read now, once.
    pub fn fulfil(&self) -> Result<Option<Tls>, Fatal> {
        if self.mode() < Mode::VerifyFull && self.wants_system() {
            return Err(refuse("sslrootcert=system only goes with sslmode=verify-full"));
        }
        let check = match (self.mode(), &self.roots) {
            (Mode::Disable, _) => return Ok(None),
            (Mode::Prefer | Mode::Require, None) => Check::Nothing,
            (Mode::Prefer | Mode::Require, Some(_)) | (Mode::VerifyCa, _) => Check::Issuer,
            (Mode::VerifyFull, _) => Check::IssuerAndName,
        };
        let roots = match (check, self.roots.as_deref().filter(|_| !self.wants_system())) {
            (Check::Nothing, _) => Vec::new(),
            (_, Some(path)) => read(path)?,
            (_, None) => of_system()?,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new(check, roots, Arc::clone(&provider))?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Fatal::new(format!("starting TLS: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        let is_optional = self.mode() == Mode::Prefer;
        Ok(Some(Tls { connector: MakeRustlsConnect::new(config), is_optional }))
    }

    fn mode(&self) -> Mode {
        let default = if self.wants_system() { Mode::VerifyFull } else { Mode::Prefer };
        self.mode.unwrap_or(default)
    }

    /// libpq's word for the system's root certificates; here they are also what there is without it.
    fn wants_system(&self) -> bool {
        self.roots.as_deref() == Some("system")
    }
}

fn refuse(what: &str) -> Fatal {
    Fatal::usage(format!("SNUG_DATABASE_URL: {what}"))
}

fn read(path: &str) -> Result<Vec<CertificateDer<'static>>, Fatal> {
    let text = std::fs::read(path)
        .map_err(|error| refuse(&format!("sslrootcert: cannot read {path:?}: {error}")))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match read {
        Ok(roots) if !roots.is_empty() => Ok(roots),
        _ => Err(refuse(&format!(
            "sslrootcert: {path:?} has no certificates; it must have them as PEM, from BEGIN CERTIFICATE \
             to END CERTIFICATE"
        ))),
    }
}

fn of_system() -> Result<Vec<CertificateDer<'static>>, Fatal> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err(refuse(
            "this system has no root certificates; install ca-certificates, or name a file with sslrootcert",
        ));
    }
    Ok(found.certs)
}

impl TlsFault {
    pub fn of(error: &tokio_postgres::Error) -> Option<Self> {
        let cause = std::error::Error::source(error)?;
        // `tokio_postgres` has no name for it.
        if cause.to_string() == "server does not support TLS" {
            return Some(Self::NotOffered);
        }
        let tls = cause.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<Error>()?;
        Some(match tls {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => Self::Untrusted,
            Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => Self::OtherName,
            Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ) => Self::Expired,
            _ => Self::Other,
        })
    }
}

#[derive(Debug)]
struct Verifier {
    check: Check,
    anchors: RootCertStore,
    roots: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(
        check: Check,
        roots: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Fatal> {
        let mut anchors = RootCertStore::empty();
        let (added, _) = anchors.add_parsable_certificates(roots.iter().cloned());
        if added == 0 && !roots.is_empty() {
            return Err(refuse("sslrootcert: none of its certificates can be read"));
        }
        Ok(Self { check, anchors, roots, provider })
    }

    fn check_issuer(
        &self,
        presented: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let certificate = parse(presented)?;
        // One that signed itself is its own root. `webpki` does not accept that of a server.
        if self.roots.contains(presented) {
            return check_dates(&certificate, now);
        }
        let checked = verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(presented)?,
            &self.anchors,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        );
        let signed = &certificate.tbs_certificate;
        match checked {
            Err(_) if signed.issuer == signed.subject => {
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
            }
            checked => checked,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        presented: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.check != Check::Nothing {
            self.check_issuer(presented, intermediates, now)?;
        }
        if self.check == Check::IssuerAndName {
            check_name(presented, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        presented: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, presented, signed, algorithms)
    }

    /// By the bare key, because `webpki` does not read certificates of X.509 version 1, which PostgreSQL's
    /// own manual makes.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        presented: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = parse(presented)?.tbs_certificate.subject_public_key_info.to_der();
        let key = SubjectPublicKeyInfoDer::from(key.map_err(|_| unreadable())?);
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn parse(certificate: &CertificateDer<'_>) -> Result<Certificate, Error> {
    Certificate::from_der(certificate).map_err(|_| unreadable())
}

fn unreadable() -> Error {
    Error::InvalidCertificate(CertificateError::BadEncoding)
}

fn check_dates(certificate: &Certificate, now: UnixTime) -> Result<(), Error> {
    let validity = &certificate.tbs_certificate.validity;
    let (begin, end) =
        (validity.not_before.to_unix_duration(), validity.not_after.to_unix_duration());
    let now = std::time::Duration::from_secs(now.as_secs());
    if now < begin {
        return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
    }
    if end < now {
        return Err(Error::InvalidCertificate(CertificateError::Expired));
    }
    Ok(())
}

fn check_name(presented: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let checked =
        ParsedCertificate::try_from(presented).and_then(|parsed| verify_server_name(&parsed, name));
    if checked.is_err() && is_common_name(&parse(presented)?, &name.to_str()) {
        return Ok(());
    }
    checked
}

/// Whether the certificate is of the kind that has its name in its subject, and it is this one.
fn is_common_name(certificate: &Certificate, name: &str) -> bool {
    let certificate = &certificate.tbs_certificate;
    let has_no_other = matches!(certificate.get::<SubjectAltName>(), Ok(None));
    let parts = certificate.subject.0.iter().flat_map(|part| part.0.iter());
    let common = parts.rev().find(|part| part.oid == COMMON_NAME);
    has_no_other && common.is_some_and(|it| it.value.value().eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(url: &str) -> (String, Wish) {
        Wish::take(url).unwrap()
    }

    fn wish(mode: Option<Mode>, roots: Option<&str>) -> Wish {
        Wish { mode, roots: roots.map(str::to_owned) }
    }

    #[test]
    fn what_is_said_about_tls_is_taken_out_of_the_url() {
        for (url, rest, found) in [
            ("postgres://db/snug", "postgres://db/snug", Wish::default()),
            (
                "postgres://db/snug?sslmode=verify-ca",
                "postgres://db/snug",
                wish(Some(Mode::VerifyCa), None),
            ),
            (
                "postgres://db/snug?a=1&sslmode=require&b=2&sslrootcert=%2Fetc%2Fa+b",
                "postgres://db/snug?a=1&b=2",
                wish(Some(Mode::Require), Some("/etc/a+b")),
            ),
            (
                "postgres://db?ssl%6Dode=disable&sslmode=prefer",
                "postgres://db",
                wish(Some(Mode::Prefer), None),
            ),
            (
                "postgres://ada:a?sslmode=x@db?sslrootcert=",
                "postgres://ada:a?sslmode=x@db",
                Wish::default(),
            ),
        ] {
            assert_eq!(taken(url), (rest.to_owned(), found), "{url}");
        }
        for bad in ["allow", "Require", "", "verify_full"] {
            let fatal = Wish::take(&format!("postgres://db?sslmode={bad}")).unwrap_err();
            assert!(fatal.message.contains("or verify-full") && fatal.status == 2, "{fatal}");
        }
    }

    #[test]
    fn the_systems_roots_ask_for_everything() {
        let system = wish(None, Some("system"));
        assert_eq!((system.mode(), system.ssl_mode()), (Mode::VerifyFull, SslMode::Require));
        for weak in [Mode::Disable, Mode::Prefer, Mode::Require, Mode::VerifyCa] {
            let refused = wish(Some(weak), Some("system")).fulfil().map(|_| ()).unwrap_err();
            assert!(refused.message.contains("sslmode=verify-full"), "{refused}");
        }
        assert_eq!(Wish::default().ssl_mode(), SslMode::Prefer);
    }
}
