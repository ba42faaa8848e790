//! The connections of one shard, each under an index that is used again, with a generation that is not.

use super::connection::Connection;
use crate::registry::ConnectionId;

pub struct Slab {
    shard: u16,
    slots: Vec<Slot>,
    free: Vec<u32>,
}

struct Slot {
    generation: u32,
    connection: Option<Box<Connection>>,
}

impl Slab {
    pub fn new(shard: u16) -> Self {
        Self { shard, slots: Vec::new(), free: Vec::new() }
    }

    pub fn insert(&mut self, connection: Connection) -> u32 {
        let connection = Some(Box::new(connection));
        match self.free.pop() {
            Some(index) => {
                self.slots[index as usize].connection = connection;
                index
            }
            None => {
                self.slots.push(Slot { generation: 0, connection });
                self.slots.len() as u32 - 1
            }
        }
    }

    pub fn remove(&mut self, index: u32) -> Option<Box<Connection>> {
        let slot = self.slots.get_mut(index as usize)?;
        let connection = slot.connection.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(index);
        Some(connection)
    }

    pub fn get(&mut self, index: u32) -> Option<&mut Connection> {
        self.slots.get_mut(index as usize)?.connection.as_deref_mut()
    }

    /// The connection's name, by which answers find it as long as it lives.
    pub fn id(&self, index: u32) -> ConnectionId {
        let generation = self.slots.get(index as usize).map_or(0, |slot| slot.generation);
        ConnectionId { shard: self.shard, index, generation }
    }

    /// The index of a connection that still lives.
    pub fn find(&self, id: ConnectionId) -> Option<u32> {
        let slot = self.slots.get(id.index as usize)?;
        (slot.generation == id.generation && slot.connection.is_some()).then_some(id.index)
    }

    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub fn indexes(&self) -> Vec<u32> {
        let lives =
            |(index, slot): (usize, &Slot)| slot.connection.is_some().then_some(index as u32);
        self.slots.iter().enumerate().filter_map(lives).collect()
    }
}
