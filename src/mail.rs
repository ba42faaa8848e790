//! Sending mail: the only code that talks to a mail server.
//!
//! `process::run` has what is due sent, one after the other, in the background. Whoever asks for a mail never
//! waits for it. What is in a mail is here, too.

use crate::limits::MAIL_TIMEOUT;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

type Transport = AsyncSmtpTransport<Tokio1Executor>;

pub struct Mailer {
    transport: Transport,
    from: Mailbox,
}

impl Mailer {
    /// From a URL as lettre reads it, `smtps://user:password@host` or `smtp://host?tls=required`, with the
    /// sender's address as `from=`; or what is wrong with it, without the URL, which contains a password.
    pub fn new(url: &str) -> Result<Self, String> {
        const WRITE: &str =
            "write it like smtps://user:password@mail.example.org?from=chat@example.org";
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let pairs = form_urlencoded::parse(query.as_bytes());
        let (own, rest): (Vec<_>, Vec<_>) = pairs.partition(|(name, _)| name == "from");
        let (_, from) = own.first().ok_or_else(|| format!("has no sender; {WRITE}"))?;
        let from = from
            .parse()
            .map_err(|_| format!("has a sender that is not an e-mail address; {WRITE}"))?;
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(rest).finish();
        let place = if query.is_empty() { place.to_owned() } else { format!("{place}?{query}") };
        let transport = Transport::from_url(&place)
            .map_err(|_| format!("is not the URL of a mail server; {WRITE}"))?
            .timeout(Some(MAIL_TIMEOUT))
            .build();
        Ok(Self { transport, from })
    }

    /// Sends a link to set a new password.
    pub async fn send_reset(&self, email: &str, username: &str, link: &str) -> Result<(), Unsent> {
        let body = format!(
            "Somebody, probably you, has asked for a new password for the account {username}.\r\n\r\n\
             To set one, open this link within a day:\r\n\r\n{link}\r\n\r\n\
             If it was not you, do nothing: your password stays as it is.\r\n"
        );
        let mail = email.parse().ok().and_then(|to| {
            let mail = Message::builder().from(self.from.clone()).to(to).subject("A new password");
            mail.header(ContentType::TEXT_PLAIN).body(body).ok()
        });
        match self.transport.send(mail.ok_or(Unsent::Refused)?).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(Unsent::Refused),
            Err(error) if error.is_timeout() => Err(Unsent::Later("it does not answer in time")),
            Err(error) if error.is_transient() => Err(Unsent::Later("it says to come back")),
            Err(error) if error.is_tls() => Err(Unsent::Later("its certificate is not trusted")),
            Err(_) => Err(Unsent::Later("it cannot be reached, or does not let us in")),
        }
    }
}

/// Why a mail was not sent; never with the server's own words, which repeat addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// For good.
    Refused,
    /// The reason.
    Later(&'static str),
}
