//! Fields of a record as bytes: little-endian, one after the other, without padding.
//!
//! A later version appends fields to a record, and never moves one. So a reader takes what it knows, in
//! order; what stands behind that belongs to a later version and is passed over, and what is missing was
//! not yet written by an earlier one and reads as 0 (`*_or_0`).

use std::borrow::Cow;

use super::record::RecordId;

/// Longest name that a record keeps, in bytes; longer ones are cut.
pub const NAME_LIMIT: usize = 128;

/// Kind and record id, with which every record begins.
pub(super) const ID_SIZE: usize = 1 + 8 + 2 + 4 + 8 + 1;

/// The bytes of one record, on the stack; `ROOM` is what its kind takes at most.
pub(super) struct Encoded<const ROOM: usize> {
    bytes: [u8; ROOM],
    length: usize,
}

impl<const ROOM: usize> Encoded<ROOM> {
    pub(super) fn new(kind: u8, id: &RecordId) -> Self {
        let mut encoded = Self {
            bytes: [0; ROOM],
            length: 0,
        };
        encoded.u8(kind);
        encoded.u64(id.instance);
        encoded.u16(id.slot);
        encoded.u32(id.epoch);
        encoded.u64(id.sequence);
        encoded.u8(id.attempt);
        encoded
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.put(&value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }

    pub(super) fn name(&mut self, name: &str) {
        let mut length = name.len().min(NAME_LIMIT);
        while !name.is_char_boundary(length) {
            length -= 1;
        }
        self.u8(length as u8);
        self.put(&name.as_bytes()[..length]);
    }

    /// A list: its length, then each item. Items beyond `most` are left out.
    pub(super) fn list<T: Copy>(&mut self, items: &[T], most: usize, put: impl Fn(&mut Self, T)) {
        let items = &items[..items.len().min(most)];
        self.u8(items.len() as u8);
        for item in items {
            put(self, *item);
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Reads fields off the front of a record.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Names were whole characters when they were written; what is not is shown as far as it is.
    pub(super) fn name(&mut self) -> Option<Cow<'a, str>> {
        let length = usize::from(self.u8()?);
        Some(String::from_utf8_lossy(self.take(length)?))
    }

    /// A list, of which each item is read by `read`.
    pub(super) fn list<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u8()?;
        (0..count).map(|_| read(self)).collect()
    }

    pub(super) fn u8_or_0(&mut self) -> u8 {
        self.u8().unwrap_or(0)
    }

    pub(super) fn u32_or_0(&mut self) -> u32 {
        self.u32().unwrap_or(0)
    }

    pub(super) fn u64_or_0(&mut self) -> u64 {
        self.u64().unwrap_or(0)
    }
}
