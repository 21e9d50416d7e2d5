//! Refusals that anybody on the network can cause, in segments of their own.
//!
//! A bad key or a bad body costs its sender nothing, so what it may cost the journal is bounded: at most
//! [`PER_SECOND`] records a second for each cause, the rest are counted and the next record of the cause
//! says how many. The segments lie in a folder beside the journal's, where they have a limit of their own:
//! a flood of nonsense neither displaces an account nor stops a request.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::{JournalFull, JournalWriter, Known, RecordId, RefusalRecord};
use crate::types::{Now, Refusal};

/// Records of one cause in one second.
pub const PER_SECOND: u32 = 100;
/// The folder of these segments within that of the journal.
pub const REFUSED_FOLDER: &str = "refused";

const SEGMENT_BYTES: usize = super::MIN_SEGMENT;
const NANOS: u64 = 1_000_000_000;

/// What was refused before it was admitted, by one worker.
pub struct RefusedWriter {
    journal: JournalWriter,
    id: RecordId,
    state: Mutex<State>,
}

struct State {
    sequence: u64,
    causes: [Cause; Refusal::ALL.len()],
}

#[derive(Clone, Copy, Default)]
struct Cause {
    /// The second of the monotonic clock in which `written` were.
    second: u64,
    written: u32,
    unrecorded: u32,
}

impl RefusedWriter {
    /// Creates the first segment, in a folder of its own within that of the journal.
    ///
    /// # Errors
    /// As [`JournalWriter::open`].
    pub fn open(folder: &Path, instance: u64, slot: u16, epoch: u32) -> io::Result<Self> {
        let folder = folder.join(REFUSED_FOLDER);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        Ok(Self {
            journal: JournalWriter::open(&folder, instance, slot, epoch, SEGMENT_BYTES)?,
            id: RecordId {
                instance,
                slot,
                epoch,
                sequence: 0,
                attempt: 0,
            },
            state: Mutex::new(State {
                sequence: 0,
                causes: Default::default(),
            }),
        })
    }

    /// Records a refusal, or counts it; whether it was recorded. Its id and what went unrecorded are
    /// filled in here.
    ///
    /// # Errors
    /// There is no space. It is counted.
    pub fn refuse(
        &self,
        cause: Refusal,
        record: &RefusalRecord,
        now: Now,
    ) -> Result<bool, JournalFull> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { sequence, causes } = &mut *state;
        let position = Refusal::ALL.iter().position(|one| *one == cause);
        let counts = &mut causes[position.unwrap_or_default()];
        let second = now.mono_ns / NANOS;
        if counts.second != second {
            (counts.second, counts.written) = (second, 0);
        }
        if counts.written >= PER_SECOND {
            counts.unrecorded = counts.unrecorded.saturating_add(1);
            return Ok(false);
        }
        let appended = self.journal.append_refusal(&RefusalRecord {
            id: RecordId {
                sequence: *sequence + 1,
                ..self.id
            },
            cause: Known::Is(cause),
            unrecorded: counts.unrecorded,
            ..*record
        });
        if appended.is_err() {
            counts.unrecorded = counts.unrecorded.saturating_add(1);
            return appended.map(|()| false);
        }
        *sequence += 1;
        counts.written += 1;
        counts.unrecorded = 0;
        Ok(true)
    }

    /// The writer, for its housekeeping.
    pub fn journal(&self) -> &JournalWriter {
        &self.journal
    }
}
