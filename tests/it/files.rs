//! When no file descriptors are left, accepting waits without spinning, and goes on once there are
//! some again.

use crate::support::{Database, PATIENCE, Person, Program};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const FILES: u32 = 64;
const TOLD: &str = "connections cannot be accepted for a moment";

#[tokio::test(flavor = "multi_thread")]
async fn without_file_descriptors_accepting_waits_and_then_goes_on() {
    let program = Program::with_files(&Database::new().await, FILES);
    let base = program.base();
    let address = base.strip_prefix("http://").unwrap();
    let held: Vec<_> = (0..2 * FILES).map(|_| TcpStream::connect(address).unwrap()).collect();
    program.lines(TOLD, 2).await;
    let (began, before) = (Instant::now(), program.processor_time());
    program.lines(TOLD, 12).await;
    let (took, spent) = (began.elapsed(), program.processor_time() - before);
    // A hundred milliseconds each; a little less, because a line may have been read late.
    assert!(took > Duration::from_millis(800), "ten tries in {took:?}");
    assert!(spent < took / 4, "{spent:?} of {took:?}");
    drop(held);
    let nobody = Person::at(base);
    let answer = tokio::time::timeout(PATIENCE, nobody.get("/healthz")).await;
    answer.expect("in time").expect(200);
    program.stop();
}
