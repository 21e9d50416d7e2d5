//! The one file of the crate that turns a mapped pointer into references.
//!
//! A mapping is shared with processes that the borrow checker cannot see, so no `&mut` and no plain
//! value may ever be derived from it: both would promise the compiler that nobody else writes. This
//! file hands out `&T` only for types made of `AtomicU64` and nothing else, within bounds, aligned.
//! Everything built on top is safe code.
//!
//! Space is allocated before it is mapped. A sparse file would turn a full disk into a SIGBUS at
//! some later store; here it is an `io::Error` at construction.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use memmap2::{MmapOptions, MmapRaw};

use super::deployment::DeploymentWords;
use super::layout::Header;
use super::metrics::Cell;
use super::worker::WorkerSlot;

/// A type that may be viewed inside a mapping.
///
/// # Safety
/// The type is `AtomicU64`, or a `repr(C)` struct whose fields are `AtomicU64`, arrays of it, or
/// such structs: any bit pattern is a valid value, and every access is atomic.
pub(super) unsafe trait Shared {}

// SAFETY: the type itself.
unsafe impl Shared for AtomicU64 {}
// SAFETY: `repr(C)`, fields are `AtomicU64` and arrays of it.
unsafe impl Shared for Header {}
// SAFETY: `repr(C)`, fields are `AtomicU64`, arrays of it and histograms of it.
unsafe impl Shared for WorkerSlot {}
// SAFETY: `repr(C)`, fields are `AtomicU64` and arrays of it.
unsafe impl Shared for DeploymentWords {}
// SAFETY: `repr(C)`, fields are `AtomicU64`, arrays of it and histograms of it.
unsafe impl Shared for Cell {}

/// A shared, writable mapping of a whole file, or of anonymous memory.
pub(super) struct Mapping {
    raw: MmapRaw,
}

impl Mapping {
    /// Creates the file (it must not exist; links are not followed; only the owner may read it),
    /// gives it `length` bytes of real, zeroed space and maps it. On failure no file stays behind.
    pub(super) fn create(path: &Path, length: usize) -> io::Result<(File, Self)> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)?;
        let mapped = allocate(&file, length).and_then(|()| Self::of(&file, length));
        match mapped {
            Ok(mapping) => Ok((file, mapping)),
            Err(error) => {
                let _ = std::fs::remove_file(path);
                Err(error)
            }
        }
    }

    /// Maps an existing regular file whole.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "not a regular file",
            ));
        }
        let length = usize::try_from(metadata.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "file too large to map"))?;
        Self::of(&file, length)
    }

    /// Memory of this process alone.
    pub(super) fn anonymous(length: usize) -> io::Result<Self> {
        Ok(Self {
            raw: MmapRaw::from(MmapOptions::new().len(length).map_anon()?),
        })
    }

    fn of(file: &File, length: usize) -> io::Result<Self> {
        if length == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "file is empty"));
        }
        Ok(Self {
            raw: MmapOptions::new().len(length).map_raw(file)?,
        })
    }

    /// Bytes mapped.
    pub(super) fn len(&self) -> usize {
        self.raw.len()
    }

    /// `count` values of `T` that start `offset` bytes into the mapping.
    ///
    /// # Panics
    /// When the range leaves the mapping or is misaligned: offsets come from the layout of this
    /// program, which `open` has compared with the file, so either is a bug.
    pub(super) fn slice<T: Shared>(&self, offset: usize, count: usize) -> &[T] {
        let bytes = count
            .checked_mul(size_of::<T>())
            .and_then(|size| size.checked_add(offset));
        assert!(
            bytes.is_some_and(|end| end <= self.raw.len()),
            "range leaves the mapping"
        );
        let start = self.raw.as_ptr().wrapping_add(offset);
        assert!(start.addr() % align_of::<T>() == 0, "range is misaligned");
        // SAFETY: the range lies inside the mapping and is aligned (checked above); the memory is
        // initialised (zeroed by the kernel) and stays mapped for the lifetime of `&self`; `T`
        // consists of atomics (contract of `Shared`), so other processes that write to the same
        // bytes through their own mappings do not race in the sense of the memory model. The space
        // was allocated at creation and nobody of this program shortens a mapped file.
        unsafe { std::slice::from_raw_parts(start.cast::<T>(), count) }
    }

    /// One value of `T`; see `slice`.
    pub(super) fn one<T: Shared>(&self, offset: usize) -> &T {
        &self.slice(offset, 1)[0]
    }

    /// Writes the pages of a range to stable storage and waits for it. Never call it on the path
    /// of a request.
    pub(super) fn flush(&self, offset: usize, length: usize) -> io::Result<()> {
        self.raw.flush_range(offset, length)
    }
}

/// Gives the file `length` bytes of space that later stores cannot run out of.
#[cfg(target_os = "linux")]
fn allocate(file: &File, length: usize) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let length = libc::off_t::try_from(length)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "length out of range"))?;
    loop {
        // SAFETY: a plain system call on a descriptor that `file` keeps open; no memory is passed.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) } {
            0 => return Ok(()),
            libc::EINTR => {}
            code => return Err(io::Error::from_raw_os_error(code)),
        }
    }
}

/// Gives the file `length` bytes of space by writing them: not every system has a call for it.
#[cfg(not(target_os = "linux"))]
fn allocate(mut file: &File, length: usize) -> io::Result<()> {
    use std::io::Write;
    let zeros = [0_u8; 65536];
    let mut left = length;
    while left > 0 {
        let part = left.min(zeros.len());
        file.write_all(&zeros[..part])?;
        left -= part;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract of `Shared`, as far as sizes can show it: words only, whole cache lines.
    #[test]
    fn shared_structs_are_whole_cache_lines() {
        for (size, align) in [
            (size_of::<Header>(), align_of::<Header>()),
            (size_of::<WorkerSlot>(), align_of::<WorkerSlot>()),
            (size_of::<DeploymentWords>(), align_of::<DeploymentWords>()),
            (size_of::<Cell>(), align_of::<Cell>()),
        ] {
            assert_eq!((size % 64, align), (0, 64));
        }
    }

    #[test]
    #[should_panic(expected = "range leaves the mapping")]
    fn a_range_beyond_the_end_is_refused() {
        let mapping = Mapping::anonymous(4096).unwrap();
        mapping.slice::<AtomicU64>(4096 - 8, 2);
    }

    #[test]
    #[should_panic(expected = "range leaves the mapping")]
    fn a_count_that_overflows_is_refused() {
        let mapping = Mapping::anonymous(4096).unwrap();
        mapping.slice::<AtomicU64>(0, usize::MAX / 4);
    }

    #[test]
    #[should_panic(expected = "misaligned")]
    fn a_misaligned_range_is_refused() {
        let mapping = Mapping::anonymous(4096).unwrap();
        mapping.slice::<AtomicU64>(4, 1);
    }
}
