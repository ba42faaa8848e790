//! Whole runs against a tiny chat server that is either faithful or faulty: the checker must pass the
//! first and catch the second.

use crate::report::Report;
use crate::server::Server;
use crate::tally::Tally;
use crate::users::User;
use crate::{Cli, Scenario, fanout, idle};
use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;

/// What the server does wrong with one message to its first reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Swallows,
    Doubles,
    Swaps,
    SwallowsTheLast,
    NeverAcknowledges,
    AcknowledgesTwice,
    Refuses,
    Closes,
    SwallowsAChange,
    SwallowsTheLastChange,
    DoublesAChange,
    SwapsChanges,
    ChangesWhatIsNotThere,
    NeverAcknowledgesAChange,
}

const SPOILED: u64 = 5;
const MESSAGES: u64 = 40;
/// Of 40 that are written, with a quarter of edits and as many reactions.
const CHANGES: u64 = 19;

struct Room {
    fault: Fault,
    last_seq: u64,
    last_change: u64,
    held: Option<String>,
    readers: Vec<UnboundedSender<String>>,
}

impl Room {
    fn take(&mut self, frame: &Value) -> Vec<String> {
        match frame["type"] == "message" {
            true => self.post(frame),
            false => self.change(frame),
        }
    }

    /// What becomes of the message itself is nobody's business here.
    fn change(&mut self, frame: &Value) -> Vec<String> {
        self.last_change += 1;
        let (change, client_id) = (self.last_change, &frame["client_id"]);
        let told = |seq: &Value| {
            json!({"type": "message_changed", "id": seq, "seq": seq, "chat_id": 1, "content": "x",
                "change": change})
            .to_string()
        };
        let is_spoiled = change == SPOILED;
        for (place, reader) in self.readers.iter().enumerate() {
            let first = place == 0;
            let copies = match self.fault {
                Fault::SwallowsAChange if first && is_spoiled => 0,
                Fault::SwallowsTheLastChange if first && change == CHANGES => 0,
                Fault::DoublesAChange if first && is_spoiled => 2,
                Fault::SwapsChanges if first && is_spoiled => {
                    self.held = Some(told(&frame["seq"]));
                    0
                }
                Fault::ChangesWhatIsNotThere if first && is_spoiled => {
                    reader.send(told(&json!(self.last_seq + 1))).unwrap();
                    1
                }
                _ => 1,
            };
            (0..copies).for_each(|_| reader.send(told(&frame["seq"])).unwrap());
            if let Some(held) = self.held.take_if(|_| first && change > SPOILED) {
                reader.send(held).unwrap();
            }
        }
        let ack = json!({"type": "ack", "client_id": client_id, "chat_id": 1, "seq": frame["seq"],
            "change": change});
        match self.fault {
            Fault::NeverAcknowledgesAChange if change == SPOILED => Vec::new(),
            _ => vec![ack.to_string()],
        }
    }

    fn post(&mut self, draft: &Value) -> Vec<String> {
        if self.fault == Fault::Refuses && self.last_seq + 1 == SPOILED {
            self.fault = Fault::None;
            let client_id = &draft["client_id"];
            return vec![
                json!({"type": "error", "code": "rate_limited", "client_id": client_id})
                    .to_string(),
            ];
        }
        self.last_seq += 1;
        let (seq, client_id) = (self.last_seq, &draft["client_id"]);
        let message = json!({"type": "message", "id": seq, "seq": seq, "chat_id": 1,
            "chat_type": "general", "content": draft["content"], "client_id": client_id});
        for (place, reader) in self.readers.iter().enumerate() {
            let first = place == 0;
            let copies = match self.fault {
                Fault::Swallows if first && seq == SPOILED => 0,
                Fault::SwallowsTheLast if first && seq == MESSAGES => 0,
                Fault::Doubles if first && seq == SPOILED => 2,
                Fault::Swaps if first && seq == SPOILED => {
                    self.held = Some(message.to_string());
                    0
                }
                _ => 1,
            };
            (0..copies).for_each(|_| reader.send(message.to_string()).unwrap());
            if let Some(held) = self.held.take_if(|_| first && seq > SPOILED) {
                reader.send(held).unwrap();
            }
        }
        let ack = json!({"type": "ack", "client_id": client_id, "chat_id": 1, "seq": seq});
        let acks = match self.fault {
            Fault::NeverAcknowledges if seq == SPOILED => 0,
            Fault::AcknowledgesTwice if seq == SPOILED => 2,
            _ => 1,
        };
        vec![ack.to_string(); acks]
    }
}

async fn converse(stream: TcpStream, room: Rc<RefCell<Room>>) {
    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    let (sender, mut outbox) = unbounded_channel();
    let welcome = json!({"type": "welcome",
        "chats": [{"chat_id": 1, "last_seq": room.borrow().last_seq}]});
    sender.send(welcome.to_string()).unwrap();
    room.borrow_mut().readers.push(sender.clone());
    loop {
        tokio::select! {
            Some(text) = outbox.recv() => {
                if room.borrow().fault == Fault::Closes && text.contains("\"seq\":5") {
                    return;
                }
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
            frame = socket.next() => {
                let Some(Ok(Message::Text(text))) = frame else { return };
                let draft = serde_json::from_str(&text).unwrap();
                let answers = room.borrow_mut().take(&draft);
                answers.into_iter().for_each(|answer| sender.send(answer).unwrap());
            }
        }
    }
}

async fn serve(fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let room = Room { fault, last_seq: 0, last_change: 0, held: None, readers: Vec::new() };
    let room = Rc::new(RefCell::new(room));
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(converse(stream, room.clone()));
        }
    });
    address
}

fn run(fault: Fault, arguments: &str) -> Report {
    run_at(async || serve(fault).await, arguments)
}

fn run_at(server: impl AsyncFnOnce() -> SocketAddr, arguments: &str) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let server = Server::at(server().await, None);
        let cli =
            Cli::try_parse_from(format!("snug-load {arguments} --settle 0").split(' ')).unwrap();
        let users = [User { token: "token".into() }];
        let tally = Tally::new().unwrap();
        let report = match &cli.scenario {
            Scenario::Idle(args) => idle::run(args, &server, &users, &tally).await,
            Scenario::Fanout(args) => fanout::run(args, &server, &users, &tally).await,
            Scenario::Burst(args) => fanout::flat_out(args, &server, &users, &tally).await,
            Scenario::Connect(args) => crate::connect::run(args, &server, &users, &tally).await,
            _ => unreachable!("the tiny server only knows one chat"),
        };
        report.unwrap()
    })
}

fn fanout(fault: Fault) -> Report {
    run(fault, "fanout --sockets 3 --publishers 1 --rate 2000 --messages 40")
}

#[test]
fn a_faithful_server_gets_a_clean_report() {
    let report = fanout(Fault::None);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.sent, report.acknowledged), (MESSAGES, MESSAGES));
    assert_eq!(report.deliveries, 3 * MESSAGES);
    assert!(report.delivery_micros.is_some() && report.ack_micros.is_some());
}

/// A closed loop of one, so that every change finds a message that it can be made of.
fn changing(fault: Fault, window: usize) -> Report {
    let shares = "--messages 40 --edits 0.25 --reactions 0.25";
    run(fault, &format!("burst --sockets 3 --publishers 1 --window {window} {shares}"))
}

#[test]
fn changes_are_counted_beside_messages() {
    let report = changing(Fault::None, 1);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.sent, report.changed), (MESSAGES, CHANGES));
    assert_eq!(report.acknowledged, MESSAGES - CHANGES);
    assert_eq!(report.deliveries, 3 * MESSAGES);
    assert!(report.ack_micros.is_some() && report.change_micros.is_some());
}

#[test]
fn a_change_that_is_lost_doubled_or_out_of_order_is_found() {
    for (fault, counts) in [
        (Fault::SwallowsAChange, (1, 0, 0)),
        (Fault::SwallowsTheLastChange, (1, 0, 0)),
        (Fault::DoublesAChange, (0, 1, 0)),
        (Fault::SwapsChanges, (0, 0, 1)),
        (Fault::ChangesWhatIsNotThere, (0, 0, 1)),
    ] {
        let report = changing(fault, 1);
        assert!(!report.is_clean(), "{fault:?}");
        assert_eq!((report.lost, report.doubled, report.out_of_order), counts, "{fault:?}");
    }
    let report = changing(Fault::NeverAcknowledgesAChange, 2);
    assert!(!report.is_clean());
    assert_eq!(report.unacknowledged, 1);
}

/// The floor is measured like a server, so it must behave like one.
#[test]
fn the_floor_loses_nothing_and_keeps_one_order() {
    let listener = crate::floor::listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    // It serves until the tests end.
    std::thread::spawn(move || crate::floor::serve(&listener));
    let arguments = "burst --sockets 20 --publishers 4 --window 8 --messages 2000";
    let report = run_at(async || address, arguments);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.deliveries, 20 * report.acknowledged);
    assert!(report.acknowledged >= 2_000 && report.ack_micros.is_some());
    assert_eq!(run_at(async || address, "connect --sockets 300").sockets, 300);
}

#[test]
fn a_closed_loop_fills_its_window() {
    let arguments = "burst --sockets 4 --publishers 2 --window 8 --messages 40";
    let report = run(Fault::None, arguments);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.deliveries, 4 * MESSAGES);
}

#[test]
fn one_token_is_enough_for_the_rooms_of_one_creator() {
    let people = |rooms: usize| {
        let arguments = format!("snug-load --token t ingest --rooms {rooms}");
        let cli = Cli::try_parse_from(arguments.split(' ')).unwrap();
        let server = Server::at("127.0.0.1:1".parse().unwrap(), None);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(crate::people(&cli, &server))
    };
    assert_eq!(people(200).map(|users| users.len()).ok(), Some(1));
    let refused = people(201).err().map(|stop| stop.to_string()).unwrap_or_default();
    assert!(refused.contains("the tokens of 2 users"), "{refused}");
}

#[test]
fn idle_sockets_stay_open() {
    let report = run(Fault::None, "idle --sockets 50 --seconds 1");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.sockets, 50);
}

#[test]
fn a_swallowed_message_is_a_loss() {
    let report = fanout(Fault::Swallows);
    assert!(!report.is_clean());
    assert_eq!((report.lost, report.doubled, report.out_of_order), (1, 0, 0));
}

#[test]
fn a_swallowed_last_message_is_a_loss_too() {
    let report = fanout(Fault::SwallowsTheLast);
    assert!(!report.is_clean());
    assert_eq!((report.lost, report.doubled, report.out_of_order), (1, 0, 0));
}

#[test]
fn a_doubled_message_is_found() {
    let report = fanout(Fault::Doubles);
    assert!(!report.is_clean());
    assert_eq!((report.lost, report.doubled, report.out_of_order), (0, 1, 0));
}

#[test]
fn two_swapped_messages_are_found() {
    let report = fanout(Fault::Swaps);
    assert!(!report.is_clean());
    assert_eq!((report.lost, report.doubled, report.out_of_order), (0, 0, 1));
}

#[test]
fn an_acknowledgement_that_never_comes_or_comes_twice_is_found() {
    let never = fanout(Fault::NeverAcknowledges);
    assert!(!never.is_clean());
    assert_eq!(never.unacknowledged, 1);
    let twice = fanout(Fault::AcknowledgesTwice);
    assert!(!twice.is_clean());
    assert_eq!(twice.acknowledged_twice, 1);
}

#[test]
fn a_refusal_is_reported_and_is_not_a_loss() {
    let report = fanout(Fault::Refuses);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.refused.get("rate_limited"), Some(&1));
    assert_eq!(report.acknowledged, MESSAGES - 1);
}

#[test]
fn a_closed_socket_is_reported() {
    let report = fanout(Fault::Closes);
    assert!(!report.is_clean());
    assert!(report.closed > 0 && report.first_close.is_some());
}
