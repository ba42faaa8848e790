//! When no file descriptors are left, accepting waits without spinning, and goes on once there are
//! some again. The log says so once, and once when it is over. Nothing else is taken for gone meanwhile that
//! cannot be seen, and the service manager is told all the time that we live.

use crate::support::{Database, PATIENCE, Person, Program, directory, put_cluster, with_files};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

const FILES: u32 = 64;
const TOLD: &str = "connections cannot be accepted";
const OVER: &str = "connections are accepted again";

/// Connections that take all its files, until they are dropped.
async fn exhaust(program: &Program) -> Vec<TcpStream> {
    let base = program.base();
    let address = base.strip_prefix("http://").unwrap();
    let held = (0..2 * FILES).map(|_| TcpStream::connect(address).unwrap()).collect();
    program.lines(TOLD, 1).await;
    held
}

/// For a second, drops some of them: each lets another one in, so that for a moment there is room.
async fn let_go_of_some(held: Vec<TcpStream>) -> Vec<TcpStream> {
    let mut held = held.into_iter();
    for _ in 0..10 {
        drop(held.next());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    held.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_file_descriptors_accepting_waits_and_then_goes_on() {
    let program = Program::with_files(&Database::new().await, FILES, &[]);
    let held = exhaust(&program).await;
    let (began, before) = (Instant::now(), program.processor_time());
    let held = let_go_of_some(held).await;
    let (took, spent) = (began.elapsed(), program.processor_time() - before);
    assert!(spent < took / 4, "{spent:?} of {took:?}");
    drop(held);
    let nobody = Person::at(program.base());
    let answer = tokio::time::timeout(PATIENCE, nobody.get("/healthz")).await;
    answer.expect("in time").expect(200);
    program.lines(OVER, 1).await;
    let said = program.stop();
    for text in [TOLD, OVER] {
        assert_eq!(said.iter().filter(|line| line.contains(text)).count(), 1, "{said:#?}");
    }
}

/// Otherwise the service manager would end a service that is only crowded.
#[tokio::test(flavor = "multi_thread")]
async fn without_file_descriptors_the_watchdog_is_fed() {
    let scratch = directory();
    let path = scratch.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let settings = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "300000")];
    let program = Program::with_files(&Database::new().await, FILES, &settings);
    let held = exhaust(&program).await;
    manager.set_nonblocking(true).unwrap();
    while manager.recv(&mut [0; 1_024]).is_ok() {}
    manager.set_nonblocking(false).unwrap();
    for _ in 0..5 {
        manager.recv(&mut [0; 1_024]).expect("it says that it lives");
    }
    drop(held);
    let said = program.stop();
    assert!(!said.iter().any(|line| line.contains("cannot notify")), "{said:#?}");
}

/// A PostgreSQL that a killed snug has left is watched by looking at it.
#[tokio::test(flavor = "multi_thread")]
async fn without_file_descriptors_postgresql_is_not_taken_for_gone() {
    let scratch = directory();
    let data = scratch.path().join("data");
    put_cluster(&data);
    let before = Program::start_in(&data, &[]);
    before.base();
    // Killed, so that its PostgreSQL goes on.
    drop(before);
    let program = Program::start_wrapped(&data, &[], |program| with_files(FILES, program));
    program.line("adopted PostgreSQL");
    let held = exhaust(&program).await;
    drop(let_go_of_some(held).await);
    program.lines(OVER, 1).await;
    let said = program.stop();
    assert!(!said.iter().any(|line| line.contains("PostgreSQL ended")), "{said:#?}");
}
