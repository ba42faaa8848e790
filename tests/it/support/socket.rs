//! An open WebSocket whose frames can be awaited, with a deadline.

use super::PATIENCE;
use super::protocol::listed;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Frames that arrived while another was awaited.
    passed: VecDeque<Value>,
    /// Who is online is told at any time; only those who ask for it are shown it.
    hears_presence: bool,
}

/// The status with which an upgrade is refused, and the code in the body.
pub async fn refusal(
    request: impl tokio_tungstenite::tungstenite::client::IntoClientRequest + Unpin,
) -> (u16, String) {
    match connect_async(request).await {
        Err(Error::Http(answer)) => {
            let body = answer.body().as_deref().unwrap_or_default();
            let problem: Value = serde_json::from_slice(body).unwrap_or_default();
            let code = problem["code"].as_str().unwrap_or_default().to_owned();
            (answer.status().as_u16(), code)
        }
        Err(error) => panic!("not refused in HTTP: {error}"),
        Ok(_) => panic!("not refused"),
    }
}

impl Socket {
    pub async fn open(url: &str) -> Self {
        let (stream, answer) = connect_async(url).await.unwrap();
        assert_eq!(answer.status().as_u16(), 101);
        Self { stream, passed: VecDeque::new(), hears_presence: false }
    }

    /// A socket, if there is a server to open it with.
    pub async fn try_open(url: &str) -> Option<Self> {
        let (stream, _) = connect_async(url).await.ok()?;
        Some(Self { stream, passed: VecDeque::new(), hears_presence: false })
    }

    /// From here on it shows who is online.
    pub fn with_presence(self) -> Self {
        Self { hears_presence: true, ..self }
    }

    /// False if the socket has ended.
    pub async fn try_send(&mut self, frame: Value) -> bool {
        self.stream.send(Message::text(frame.to_string())).await.is_ok()
    }

    pub async fn send(&mut self, frame: Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    pub async fn send_raw(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    /// The next frame, of any type; pings and pongs are skipped.
    pub async fn next(&mut self) -> Value {
        match self.passed.pop_front() {
            Some(frame) => frame,
            None => self.receive().await.unwrap_or_else(|end| panic!("the socket ended: {end:?}")),
        }
    }

    /// The next frame of this type; others are kept for later.
    pub async fn expect(&mut self, kind: &str) -> Value {
        if let Some(at) = self.passed.iter().position(|frame| frame["type"] == kind) {
            return self.passed.remove(at).unwrap();
        }
        loop {
            match self.receive().await {
                Ok(frame) if frame["type"] == kind => return frame,
                Ok(frame) => self.passed.push_back(frame),
                Err(end) => panic!("the socket ended without {kind}: {end:?}"),
            }
        }
    }

    /// Whether nothing arrives before the answer to a ping that is sent now.
    pub async fn is_silent(&mut self) -> bool {
        self.send(serde_json::json!({"type": "ping"})).await;
        self.next().await["type"] == "pong"
    }

    /// Whether no frame of this type arrives before the answer to a ping that is sent now.
    pub async fn expect_silence(&mut self, kind: &str) -> bool {
        self.send(serde_json::json!({"type": "ping"})).await;
        self.expect("pong").await;
        !self.passed.iter().any(|frame| frame["type"] == kind)
    }

    /// The code with which the server closes; frames before it are skipped.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match self.receive().await {
                Ok(_) => {}
                Err(End::Closed(code)) => return code,
                Err(end) => panic!("not closed by a frame: {end:?}"),
            }
        }
    }

    /// A frame, or how the socket ended.
    pub async fn receive(&mut self) -> Result<Value, End> {
        let reading = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let frame = listed(serde_json::from_str(&text).unwrap());
                        if frame["type"] != "presence" || self.hears_presence {
                            return Ok(frame);
                        }
                    }
                    Some(Ok(Message::Close(frame))) => {
                        return Err(End::Closed(frame.map_or(1005, |frame| frame.code.into())));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(End::Broken(error.to_string())),
                    None => return Err(End::Broken("end of stream".into())),
                }
            }
        };
        tokio::time::timeout(PATIENCE + Duration::from_secs(30), reading)
            .await
            .expect("a frame or an end in time")
    }
}

/// How a socket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Closed(u16),
    Broken(String),
}
