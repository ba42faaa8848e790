//! How a connection's bytes divide into requests: heads, bodies, chunks.
//!
//! hyper tolerates what a proxy in front of us may read differently: line breaks without a carriage
//! return, a length given twice or beside a transfer coding, codings before `chunked`. Such
//! differences allow request smuggling. `server` passes the bytes through here on their way to hyper;
//! an ambiguous line is spoilt with a NUL, so that hyper answers 400 and closes. Nothing else is
//! changed, and nothing is decided about the meaning of a proper request. Pure.

/// The names and values that matter are shorter; only the beginning of longer lines is kept.
const LINE_BYTES_KEPT: usize = 32;

/// The position in the stream of requests.
pub struct Framing {
    stage: RequestStage,
    line: HeadLine,
    head: Head,
}

#[derive(Clone, Copy)]
enum RequestStage {
    Lines(LineKind),
    /// This many bytes of a body are left.
    Body(u64),
    /// This many bytes of a chunk and its line break are left.
    Chunk(u64),
    /// Not watched: frames of a socket, or something that hyper refuses by itself.
    Unwatched,
}

/// What a line is part of.
#[derive(Clone, Copy)]
enum LineKind {
    /// Before the request line, where empty lines are skipped.
    Before,
    Head,
    ChunkSize,
    Trailer,
}

/// The line being read.
#[derive(Default)]
struct HeadLine {
    start: [u8; LINE_BYTES_KEPT],
    length: usize,
    ends_in_cr: bool,
}

/// What a head says about its body.
#[derive(Default, Clone, Copy)]
struct Head {
    length: Option<u64>,
    is_chunked: bool,
    is_upgrade: bool,
}

impl Default for Framing {
    fn default() -> Self {
        Self {
            stage: RequestStage::Lines(LineKind::Before),
            line: HeadLine::default(),
            head: Head::default(),
        }
    }
}

impl Framing {
    /// Follows incoming bytes, in place.
    pub fn watch(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let taken = match self.stage {
                RequestStage::Unwatched => return,
                RequestStage::Lines(place) => self.read(place, bytes),
                RequestStage::Body(left) => self.skip(
                    left,
                    bytes.len(),
                    RequestStage::Body,
                    RequestStage::Lines(LineKind::Before),
                ),
                RequestStage::Chunk(left) => self.skip(
                    left,
                    bytes.len(),
                    RequestStage::Chunk,
                    RequestStage::Lines(LineKind::ChunkSize),
                ),
            };
            bytes = &mut bytes[taken..];
        }
    }

    fn skip(
        &mut self,
        left: u64,
        here: usize,
        more: fn(u64) -> RequestStage,
        then: RequestStage,
    ) -> usize {
        let taken = left.min(here as u64);
        self.stage = if taken == left { then } else { more(left - taken) };
        taken as usize
    }

    /// Reads up to the end of the line, or everything there is.
    fn read(&mut self, place: LineKind, bytes: &mut [u8]) -> usize {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.line.push(bytes);
            return bytes.len();
        };
        self.line.push(&bytes[..end]);
        let line = std::mem::take(&mut self.line);
        self.stage = match line.ends_in_cr.then(|| self.next(place, &line)).flatten() {
            Some(stage) => stage,
            None => {
                // No head and no chunk size may contain NUL: hyper refuses it.
                bytes[end] = 0;
                RequestStage::Unwatched
            }
        };
        end + 1
    }

    /// What comes after this line; `None` if the line is ambiguous.
    fn next(&mut self, place: LineKind, line: &HeadLine) -> Option<RequestStage> {
        let is_empty = line.length == 1;
        match place {
            LineKind::Before if is_empty => Some(RequestStage::Lines(LineKind::Before)),
            LineKind::Before => Some(RequestStage::Lines(LineKind::Head)),
            LineKind::Head if is_empty => Some(std::mem::take(&mut self.head).body()),
            LineKind::Head => self.head.read(line).then_some(RequestStage::Lines(LineKind::Head)),
            LineKind::ChunkSize => match line.chunk_size()? {
                0 => Some(RequestStage::Lines(LineKind::Trailer)),
                size => Some(RequestStage::Chunk(size.saturating_add(2))),
            },
            LineKind::Trailer if is_empty => Some(RequestStage::Lines(LineKind::Before)),
            LineKind::Trailer => Some(RequestStage::Lines(LineKind::Trailer)),
        }
    }
}

impl HeadLine {
    fn push(&mut self, bytes: &[u8]) {
        let kept = self.length.min(LINE_BYTES_KEPT);
        let more = bytes.len().min(LINE_BYTES_KEPT - kept);
        self.start[kept..kept + more].copy_from_slice(&bytes[..more]);
        self.length += bytes.len();
        if let Some(last) = bytes.last() {
            self.ends_in_cr = *last == b'\r';
        }
    }

    /// The line without its end, unless it is longer than what is kept.
    fn whole(&self) -> Option<&str> {
        let text = self.start.get(..self.length)?;
        std::str::from_utf8(text.strip_suffix(b"\r")?).ok()
    }

    fn is_named(&self, name: &str) -> bool {
        let kept = &self.start[..self.length.min(LINE_BYTES_KEPT)];
        kept.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes()))
            && kept.get(name.len()) == Some(&b':')
    }

    fn value(&self) -> Option<&str> {
        self.whole()?.split_once(':').map(|(_, value)| value.trim_matches([' ', '\t']))
    }

    /// The hexadecimal number before any extensions.
    fn chunk_size(&self) -> Option<u64> {
        let end = self.start.iter().position(|byte| matches!(byte, b'\r' | b';' | b' ' | b'\t'))?;
        let digits = std::str::from_utf8(&self.start[..end]).ok()?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
        u64::from_str_radix(digits, 16).ok()
    }
}

impl Head {
    /// Notes a header; false if it contradicts another, or if a proxy may read it differently.
    fn read(&mut self, line: &HeadLine) -> bool {
        if line.is_named("content-length") {
            let digits = line.value().filter(|value| value.bytes().all(|b| b.is_ascii_digit()));
            let length = digits.and_then(|digits| digits.parse().ok());
            let is_first = self.length.is_none() && !self.is_chunked;
            self.length = length;
            is_first && length.is_some()
        } else if line.is_named("transfer-encoding") {
            let is_first = self.length.is_none() && !self.is_chunked;
            self.is_chunked = true;
            is_first && line.value().is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
        } else {
            self.is_upgrade |= line.is_named("upgrade");
            true
        }
    }

    fn body(self) -> RequestStage {
        match (self.is_upgrade, self.is_chunked, self.length) {
            (true, _, _) => RequestStage::Unwatched,
            (false, true, _) => RequestStage::Lines(LineKind::ChunkSize),
            (false, false, None | Some(0)) => RequestStage::Lines(LineKind::Before),
            (false, false, Some(length)) => RequestStage::Body(length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What these bytes become when they arrive in pieces of this size.
    fn watched(bytes: &str, piece: usize) -> String {
        let (mut framing, mut bytes) = (Framing::default(), bytes.as_bytes().to_vec());
        bytes.chunks_mut(piece).for_each(|piece| framing.watch(piece));
        String::from_utf8(bytes).expect("only NUL was put in")
    }

    const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    #[test]
    fn proper_requests_pass_untouched_however_they_arrive() {
        let chunked = "POST / HTTP/1.1\r\nTRANSFER-encoding:\tChunked \r\n\r\n\
             1\r\n\n\r\nA;x=\"y\"\r\n0123\n56789\r\n0\r\nX: y\r\n\r\n";
        let sized = "POST / HTTP/1.1\r\nContent-Length: 5\r\nX-Content-Length: 6\r\n\r\n\n\n\n\n\n";
        let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(200));
        let all = format!("\r\n{GET}{chunked}{GET}{sized}{long}{GET}");
        let socket = format!("{all}GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\n\n\0\n");
        for piece in [1, 2, 3, 7, 32, 64, 10_000] {
            assert_eq!(watched(&socket, piece), socket, "{piece}");
        }
    }

    #[test]
    fn an_ambiguous_line_is_spoilt_with_a_nul_at_its_end() {
        let post = |headers: &str| format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n");
        for (bad, at) in [
            ("GET / HTTP/1.1\nHost: x\r\n\r\n".to_owned(), 14),
            ("\nGET / HTTP/1.1\r\n\r\n".to_owned(), 0),
            (post("Content-Length: 1\r\nContent-Length: 1"), 54),
            (post("Content-Length: 1\r\nTransfer-Encoding: chunked"), 63),
            (post("Transfer-Encoding: chunked\r\nContent-Length: 1"), 63),
            (post("Transfer-Encoding: gzip, chunked"), 50),
            (post(&format!("Content-Length: {}", "1".repeat(60))), 94),
        ] {
            for piece in [1, 5, 10_000] {
                let all = format!("{GET}{bad}{GET}");
                let mut expected = all.clone().into_bytes();
                expected[GET.len() + at] = 0;
                assert_eq!(watched(&all, piece).into_bytes(), expected, "{bad:?}");
            }
        }
    }
}
