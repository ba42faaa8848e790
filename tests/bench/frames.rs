//! The frame codec: a client's masked frame, parsed in place, and a message encoded as JSON in its
//! frame.

use crate::message;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use snug::live::frame_parser::{Step, next};
use snug::model::wire::{MessageJson, Run};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn masked(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | 127];
    frame.extend((payload.len() as u64).to_be_bytes());
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

#[divan::bench(args = [20, 200, 4_000, 60_000])]
fn read_a_masked_frame(bencher: Bencher<'_, '_>, length: usize) {
    let frame = masked(&vec![b'x'; length]);
    bencher.counter(BytesCount::new(length)).with_inputs(|| frame.clone()).bench_local_refs(
        |frame| match next(frame, &mut None).unwrap() {
            Step::Frame { bytes, .. } => bytes,
            Step::Incomplete => unreachable!("the frame is whole"),
        },
    );
}

#[divan::bench(args = [1, 16, 512])]
fn write_a_run_of_messages(bencher: Bencher<'_, '_>, count: i64) {
    let messages: Vec<_> = (1..=count).map(message).collect();
    bencher.counter(ItemsCount::new(messages.len())).bench_local(|| Run::of(&messages));
}

#[divan::bench]
fn write_the_json_of_a_message(bencher: Bencher<'_, '_>) {
    let json = MessageJson(message(1));
    bencher.bench_local(|| serde_json::to_vec(&json));
}
