//! The connections of one shard. Each has an index, which is reused, and a generation, which is not.
//!
//! They are stored side by side in large chunks: separate allocations would each leave a long-lived
//! crumb on every page that its handshake's buffers came from (measured: 3.2 KB a socket instead of
//! 0.6).

use super::connection::Connection;
use crate::registry::ConnectionId;

pub struct Slab {
    shard: u16,
    /// Each chunk is allocated whole and then filled; only the last may have room.
    chunks: Vec<Vec<Slot>>,
    free: Vec<u32>,
}

struct Slot {
    generation: u32,
    connection: Option<Connection>,
}

/// Slots per chunk: enough that a chunk is not placed in between other allocations.
const CHUNK: usize = 1_024;

impl Slab {
    pub fn new(shard: u16) -> Self {
        Self { shard, chunks: Vec::new(), free: Vec::new() }
    }

    pub fn insert(&mut self, connection: Connection) -> u32 {
        let connection = Some(connection);
        if let Some(index) = self.free.pop() {
            if let Some(slot) = self.slot(index) {
                slot.connection = connection;
            }
            return index;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let chunk = self.chunks.last_mut().expect("there is one with room");
        chunk.push(Slot { generation: 0, connection });
        (before + chunk.len() - 1) as u32
    }

    pub fn remove(&mut self, index: u32) -> Option<Connection> {
        let slot = self.slot(index)?;
        let connection = slot.connection.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(index);
        Some(connection)
    }

    pub fn get(&mut self, index: u32) -> Option<&mut Connection> {
        self.slot(index)?.connection.as_mut()
    }

    fn slot(&mut self, index: u32) -> Option<&mut Slot> {
        let index = index as usize;
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }

    /// The connection's id, with which answers find it for as long as it lives.
    pub fn id(&self, index: u32) -> ConnectionId {
        let generation = self.peek(index).map_or(0, |slot| slot.generation);
        ConnectionId { shard: self.shard, index, generation }
    }

    /// The index of a connection that is still alive.
    pub fn find(&self, id: ConnectionId) -> Option<u32> {
        let slot = self.peek(id.index)?;
        (slot.generation == id.generation && slot.connection.is_some()).then_some(id.index)
    }

    fn peek(&self, index: u32) -> Option<&Slot> {
        let index = index as usize;
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    pub fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum::<usize>() - self.free.len()
    }

    pub fn indexes(&self) -> Vec<u32> {
        let lives =
            |(index, slot): (usize, &Slot)| slot.connection.is_some().then_some(index as u32);
        self.chunks.iter().flatten().enumerate().filter_map(lives).collect()
    }
}
