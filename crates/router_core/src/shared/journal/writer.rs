//! The writer of one worker.
//!
//! Appends are serialised by a mutex. A lock-free reservation would be faster under contention but
//! wrong under `kill -9`: a writer that dies between reserving and publishing would leave a hole,
//! and a reader must stop at a hole. There is hardly any contention: a worker decides on one
//! thread, and only large bodies on a second; the lock is held for the copy of some 200 bytes.
//!
//! A start is accepted only if the ends of all attempts in flight still fit, and what becomes of their
//! answers. A full disk therefore stops new requests, never the accounts of those that already ran.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::bell::Bell;
use super::end::{DISPOSAL_SIZE, END_SIZE};
use super::name::SegmentName;
use super::segment::{frame_size, Segment, HEADER_SIZE};
use super::{DecisionRecord, DisposalRecord, EndRecord, RefusalRecord, StartRecord};

/// Smallest segment: holds the ends of some 400 attempts in flight.
pub const MIN_SEGMENT: usize = 64 * 1024;
/// Largest segment.
pub const MAX_SEGMENT: usize = 1 << 30;

/// Room that an attempt in flight is owed.
const OWED_END: usize = frame_size(END_SIZE);
/// Room that an answer is owed of which it is not known whether it will be sent.
const OWED_DISPOSAL: usize = frame_size(DISPOSAL_SIZE);

/// Filled segments that may wait for `prepare` to give their unused space back.
const MAX_RETIRED: usize = 4;

/// There is no space for a record.
#[derive(Debug)]
pub struct JournalFull(pub io::Error);

impl std::fmt::Display for JournalFull {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the journal has no space: {}", self.0)
    }
}

impl std::error::Error for JournalFull {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Appends the records of one worker in one epoch.
pub struct JournalWriter {
    folder: PathBuf,
    first: SegmentName,
    segment_bytes: usize,
    /// The process that opened the journal: a fork inherits the writer and must not seal it.
    process: u32,
    /// Absent where nothing sleeps until a record is written.
    bell: Option<Bell>,
    state: Mutex<State>,
}

struct State {
    /// `None` once the journal is closed.
    current: Option<Arc<Segment>>,
    path: PathBuf,
    /// End of the last frame in `current`.
    used: usize,
    next: Option<Segment>,
    next_number: u32,
    retired: Vec<(Arc<Segment>, usize)>,
    /// Bytes kept free for the ends of attempts in flight and for what becomes of their answers.
    owed: usize,
    records: u64,
    folder_changed: bool,
}

impl JournalWriter {
    /// Creates the first segment in `folder`, which exists. `segment_bytes` is brought into the
    /// range `MIN_SEGMENT..=MAX_SEGMENT`.
    ///
    /// # Errors
    /// No space, no permission, or `AlreadyExists` when this slot and epoch already have a journal.
    pub fn open(
        folder: &Path,
        instance: u64,
        slot: u16,
        epoch: u32,
        segment_bytes: usize,
    ) -> io::Result<Self> {
        let first = SegmentName {
            instance,
            slot,
            epoch,
            segment: 0,
        };
        let segment_bytes = segment_bytes.clamp(MIN_SEGMENT, MAX_SEGMENT);
        let current = Segment::create(folder, first, segment_bytes)?;
        let state = State {
            path: current.path().to_path_buf(),
            current: Some(Arc::new(current)),
            used: HEADER_SIZE,
            next: None,
            next_number: 1,
            retired: Vec::new(),
            owed: 0,
            records: 0,
            folder_changed: true,
        };
        Ok(Self {
            folder: folder.to_path_buf(),
            first,
            segment_bytes,
            process: std::process::id(),
            bell: None,
            state: Mutex::new(state),
        })
    }

    /// Has every record ring `bell`.
    #[must_use]
    pub fn with_bell(mut self, bell: Bell) -> Self {
        self.bell = Some(bell);
        self
    }

    /// Called behind every write, without the lock.
    fn written(&self) {
        if let Some(bell) = &self.bell {
            bell.written();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock leaves the state half changed if it panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn create(&self, segment: u32) -> io::Result<Segment> {
        Segment::create(
            &self.folder,
            SegmentName {
                segment,
                ..self.first
            },
            self.segment_bytes,
        )
    }

    /// Records what was decided, before the first start of the request.
    ///
    /// # Errors
    /// No space for it and for the ends of all attempts in flight.
    pub fn append_decision(&self, record: &DecisionRecord<'_>) -> Result<(), JournalFull> {
        self.append_free(record.encode().bytes())
    }

    /// Records that a request was refused after it was admitted.
    ///
    /// # Errors
    /// No space for it and for the ends of all attempts in flight.
    pub fn append_refusal(&self, record: &RefusalRecord) -> Result<(), JournalFull> {
        self.append_free(record.encode().bytes())
    }

    /// Records the start of an attempt.
    ///
    /// # Errors
    /// No space for it and for the ends of all attempts in flight.
    pub fn append_start(&self, record: &StartRecord<'_>) -> Result<(), JournalFull> {
        let encoded = record.encode();
        let mut state = self.lock();
        let owed = state.owed + OWED_END + OWED_DISPOSAL;
        self.append(&mut state, encoded.bytes(), owed)?;
        state.owed = owed;
        drop(state);
        self.written();
        Ok(())
    }

    /// Records the end of an attempt whose start was recorded here. Unless it says what became of the
    /// answer, [`JournalWriter::append_disposal`] has to follow.
    ///
    /// # Errors
    /// The writer is closed; or no space, which can only happen without a start.
    pub fn append_end(&self, record: &EndRecord) -> Result<(), JournalFull> {
        let encoded = record.encode();
        let mut state = self.lock();
        self.append(&mut state, encoded.bytes(), 0)?;
        let disposed = if record.disposal.is_some() {
            OWED_DISPOSAL
        } else {
            0
        };
        state.owed = state.owed.saturating_sub(OWED_END + disposed);
        drop(state);
        self.written();
        Ok(())
    }

    /// Records what became of an answer whose end did not say so.
    ///
    /// # Errors
    /// As [`JournalWriter::append_end`].
    pub fn append_disposal(&self, record: &DisposalRecord) -> Result<(), JournalFull> {
        let encoded = record.encode();
        let mut state = self.lock();
        self.append(&mut state, encoded.bytes(), 0)?;
        state.owed = state.owed.saturating_sub(OWED_DISPOSAL);
        drop(state);
        self.written();
        Ok(())
    }

    /// Appends a record that nothing has to follow.
    fn append_free(&self, record: &[u8]) -> Result<(), JournalFull> {
        let mut state = self.lock();
        let owed = state.owed;
        self.append(&mut state, record, owed)?;
        drop(state);
        self.written();
        Ok(())
    }

    /// Appends a record if `reserve` bytes remain behind it; moves to the next segment if need be.
    fn append(&self, state: &mut State, record: &[u8], reserve: usize) -> Result<(), JournalFull> {
        let full = |text| Err(JournalFull(io::Error::other(text)));
        let Some(mut current) = state.current.clone() else {
            return full("it is closed");
        };
        let needed = frame_size(record.len()) + reserve;
        if current.capacity() - state.used < needed {
            if needed > self.segment_bytes - HEADER_SIZE {
                return full("too many attempts in flight for one segment");
            }
            let next = match state.next.take() {
                Some(prepared) => prepared,
                None => {
                    let number = state.take_number();
                    self.create(number).map_err(JournalFull)?
                }
            };
            current = state.rotate(current, next);
        }
        state.used = current.append(state.used, record);
        state.records += 1;
        Ok(())
    }

    /// Makes the next segment ready once the current one is half full, gives back what filled
    /// segments did not use, and writes the current one again if somebody removed it. Call it
    /// regularly, off the path of requests; returns whether a segment was made.
    ///
    /// # Errors
    /// No space. Nothing is lost, and the next call tries again.
    pub fn prepare(&self) -> io::Result<bool> {
        if self.restore()? {
            self.written();
            return Ok(true);
        }
        let (number, retired) = {
            let mut state = self.lock();
            let half_full = state
                .current
                .as_ref()
                .is_some_and(|it| state.used >= it.capacity() / 2);
            let number = (half_full && state.next.is_none()).then(|| state.take_number());
            (number, std::mem::take(&mut state.retired))
        };
        give_back(retired)?;
        let Some(number) = number else {
            return Ok(false);
        };
        let segment = self.create(number)?;
        let mut state = self.lock();
        // Segments follow each other in the order of their numbers: if the path of a request could
        // not wait and made a later one, this one comes too late.
        if state.current.is_none() || state.next_number != number.wrapping_add(1) {
            drop(state);
            segment.remove()?;
            return Ok(false);
        }
        state.next = Some(segment);
        state.folder_changed = true;
        Ok(true)
    }

    /// Makes the folder and the current segment again where they were removed; its records are still
    /// in memory. What was written to filled segments before is gone with them.
    fn restore(&self) -> io::Result<bool> {
        let mut state = self.lock();
        let Some(lost) = state.current.clone() else {
            return Ok(false);
        };
        if !lost.is_removed()? {
            return Ok(false);
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        let number = state.take_number();
        let segment = self.create(number)?;
        segment.take_frames(&lost, state.used);
        state.path = segment.path().to_path_buf();
        state.current = Some(Arc::new(segment));
        state.next = None;
        state.folder_changed = true;
        Ok(true)
    }

    /// Writes all records to stable storage and waits for it: what a power failure can take is what
    /// was appended since. Call it off the path of requests; appending goes on meanwhile.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn sync(&self) -> io::Result<()> {
        let (parts, folder_changed) = {
            let mut state = self.lock();
            let mut parts = state.retired.clone();
            parts.extend(state.current.clone().map(|current| (current, state.used)));
            (parts, std::mem::take(&mut state.folder_changed))
        };
        for (segment, used) in parts {
            segment.sync(used)?;
        }
        if folder_changed {
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(())
    }

    /// The file that receives the next record, or that received the last one.
    pub fn path(&self) -> PathBuf {
        self.lock().path.clone()
    }

    /// Records written so far.
    pub fn records(&self) -> u64 {
        self.lock().records
    }

    /// Seals the journal: no record follows. Unused space and unused files are given back.
    ///
    /// # Errors
    /// Whatever the file system says; the journal is closed anyhow.
    pub fn close(&self) -> io::Result<()> {
        let (next, retired) = {
            let mut state = self.lock();
            let used = state.used;
            let mut retired = std::mem::take(&mut state.retired);
            if let Some(current) = state.current.take() {
                current.seal(used);
                retired.push((current, used));
            }
            (state.next.take(), retired)
        };
        if let Some(next) = next {
            next.remove()?;
        }
        give_back(retired)?;
        self.sync()
    }
}

/// Brings filled segments to stable storage and returns the space that they did not use. A segment
/// that `sync` still holds keeps it: that is harmless.
fn give_back(retired: Vec<(Arc<Segment>, usize)>) -> io::Result<()> {
    for (segment, used) in retired {
        segment.sync(used)?;
        if let Some(segment) = Arc::into_inner(segment) {
            segment.trim(used)?;
        }
    }
    Ok(())
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            let _ = self.close();
        }
    }
}

impl State {
    fn take_number(&mut self) -> u32 {
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        number
    }

    /// Seals the filled segment and goes on in `next`.
    fn rotate(&mut self, filled: Arc<Segment>, next: Segment) -> Arc<Segment> {
        filled.seal(self.used);
        if self.retired.len() == MAX_RETIRED {
            self.retired.remove(0);
        }
        self.retired.push((filled, self.used));
        self.used = HEADER_SIZE;
        self.path = next.path().to_path_buf();
        self.folder_changed = true;
        let next = Arc::new(next);
        self.current = Some(Arc::clone(&next));
        next
    }
}
