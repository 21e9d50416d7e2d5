//! What is written is read, whatever happens to the file in between.

use std::borrow::Cow;
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::end::{DISPOSAL_SIZE, END_SIZE};
use super::record::decode;
use super::segment::{frame_size, HEADER_SIZE};
use super::*;
use crate::shared::tests::Folder;
use crate::shared::StateFile;
use crate::types::{BoundSource, Boundary, Level, Now, Outcome, Reason, Refusal, Route, Stage};

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
        route: Route::Embeddings.into(),
        level: Level::Regulated.into(),
        ceiling: Boundary::Organization.into(),
        stream: true,
        key: 9,
        model: Cow::Borrowed("agent-router"),
        deployment: 77,
        deployment_name: Cow::Borrowed("local/qwen3"),
        estimated_prompt_tokens: 12,
        max_tokens: 34,
        more: StartMore {
            tier: Cow::Borrowed("local"),
            reason: Some(Reason::Failover.into()),
            config: 3,
            task: 4,
            rule: 5,
            prices: 6,
            agent: 7,
            end_user: 8,
            trace: Trace {
                trace: [9; 16],
                span: [10; 8],
            },
            accounts: Cow::Borrowed(&[11, 12]),
        },
    }
}

fn end(sequence: u64) -> EndRecord {
    EndRecord {
        id: RecordId { sequence, ..ID },
        wall_ns: 2,
        outcome: Outcome::Stalled.into(),
        status: 200,
        flags: EndFlags {
            usage_reported: true,
            content_sent: false,
            fallback: true,
            others: 0,
        },
        prompt_tokens: 1,
        completion_tokens: 2,
        cached_tokens: 3,
        reasoning_tokens: 4,
        ttft_us: 5,
        duration_us: 6,
        bytes_sent: 7,
        cost_nanos: -1,
        cache_write_tokens: 8,
        verdict: 9,
        disposal: Some(Disposal::Discarded.into()),
    }
}

fn writer(folder: &Folder) -> JournalWriter {
    JournalWriter::open(folder.path(), ID.instance, ID.slot, ID.epoch, MIN_SEGMENT).unwrap()
}

fn read(path: &Path) -> SegmentPart {
    read_segment(path, 0, usize::MAX).unwrap()
}

/// The records of all segments in the order of their names.
fn read_all(folder: &Folder) -> Vec<Record<'static>> {
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
    journal.append_end(&end(1)).unwrap();
    journal.sync().unwrap();
    let part = read(&path);
    assert_eq!(part.records, [Record::Start(start(1)), Record::End(end(1))]);
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
    assert!(journal.append_end(&end(2)).is_err(), "closed");
    assert_eq!(journal.records(), 3);
}

#[test]
fn a_limit_is_kept_and_reading_goes_on_from_there() {
    let folder = Folder::new();
    let journal = writer(&folder);
    for sequence in 0..10 {
        journal.append_end(&end(sequence)).unwrap();
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
            .map(|sequence| Record::End(end(sequence)))
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
            journal.append_end(&end(sequence)).unwrap();
            if prepared && journal.prepare().unwrap() {
                made += 1;
            }
        }
        assert_eq!(made > 2, prepared);
        journal.close().unwrap();
        let expected: Vec<Record<'_>> = (0..2_000)
            .flat_map(|sequence| [Record::Start(start(sequence)), Record::End(end(sequence))])
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
    writer.append_end(&end(0)).unwrap();
    assert!(writer.prepare().unwrap());
    writer.append_end(&end(1)).unwrap();
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
fn without_space_starts_are_refused_and_ends_are_not() {
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
        journal.append_end(&end(sequence)).unwrap();
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
    let owed = frame_size(END_SIZE) + frame_size(DISPOSAL_SIZE);
    let room = (MIN_SEGMENT - HEADER_SIZE) / owed;
    assert!(
        (room as u64 - 3..=room as u64).contains(&open),
        "{open} of {room}"
    );
    for sequence in 0..open {
        journal.append_end(&end(sequence)).unwrap();
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
                    journal.append_end(&end(thread << 32 | sequence)).unwrap();
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
                _ => None,
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
    journal.append_end(&end(1)).unwrap();
    journal.append_end(&end(2)).unwrap();
    let path = journal.path();
    let good = fs::read(&path).unwrap();
    let second = HEADER_SIZE + frame_size(END_SIZE);
    let behind = HEADER_SIZE + 2 * frame_size(END_SIZE);
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
    check(
        "cut at the end of a record",
        &good[..behind],
        2,
        Tail::Clean,
    );
    check("cut inside a record", &good[..behind - 1], 1, Tail::Torn);
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
        &with(behind, &[0xff; 8]),
        2,
        Tail::Torn,
    );
    check(
        "a length without a record",
        &with(behind, &[60, 0, 0, 0, 1, 2, 3, 4]),
        2,
        Tail::Torn,
    );
    check(
        "a payload without its word",
        &with(behind + 8, &[0xee; 50]),
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

/// A frame as a writer of any version makes it.
fn frame(record: &[u8]) -> Vec<u8> {
    let word = u64::from(crc32fast::hash(record)) << 32 | record.len() as u64;
    let mut frame = word.to_le_bytes().to_vec();
    frame.extend(record);
    frame.resize(frame_size(record.len()), 0);
    frame
}

/// A segment with these frames between an end and another one.
fn with_between(frames: &[Vec<u8>]) -> SegmentPart {
    let folder = Folder::new();
    let journal = writer(&folder);
    journal.append_end(&end(1)).unwrap();
    journal.append_end(&end(2)).unwrap();
    let bytes = fs::read(journal.path()).unwrap();
    let (before, behind) = bytes.split_at(HEADER_SIZE + frame_size(END_SIZE));
    let copy = folder.file("copy");
    fs::write(&copy, [before, &frames.concat(), behind].concat()).unwrap();
    let whole = read(&copy);
    // The same, record by record: offsets are those of the file, whatever was passed over.
    let mut one_by_one = Vec::new();
    let mut offset = 0;
    loop {
        let part = read_segment(&copy, offset, 1).unwrap();
        one_by_one.extend(part.records);
        offset = part.next_offset;
        if part.tail != Tail::More {
            break;
        }
    }
    assert_eq!(
        (&one_by_one, offset),
        (&whole.records, whole.next_offset),
        "by one"
    );
    whole
}

/// The record between the two ends of [`with_between`], after what stands around it was compared.
fn between(record: &[u8]) -> Record<'static> {
    let part = with_between(&[frame(record)]);
    assert_eq!(part.tail, Tail::Clean);
    let [first, found, last] = part.records.try_into().unwrap();
    assert_eq!(
        (first, last),
        (Record::End(end(1)), Record::End(end(2))),
        "around {record:?}"
    );
    found
}

#[test]
fn what_a_later_version_wrote_costs_nothing_around_it() {
    // Kinds that are not known, of every size, and known kinds too short for what they hold.
    for size in [1, 2, 23, 24, 25, 500, 4_095, MAX_SIZE] {
        for kind in [17, 255] {
            assert_eq!(between(&vec![kind; size]), Record::Unknown(kind));
        }
    }
    for kind in 1..=5 {
        assert_eq!(between(&[kind, 0, 0]), Record::Unknown(kind));
    }
    let many = vec![frame(&vec![99; MAX_SIZE]); 20];
    assert_eq!(with_between(&many).records.len(), 22);
    // Fields that were appended.
    let longer = |record: &[u8]| [record, &[0xa5; 3_000]].concat();
    let sent = start(7);
    assert_eq!(between(&longer(sent.encode().bytes())), Record::Start(sent));
    let ended = end(7);
    assert_eq!(between(&longer(ended.encode().bytes())), Record::End(ended));
    // Words and flags without a meaning yet.
    let mut record = end(7).encode().bytes().to_vec();
    (record[32], record[33]) = (200, 0b1111_0001);
    let Record::End(read) = between(&record) else {
        panic!("not an end")
    };
    assert_eq!(read.outcome.word(), "unknown(200)");
    assert_eq!((read.flags.usage_reported, read.flags.others), (true, 0xf0));
    assert_eq!(read.encode().bytes(), record, "kept as they were");
    let mut record = start(7).encode().bytes().to_vec();
    record[32..35].fill(101);
    let Record::Start(read) = between(&record) else {
        panic!("not a start")
    };
    let words = [read.route.word(), read.level.word(), read.ceiling.word()];
    assert_eq!(words, ["unknown(101)"; 3]);
    assert_eq!(read.encode().bytes(), record);
}

#[test]
fn a_record_beyond_the_largest_is_no_record() {
    let part = with_between(&[frame(&vec![17; MAX_SIZE + 1])]);
    assert_eq!((part.records.len(), part.tail), (1, Tail::Torn));
}

/// Segments that the first version wrote, with five records each: one that was closed, and one whose
/// worker was killed, cut 64 bytes behind its last record.
const FIRST_VERSION: [(&[u8], Tail); 2] = [
    (
        include_bytes!("../../../tests/data/landed-sealed.journal"),
        Tail::Sealed,
    ),
    (
        include_bytes!("../../../tests/data/landed-killed.journal"),
        Tail::Clean,
    ),
];

#[test]
fn segments_of_the_first_version_are_read() {
    let first_start = |sequence| StartRecord {
        more: StartMore::default(),
        ..start(sequence)
    };
    let first_end = |sequence| EndRecord {
        cache_write_tokens: 0,
        verdict: 0,
        disposal: None,
        ..end(sequence)
    };
    let expected = [
        Record::Start(first_start(1)),
        Record::Start(first_start(2)),
        Record::End(first_end(1)),
        Record::Start(StartRecord {
            route: Route::OllamaEmbed.into(),
            level: Level::Public.into(),
            ceiling: Boundary::External.into(),
            stream: false,
            model: Cow::Borrowed("qwen3:0.6b é"),
            deployment_name: Cow::Borrowed(""),
            ..first_start(3)
        }),
        Record::End(EndRecord {
            outcome: Outcome::Loading.into(),
            flags: EndFlags {
                content_sent: true,
                ..EndFlags::default()
            },
            cost_nanos: 12_300_000,
            ..first_end(3)
        }),
    ];
    for (bytes, tail) in FIRST_VERSION {
        let folder = Folder::new();
        let path = folder.file("segment");
        fs::write(&path, bytes).unwrap();
        let part = read(&path);
        assert_eq!((&part.records[..], part.tail), (&expected[..], tail));
    }
}

#[test]
fn numbers_on_disk_never_change() {
    let words = |numbers: std::ops::Range<u8>, word: fn(u8) -> Cow<'static, str>| {
        numbers.map(word).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        words(0..10, |number| Known::<Stage>::of(number).word()),
        "unknown(0) capability tier privacy configuration fallbacks length complexity unknown(8) unknown(9)"
    );
    assert_eq!(
        words(0..7, |number| Known::<BoundSource>::of(number).word()),
        "unknown(0) key content hint conversation rule unknown(6)"
    );
    assert_eq!(
        words(0..9, |number| Known::<Refusal>::of(number).word()),
        "unknown(0) no_candidate policy_denied context_length_exceeded all_unavailable misconfigured upstream_auth upstream_quota unknown(8)"
    );
    assert_eq!(
        words(63..73, |number| Known::<Refusal>::of(number).word()),
        "unknown(63) invalid_api_key bad_request model_not_found not_found request_too_large overloaded forbidden other unknown(72)"
    );
    assert_eq!(
        words(0..6, |number| Known::<Fate>::of(number).word()),
        "unknown(0) kept moved removed chosen unknown(5)"
    );
    let pinned = [
        (Reason::Primary, 1),
        (Reason::RouteUnsupported, 7),
        (Reason::StartsHere, 13),
        (Reason::BreakerOpen, 17),
        (Reason::NotRetryable, 24),
        (Reason::Settled, 31),
    ];
    for (reason, number) in pinned {
        assert_eq!(reason as u8, number, "{reason:?}");
        assert_eq!(Known::<Reason>::of(number), Known::Is(reason));
    }
}

#[test]
fn an_answer_whose_fate_is_open_keeps_its_room() {
    let folder = Folder::new();
    let journal = writer(&folder);
    let held = |sequence| EndRecord {
        disposal: None,
        ..end(sequence)
    };
    let disposal = |sequence| DisposalRecord {
        id: RecordId { sequence, ..ID },
        wall_ns: 3,
        disposal: Disposal::Sent.into(),
        bytes_sent: 4,
    };
    for sequence in 0..10 {
        journal.append_start(&start(sequence)).unwrap();
        journal.append_end(&held(sequence)).unwrap();
    }
    // No further segment can be made: there is a file in the place of the folder.
    fs::remove_dir_all(folder.path()).unwrap();
    fs::write(folder.path(), "").unwrap();
    let mut open = 10;
    while journal.append_start(&start(open)).is_ok() {
        open += 1;
    }
    let refusal = RefusalRecord {
        id: ID,
        wall_ns: 1,
        cause: Refusal::PolicyDenied.into(),
        status: 0,
        unrecorded: 0,
        route: None,
        level: None,
        ceiling: None,
        key: 0,
        config: 0,
        model: 0,
        prompt_tokens: 0,
    };
    while journal.append_refusal(&refusal).is_ok() {}
    for sequence in 10..open {
        journal.append_end(&held(sequence)).unwrap();
    }
    for sequence in 0..open {
        journal.append_disposal(&disposal(sequence)).unwrap();
    }
    fs::remove_file(folder.path()).unwrap();
}

#[test]
fn refusals_before_admission_are_capped_and_the_rest_is_counted() {
    let folder = Folder::new();
    let main = writer(&folder);
    let refused = RefusedWriter::open(folder.path(), ID.instance, ID.slot, ID.epoch).unwrap();
    let record = RefusalRecord {
        id: ID,
        wall_ns: 1,
        cause: Refusal::Other.into(),
        status: 401,
        unrecorded: 0,
        route: Some(Route::Chat.into()),
        level: None,
        ceiling: None,
        key: 0,
        config: 0,
        model: 0,
        prompt_tokens: 0,
    };
    let at = |ms: u64| Now {
        mono_ns: ms * 1_000_000,
        wall_ns: 0,
    };
    let refuse = |cause, ms| refused.refuse(cause, &record, at(ms)).unwrap();
    let written = (0..250).filter(|_| refuse(Refusal::BadKey, 5_000)).count();
    assert_eq!(written as u32, PER_SECOND);
    assert!(refuse(Refusal::UnknownPage, 5_500), "each cause by itself");
    assert!(!refuse(Refusal::BadKey, 5_999) && refuse(Refusal::BadKey, 6_000));
    assert!(refuse(Refusal::BadKey, 6_001));
    refused.journal().close().unwrap();
    let part = read(&refused.journal().path());
    let found: Vec<_> = part
        .records
        .iter()
        .map(|record| match record {
            Record::Refusal(it) => (it.id.sequence, it.cause.word().into_owned(), it.unrecorded),
            other => panic!("{other:?}"),
        })
        .collect();
    let row = |sequence, cause: &str, unrecorded| (sequence, cause.to_owned(), unrecorded);
    assert_eq!(
        found[99..],
        [
            row(100, "invalid_api_key", 0),
            row(101, "not_found", 0),
            row(102, "invalid_api_key", 151),
            row(103, "invalid_api_key", 0),
        ]
    );
    assert_eq!(main.records(), 0, "the journal itself holds none");
    let names = fs::read_dir(folder.path()).unwrap();
    assert_eq!(names.count(), 2, "a segment, and the folder of refusals");
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
        id in any_id(), numbers: [u64; 6], small: [u32; 4], words: [u8; 4], task: u8,
        stream: bool, names in prop::array::uniform3("\\PC{0,200}"), trace: [u8; 16], span: [u8; 8],
        accounts in prop::collection::vec(any::<u64>(), 0..=MOST_ACCOUNTS),
    ) {
        let [model, name, tier] = names;
        let record = StartRecord {
            id, wall_ns: numbers[0], route: Known::of(words[0]), level: Known::of(words[1]),
            ceiling: Known::of(words[2]), stream, key: numbers[1], model: Cow::Owned(model),
            deployment: numbers[2], deployment_name: Cow::Owned(name), estimated_prompt_tokens: small[0],
            max_tokens: small[1],
            more: StartMore {
                tier: Cow::Owned(tier), reason: Known::some(words[3]), config: numbers[3], task, rule: small[2],
                prices: small[3], agent: numbers[4], end_user: numbers[5], trace: Trace { trace, span },
                accounts: Cow::Owned(accounts),
            },
        };
        let encoded = record.encode();
        let Record::Start(read) = decode(encoded.bytes()) else { panic!("not a start") };
        let names = |record: &StartRecord<'_>| {
            [record.model.to_string(), record.deployment_name.to_string(), record.more.tier.to_string()]
        };
        for (long, short) in names(&record).iter().zip(names(&read)) {
            prop_assert!(long.starts_with(&*short));
            prop_assert!(short.len() == long.len() || (NAME_LIMIT - 3..=NAME_LIMIT).contains(&short.len()));
        }
        let mut read = read.into_owned();
        read.model = record.model.clone();
        read.deployment_name = record.deployment_name.clone();
        read.more.tier = record.more.tier.clone();
        prop_assert_eq!(read, record);
    }

    #[test]
    fn ends_survive(
        id in any_id(), wide: [u64; 3], small: [u32; 6], cost_nanos: i64, status: u16, words: [u8; 3],
        flags: [bool; 3], others: u8,
    ) {
        let record = EndRecord {
            id, wall_ns: wide[0], outcome: Known::of(words[0]), status,
            flags: EndFlags {
                usage_reported: flags[0], content_sent: flags[1], fallback: flags[2], others: others & !7,
            },
            prompt_tokens: small[0], completion_tokens: small[1], cached_tokens: small[2], reasoning_tokens: small[3],
            ttft_us: small[4], duration_us: wide[1], bytes_sent: wide[2], cost_nanos,
            cache_write_tokens: small[5], verdict: words[1], disposal: Known::some(words[2]),
        };
        let encoded = record.encode();
        prop_assert_eq!(encoded.bytes().len(), END_SIZE);
        prop_assert_eq!(decode(encoded.bytes()), Record::End(record));
    }

    #[test]
    fn decisions_survive_and_never_take_more_than_256_bytes(
        id in any_id(), wide: [u64; 4], small: [u32; 4], words: [u8; 4], others: u8, flags: [bool; 5],
        hints: ([u16; 2], [u8; 2]), class: u8, levels: [u16; 2],
        features in prop::collection::vec(any::<u16>(), 0..=MOST_FEATURES),
        bounds in prop::collection::vec(any::<[u8; 2]>(), 0..=MOST_BOUNDS),
        candidates in prop::collection::vec(any::<([u16; 3], [u8; 5])>(), 0..MOST_CANDIDATES * 2),
    ) {
        let [stream, binding, exact, remote_media, learned] = flags;
        let candidates: Vec<_> = candidates.into_iter().map(|(wide, small)| Candidate {
            deployment: wide[0], target: small[0], fate: Known::of(small[1]), stage: Known::some(small[2]),
            reason: Known::some(small[3]), blocked: Known::some(small[4]), in_flight: wide[1], ttft_ms: wide[2],
        }).collect();
        let record = DecisionRecord {
            id, wall_ns: wide[0], draw: wide[1], config: wide[2], route: Known::of(words[0]),
            level: Known::of(words[1]), ceiling: Known::of(words[2]),
            flags: DecisionFlags { stream, binding, exact, remote_media, learned, others: others & !31 },
            key: wide[3], model: small[0], prompt_tokens: small[1], max_tokens: small[2], rule: small[3],
            hints: HintNumbers { given: hints.0[0], tier: hints.0[1], latency: hints.1[0], task: hints.1[1] },
            difficulty: Difficulty { class, score: levels[0], start: levels[1], features: Cow::Owned(features) },
            bounds: bounds.iter().map(|[source, boundary]| Bound {
                source: Known::of(*source), boundary: Known::of(*boundary),
            }).collect(),
            considered: candidates.len() as u16, candidates: Cow::Borrowed(&candidates),
        };
        let encoded = record.encode();
        prop_assert!(encoded.bytes().len() <= 256);
        let Record::Decision(read) = decode(encoded.bytes()) else { panic!("not a decision") };
        prop_assert_eq!(read.truncated(), candidates.len() > MOST_CANDIDATES);
        let kept = &candidates[..candidates.len().min(MOST_CANDIDATES)];
        prop_assert_eq!(read, DecisionRecord { candidates: Cow::Borrowed(kept), ..record });
    }

    #[test]
    fn disposals_and_refusals_survive(
        id in any_id(), wide: [u64; 3], small: [u32; 3], status: u16, words: [u8; 2], seen: [Option<u8>; 3],
    ) {
        let disposal = DisposalRecord {
            id, wall_ns: wide[0], disposal: Known::of(words[0]), bytes_sent: wide[1],
        };
        let encoded = disposal.encode();
        prop_assert_eq!(encoded.bytes().len(), DISPOSAL_SIZE);
        prop_assert_eq!(decode(encoded.bytes()), Record::Disposal(disposal));
        // The words' numbers are kept moved by one: 255 cannot be, and means nothing.
        let seen = seen.map(|number| number.filter(|number| *number < 255));
        let refusal = RefusalRecord {
            id, wall_ns: wide[0], cause: Known::of(words[1]), status, unrecorded: small[0],
            route: seen[0].map(Known::of), level: seen[1].map(Known::of), ceiling: seen[2].map(Known::of),
            key: wide[1], config: wide[2], model: small[1], prompt_tokens: small[2],
        };
        let encoded = refusal.encode();
        prop_assert_eq!(decode(encoded.bytes()), Record::Refusal(refusal));
    }

    #[test]
    fn random_records_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 0_u8..8) {
        decode(&bytes);
        decode(&[&[kind], &bytes[..]].concat());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn random_files_never_panic_and_keep_what_was_whole(
        count in 0_u64..20, cut in 0_usize..3_000, garbage in prop::collection::vec(100_u8.., 0..300),
    ) {
        let folder = Folder::new();
        let journal = writer(&folder);
        for sequence in 0..count {
            journal.append_end(&end(sequence)).unwrap();
        }
        let mut bytes = fs::read(journal.path()).unwrap();
        let cut = HEADER_SIZE + cut;
        bytes.truncate(cut);
        bytes.extend(garbage);
        let length = bytes.len();
        let copy = folder.file("copy");
        fs::write(&copy, bytes).unwrap();
        let part = read(&copy);
        // Garbage that happens to be a record would need a fitting checksum; in place of the padding
        // behind a record it does no harm.
        let (size, kept) = (frame_size(END_SIZE), cut - HEADER_SIZE);
        let whole = (0..count as usize).take_while(|position| {
            let at = position * size;
            at + size_of::<u64>() + END_SIZE <= kept && at + size <= length - HEADER_SIZE
        });
        prop_assert_eq!(part.records.len(), whole.count());
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
    writer.append_end(&end(1)).unwrap();
    assert_eq!(rung(), 1);
    state.set_flushing(true);
    writer.append_start(&start(2)).unwrap();
    assert_eq!(rung(), 0, "it will look by itself");
    state.set_flushing(false);
    writer.append_end(&end(2)).unwrap();
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
