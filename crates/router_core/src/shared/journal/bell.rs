//! Wakes the housekeeper when there is something to flush.
//!
//! While it flushes at its interval a writer only reads one word of the state file; the first record
//! after a rest costs one system call. A pipe in the run folder and not a signal or an inherited
//! descriptor: it has a name that processes of any start method can open, and what is written while
//! nobody reads stays in it for the next reader.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use crate::shared::StateFile;

/// The writer's end of the pipe and the word that says whether it is needed.
pub struct Bell {
    state: Arc<StateFile>,
    pipe: File,
}

impl Bell {
    /// Opens a named pipe that exists.
    ///
    /// # Errors
    /// There is none, or no permission.
    pub fn open(state: Arc<StateFile>, path: &Path) -> io::Result<Self> {
        // Opened for both directions, it needs no reader to be there, and no write ends in SIGPIPE.
        let pipe = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW)
            .open(path)?;
        Ok(Self { state, pipe })
    }

    /// Something was written. Never waits.
    pub(super) fn written(&self) {
        if self.state.must_wake_flusher() {
            // A pipe that is full wakes its reader just as well.
            let _ = (&self.pipe).write(&[1]);
        }
    }
}
