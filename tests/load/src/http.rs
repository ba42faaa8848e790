//! One HTTP connection that is kept alive for many requests in a row.
//!
//! A client library would cost more than the server spends on an answer. It understands what the
//! server sends: a status, a `Content-Length`, a body.

use crate::stop::{Result, Stop};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Two hundred of the longest messages, with some room to spare.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

pub struct Line {
    stream: TcpStream,
    address: SocketAddr,
    token: String,
    answer: Vec<u8>,
}

impl Line {
    pub async fn open(address: SocketAddr, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address, token: token.to_owned(), answer: Vec::new() })
    }

    /// The body of a 200; anything else is an error.
    pub async fn get(&mut self, path: &str) -> Result<&[u8]> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
            self.address, self.token
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.answer.clear();
        let begin = loop {
            self.read_on(path).await?;
            if let Some(at) = memchr::memmem::find(&self.answer, b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = String::from_utf8_lossy(&self.answer[..begin]);
        if !head.starts_with("HTTP/1.1 200 ") {
            let first = head.lines().next().unwrap_or_default();
            return Err(Stop::new(format!("{path}: {first}")));
        }
        let length = length(&head)
            .ok_or_else(|| Stop::new(format!("{path}: an answer without a length")))?;
        while self.answer.len() < begin + length {
            self.read_on(path).await?;
        }
        Ok(&self.answer[begin..begin + length])
    }

    async fn read_on(&mut self, path: &str) -> Result<()> {
        if self.answer.len() > ANSWER_BYTES_MAX {
            return Err(Stop::new(format!("{path}: an endless answer")));
        }
        match self.stream.read_buf(&mut self.answer).await? {
            0 => Err(Stop::new(format!("{path}: closed before the whole answer"))),
            _ => Ok(()),
        }
    }
}

fn length(head: &str) -> Option<usize> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next()?.1.trim().parse().ok().filter(|length| *length <= ANSWER_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_length_is_found_in_any_case_and_spacing() {
        assert_eq!(length("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n"), Some(12));
        assert_eq!(length("HTTP/1.1 200 OK\r\nContent-Length:7\r\n\r\n"), Some(7));
        assert_eq!(length("HTTP/1.1 200 OK\r\n\r\n"), None);
        assert_eq!(length("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"), None);
    }
}
