//! Publishing through the registry: telling all shards of a run, and the shards taking it in.

use crate::message;
use divan::Bencher;
use snug::limits::MEDIUM;
use snug::model::wire::Run;
use snug::registry::{Inbox, Registry};
use std::sync::Arc;

#[divan::bench(args = [1, 2, 8])]
fn tell_the_shards_of_a_run(bencher: Bencher<'_, '_>, shards: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let inboxes: Vec<Arc<Inbox>> =
        (0..shards).map(|_| Arc::new(Inbox::new(MEDIUM.inbox_bytes))).collect();
    let registry = Registry::new(inboxes.clone(), None);
    let run = Arc::new(Run::of(&[message(1)]).unwrap());
    bencher.bench_local(|| {
        runtime.block_on(registry.publish(vec![Arc::clone(&run)], Vec::new()));
        inboxes.iter().map(|inbox| inbox.take(Vec::new()).len()).sum::<usize>()
    });
}
