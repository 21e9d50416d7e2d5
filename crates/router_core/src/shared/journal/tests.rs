//! What is written is read, whatever happens to the file in between.

use std::borrow::Cow;
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::record::{decode, Encoded, MAX_SIZE, SETTLEMENT_SIZE};
use super::segment::{frame_size, HEADER_SIZE};
use super::*;
use crate::shared::tests::Folder;
use crate::shared::StateFile;
use crate::types::{Boundary, Level, Outcome, Route};

const ID: RecordId = RecordId {
    instance: 0xabc,
    slot: 3,
    epoch: 0x1f,
    sequence: 256,
    attempt: 1,
};

fn start(sequence: u64) -> StartRecord<'static> {
    StartRecord {
        id: RecordId { sequence, ..ID },
        wall_ns: 1,
        route: Route::Embeddings,
        level: Level::Regulated,
        ceiling: Boundary::Organization,
        stream: true,
        key: 9,
        model: Cow::Borrowed("agent-router"),
        deployment: 77,
        deployment_name: Cow::Borrowed("local/qwen3"),
        estimated_prompt_tokens: 12,
        max_tokens: 34,
    }
}

fn settlement(sequence: u64) -> SettlementRecord {
    SettlementRecord {
        id: RecordId { sequence, ..ID },
        wall_ns: 2,
        outcome: Outcome::Stalled,
        status: 200,
        flags: SettlementFlags {
            usage_reported: true,
            content_sent: false,
            fallback: true,
        },
        prompt_tokens: 1,
        completion_tokens: 2,
        cached_tokens: 3,
        reasoning_tokens: 4,
        ttft_us: 5,
        duration_us: 6,
        bytes_sent: 7,
        cost_nanos: -1,
    }
}

fn writer(folder: &Folder) -> JournalWriter {
    JournalWriter::open(folder.path(), ID.instance, ID.slot, ID.epoch, MIN_SEGMENT).unwrap()
}

fn read(path: &Path) -> SegmentPart {
    read_segment(path, 0, usize::MAX).unwrap()
}

/// The records of all segments in the order of their names.
fn read_all(folder: &Folder) -> Vec<Record> {
    let mut paths: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().flat_map(|path| read(path).records).collect()
}

#[test]
fn ids_and_names_are_printed_as_agreed() {
    assert_eq!(ID.to_string(), "0000000000000abc-3-1f-100");
    let folder = Folder::new();
    let path = writer(&folder).path();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert_eq!(name, "0000000000000abc-0003-0000001f-00000000.journal");
    assert_eq!(
        SegmentName::parse(name).map(|name| (name.slot, name.segment)),
        Some((3, 0))
    );
}

#[test]
fn records_come_back_in_order_while_the_writer_lives_and_after() {
    let folder = Folder::new();
    let journal = writer(&folder);
    let path = journal.path();
    assert_eq!(
        (read(&path).records, read(&path).tail),
        (Vec::new(), Tail::Clean)
    );
    journal.append_start(&start(1)).unwrap();
    journal.append_settlement(&settlement(1)).unwrap();
    journal.sync().unwrap();
    let part = read(&path);
    assert_eq!(
        part.records,
        [Record::Start(start(1)), Record::Settlement(settlement(1))]
    );
    assert_eq!((part.tail, part.info.unwrap().sealed), (Tail::Clean, None));
    journal.append_start(&start(2)).unwrap();
    let more = read_segment(&path, part.next_offset, 10).unwrap();
    assert_eq!(more.records, [Record::Start(start(2))]);
    journal.close().unwrap();
    journal.close().unwrap();
    let part = read_segment(&path, more.next_offset, 10).unwrap();
    assert_eq!((part.records.len(), part.tail), (0, Tail::Sealed));
    assert_eq!(
        fs::metadata(&path).unwrap().len(),
        part.next_offset,
        "unused space is given back"
    );
    assert!(journal.append_settlement(&settlement(2)).is_err(), "closed");
    assert_eq!(journal.records(), 3);
}

#[test]
fn a_limit_is_kept_and_reading_goes_on_from_there() {
    let folder = Folder::new();
    let journal = writer(&folder);
    for sequence in 0..10 {
        journal.append_settlement(&settlement(sequence)).unwrap();
    }
    let (mut offset, mut seen) = (0, Vec::new());
    loop {
        let part = read_segment(&journal.path(), offset, 3).unwrap();
        assert!(part.records.len() <= 3);
        seen.extend(part.records);
        offset = part.next_offset;
        if part.tail != Tail::More {
            break;
        }
    }
    assert_eq!(
        seen,
        (0..10)
            .map(|sequence| Record::Settlement(settlement(sequence)))
            .collect::<Vec<_>>()
    );
}

#[test]
fn segments_follow_each_other_prepared_or_not() {
    for prepared in [false, true] {
        let folder = Folder::new();
        let journal = writer(&folder);
        let mut made = 0;
        for sequence in 0..2_000 {
            journal.append_start(&start(sequence)).unwrap();
            journal.append_settlement(&settlement(sequence)).unwrap();
            if prepared && journal.prepare().unwrap() {
                made += 1;
            }
        }
        assert_eq!(made > 2, prepared);
        journal.close().unwrap();
        let expected: Vec<Record> = (0..2_000)
            .flat_map(|sequence| {
                [
                    Record::Start(start(sequence)),
                    Record::Settlement(settlement(sequence)),
                ]
            })
            .collect();
        assert_eq!(read_all(&folder), expected);
        for entry in fs::read_dir(folder.path()).unwrap() {
            let part = read(&entry.unwrap().path());
            assert_eq!(part.tail, Tail::Sealed);
            assert!(
                !part.records.is_empty(),
                "a prepared segment that was not needed is removed"
            );
        }
    }
}

#[test]
fn a_removed_folder_is_made_again_and_no_record_in_it_is_lost() {
    let folder = Folder::new();
    let writer = writer(&folder);
    for sequence in 0..5 {
        writer.append_start(&start(sequence)).unwrap();
    }
    fs::remove_dir_all(folder.path()).unwrap();
    writer.append_settlement(&settlement(0)).unwrap();
    assert!(writer.prepare().unwrap());
    writer.append_settlement(&settlement(1)).unwrap();
    assert_eq!(read_all(&folder).len(), 7);
    assert!(!writer.prepare().unwrap(), "once is enough");
    writer.close().unwrap();
    assert_eq!(read_all(&folder).len(), 7);
}

#[test]
fn an_epoch_has_one_journal() {
    let folder = Folder::new();
    let _first = writer(&folder);
    let second = JournalWriter::open(folder.path(), ID.instance, ID.slot, ID.epoch, MIN_SEGMENT);
    assert_eq!(
        second.err().map(|error| error.kind()),
        Some(ErrorKind::AlreadyExists)
    );
}

#[test]
fn without_space_starts_are_refused_and_settlements_are_not() {
    let folder = Folder::new();
    let journal = writer(&folder);
    // No further segment can be made: there is a file in the place of the folder.
    fs::remove_dir_all(folder.path()).unwrap();
    fs::write(folder.path(), "").unwrap();
    let mut open = 0;
    while journal.append_start(&start(open)).is_ok() {
        open += 1;
    }
    assert!(open > 100);
    assert!(journal.prepare().is_err());
    for sequence in 0..open {
        journal.append_settlement(&settlement(sequence)).unwrap();
    }
    // It recovers by itself when there is space again.
    fs::remove_file(folder.path()).unwrap();
    fs::create_dir_all(folder.path()).unwrap();
    journal.append_start(&start(open)).unwrap();
    assert_eq!(journal.records(), 2 * open + 1);
}

#[test]
fn more_attempts_than_a_segment_can_settle_are_refused() {
    let folder = Folder::new();
    let journal = writer(&folder);
    let mut open = 0;
    while journal.append_start(&start(open)).is_ok() {
        open += 1;
    }
    let room = (MIN_SEGMENT - HEADER_SIZE) / frame_size(SETTLEMENT_SIZE);
    assert!(
        (room as u64 - 3..=room as u64).contains(&open),
        "{open} of {room}"
    );
    for sequence in 0..open {
        journal.append_settlement(&settlement(sequence)).unwrap();
    }
}

#[test]
fn threads_append_whole_records() {
    let folder = Folder::new();
    let journal = writer(&folder);
    std::thread::scope(|scope| {
        for thread in 0..3_u64 {
            let journal = &journal;
            scope.spawn(move || {
                for sequence in 0..500 {
                    journal
                        .append_start(&start(thread << 32 | sequence))
                        .unwrap();
                    journal
                        .append_settlement(&settlement(thread << 32 | sequence))
                        .unwrap();
                }
            });
        }
        for _ in 0..20 {
            journal.prepare().unwrap();
            journal.sync().unwrap();
        }
    });
    journal.close().unwrap();
    let records = read_all(&folder);
    assert_eq!(records.len(), 3_000);
    for thread in 0..3 {
        let of_thread: Vec<u64> = records
            .iter()
            .filter_map(|record| match record {
                Record::Start(start) => Some(start.id.sequence),
                Record::Settlement(_) => None,
            })
            .filter(|sequence| sequence >> 32 == thread)
            .map(|sequence| sequence & 0xffff)
            .collect();
        assert_eq!(of_thread, (0..500).collect::<Vec<_>>());
    }
}

#[test]
fn damage_behind_the_last_record_is_told_apart() {
    let folder = Folder::new();
    let journal = writer(&folder);
    journal.append_settlement(&settlement(1)).unwrap();
    journal.append_settlement(&settlement(2)).unwrap();
    let path = journal.path();
    let good = fs::read(&path).unwrap();
    let second = HEADER_SIZE + frame_size(SETTLEMENT_SIZE);
    let end = HEADER_SIZE + 2 * frame_size(SETTLEMENT_SIZE);
    let copy = folder.file("copy");
    let check = |rule: &str, bytes: &[u8], count: usize, tail: Tail| {
        fs::write(&copy, bytes).unwrap();
        let part = read(&copy);
        assert_eq!((part.records.len(), part.tail), (count, tail), "{rule}");
    };
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        changed
    };
    check("as written", &good, 2, Tail::Clean);
    check("cut at the end of a record", &good[..end], 2, Tail::Clean);
    check("cut inside a record", &good[..end - 1], 1, Tail::Torn);
    check(
        "cut inside a frame word",
        &good[..second + 4],
        1,
        Tail::Clean,
    );
    check(
        "a record's bytes changed",
        &with(second + 9, &[0xff]),
        1,
        Tail::Torn,
    );
    check(
        "a checksum changed",
        &with(second + 4, &[0xff]),
        1,
        Tail::Torn,
    );
    check(
        "a length out of range",
        &with(end, &[0xff; 8]),
        2,
        Tail::Torn,
    );
    check(
        "a length without a record",
        &with(end, &[60, 0, 0, 0, 1, 2, 3, 4]),
        2,
        Tail::Torn,
    );
    check(
        "a payload without its word",
        &with(end + 8, &[0xee; 50]),
        2,
        Tail::Clean,
    );
    check("a header cut", &good[..HEADER_SIZE - 1], 0, Tail::Torn);
    check("an empty file", &[], 0, Tail::Clean);
    check(
        "a header not yet written",
        &with(0, &[0; 8]),
        0,
        Tail::Clean,
    );
    fs::write(&copy, with(0, b"JUNKJUNK")).unwrap();
    assert_eq!(
        read_segment(&copy, 0, 1).err().map(|error| error.kind()),
        Some(ErrorKind::InvalidData)
    );
    for offset in [1, 8, 65, 1 << 40] {
        assert_eq!(
            read_segment(&path, offset, 1)
                .err()
                .map(|error| error.kind()),
            Some(ErrorKind::InvalidInput)
        );
    }
}

fn any_id() -> impl Strategy<Value = RecordId> {
    (
        any::<u64>(),
        any::<u16>(),
        any::<u32>(),
        any::<u64>(),
        any::<u8>(),
    )
        .prop_map(|(instance, slot, epoch, sequence, attempt)| RecordId {
            instance,
            slot,
            epoch,
            sequence,
            attempt,
        })
}

proptest! {
    #[test]
    fn starts_survive_and_long_names_are_cut_at_a_character(
        id in any_id(), numbers: [u64; 3], small: [u32; 2], route in 0_u8..3, level in 0_u8..3, ceiling in 0_u8..3,
        stream: bool, model in "\\PC{0,200}", name in "\\PC{0,200}",
    ) {
        let record = StartRecord {
            id, wall_ns: numbers[0], route: Route::from_u8(route).unwrap(), level: Level::from_u8(level).unwrap(),
            ceiling: Boundary::from_u8(ceiling).unwrap(), stream, key: numbers[1], model: Cow::Owned(model),
            deployment: numbers[2], deployment_name: Cow::Owned(name), estimated_prompt_tokens: small[0],
            max_tokens: small[1],
        };
        let encoded = Encoded::start(&record);
        prop_assert!(encoded.bytes().len() <= MAX_SIZE);
        let Some(Record::Start(read)) = decode(encoded.bytes()) else { panic!("not a start") };
        for (long, short) in [(&record.model, &read.model), (&record.deployment_name, &read.deployment_name)] {
            prop_assert!(long.starts_with(&**short));
            prop_assert!(short.len() == long.len() || (NAME_LIMIT - 3..=NAME_LIMIT).contains(&short.len()));
        }
        let (model, deployment_name) = (record.model.clone(), record.deployment_name.clone());
        prop_assert_eq!(StartRecord { model, deployment_name, ..read }, record);
    }

    #[test]
    fn settlements_survive(
        id in any_id(), wide: [u64; 3], small: [u32; 5], cost_nanos: i64, status: u16, outcome in 0..Outcome::COUNT as u8,
        flags: [bool; 3],
    ) {
        let record = SettlementRecord {
            id, wall_ns: wide[0], outcome: Outcome::from_u8(outcome).unwrap(), status,
            flags: SettlementFlags { usage_reported: flags[0], content_sent: flags[1], fallback: flags[2] },
            prompt_tokens: small[0], completion_tokens: small[1], cached_tokens: small[2], reasoning_tokens: small[3],
            ttft_us: small[4], duration_us: wide[1], bytes_sent: wide[2], cost_nanos,
        };
        let encoded = Encoded::settlement(&record);
        prop_assert_eq!(encoded.bytes().len(), SETTLEMENT_SIZE);
        prop_assert_eq!(decode(encoded.bytes()), Some(Record::Settlement(record)));
    }

    #[test]
    fn random_records_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 0_u8..4) {
        decode(&bytes);
        decode(&[&[kind], &bytes[..]].concat());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn random_files_never_panic_and_keep_what_was_whole(
        count in 0_u64..20, cut in 0_usize..3_000, garbage in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let folder = Folder::new();
        let journal = writer(&folder);
        for sequence in 0..count {
            journal.append_settlement(&settlement(sequence)).unwrap();
        }
        let mut bytes = fs::read(journal.path()).unwrap();
        let cut = HEADER_SIZE + cut;
        bytes.truncate(cut);
        bytes.extend(garbage);
        let copy = folder.file("copy");
        fs::write(&copy, bytes).unwrap();
        let part = read(&copy);
        let whole = (count as usize).min((cut - HEADER_SIZE) / frame_size(SETTLEMENT_SIZE));
        // Garbage that happens to be a record would need a fitting checksum.
        prop_assert_eq!(part.records.len(), whole);
    }

    #[test]
    fn files_of_random_bytes_are_read_or_refused(
        magic: bool, bytes in prop::collection::vec(any::<u8>(), 0..2_000), offset in 0_u64..300,
    ) {
        let folder = Folder::new();
        let path = folder.file("random");
        let mut bytes = bytes;
        if magic && bytes.len() >= HEADER_SIZE {
            bytes[..HEADER_SIZE].fill(0);
            bytes[..8].copy_from_slice(b"hgwjrnl\x01");
        }
        fs::write(&path, &bytes).unwrap();
        if let Ok(part) = read_segment(&path, offset * 8, usize::MAX) {
            prop_assert!(part.records.is_empty());
        }
    }
}

#[test]
fn only_the_first_record_after_a_rest_rings_the_bell() {
    let folder = Folder::new();
    let path = folder.file("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let reader = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(&path)
        .unwrap();
    let rung = || {
        let mut bytes = [0; 16];
        match (&reader).read(&mut bytes) {
            Ok(count) => count,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                0
            }
        }
    };
    let state = Arc::new(StateFile::anonymous(1, 1).unwrap());
    let bell = Bell::open(Arc::clone(&state), &path).unwrap();
    let writer = JournalWriter::open(folder.path(), 1, 0, 1, MIN_SEGMENT)
        .unwrap()
        .with_bell(bell);
    assert_eq!(rung(), 0, "an empty journal has nothing to flush");
    writer.append_start(&start(1)).unwrap();
    writer.append_settlement(&settlement(1)).unwrap();
    assert_eq!(rung(), 1);
    state.set_flushing(true);
    writer.append_start(&start(2)).unwrap();
    assert_eq!(rung(), 0, "it will look by itself");
    state.set_flushing(false);
    writer.append_settlement(&settlement(2)).unwrap();
    assert_eq!(rung(), 1);
    state.set_flushing(false);
    fs::remove_file(writer.path()).unwrap();
    assert!(writer.prepare().unwrap());
    assert_eq!(
        rung(),
        1,
        "what is written again has to reach the disk again"
    );
}
