//! When no file descriptors are left, accepting waits without spinning, and goes on once there are
//! some again. The log says so once, and once when it is over.

use crate::support::{Database, PATIENCE, Person, Program};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const FILES: u32 = 64;
const TOLD: &str = "connections cannot be accepted";
const OVER: &str = "connections are accepted again";

#[tokio::test(flavor = "multi_thread")]
async fn without_file_descriptors_accepting_waits_and_then_goes_on() {
    let program = Program::with_files(&Database::new().await, FILES);
    let base = program.base();
    let address = base.strip_prefix("http://").unwrap();
    let held: Vec<_> = (0..2 * FILES).map(|_| TcpStream::connect(address).unwrap()).collect();
    program.lines(TOLD, 1).await;
    let (began, before) = (Instant::now(), program.processor_time());
    // Each of these lets another one in, so that for a moment there is room.
    let mut held = held.into_iter();
    for _ in 0..10 {
        drop(held.next());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (took, spent) = (began.elapsed(), program.processor_time() - before);
    assert!(spent < took / 4, "{spent:?} of {took:?}");
    drop(held);
    let nobody = Person::at(base);
    let answer = tokio::time::timeout(PATIENCE, nobody.get("/healthz")).await;
    answer.expect("in time").expect(200);
    program.lines(OVER, 1).await;
    let said = program.stop();
    for text in [TOLD, OVER] {
        assert_eq!(said.iter().filter(|line| line.contains(text)).count(), 1, "{said:#?}");
    }
}
