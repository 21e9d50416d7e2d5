//! The rules of the state machine as a table, and what must hold for any history.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::Barrier;

use proptest::prelude::*;

use super::machine::{self, backoff, Context, Event, Verdict};
use super::word::{Word, MAX_AT, MAX_CONSECUTIVE};
use super::*;

const NOW: u64 = 1_000_000;

fn at(ms: u64) -> Now {
    Now {
        mono_ns: ms * 1_000_000,
        wall_ns: 0,
    }
}

fn word(phase: Phase, opens: u32, consecutive: u32, at_ms: u64) -> Word {
    Word {
        phase,
        opens,
        consecutive,
        turn: 7,
        at_ms,
    }
}

const PROBE: Ticket = Ticket {
    turn: 7,
    probe: true,
};
const PLAIN: Ticket = Ticket {
    turn: 7,
    probe: false,
};

/// A report of request 1.
fn said(outcome: Outcome, retry_after_ms: u64) -> Report {
    Report {
        outcome,
        retry_after_ms,
        request: 1,
    }
}

/// One row: state, event, ticket, whether the window fails, and the phase, openings and failures in
/// a row that follow.
type Row = (&'static str, Word, Event, Ticket, bool, (Phase, u32, u32));

fn rows() -> Vec<Row> {
    use Event::{Hard, Neutral, Success, Throttle};
    use Phase::{Closed, HalfOpen, Open, Ramp};
    let closed = |failures| word(Closed, 0, failures, 0);
    let open = word(Open, 2, 0, NOW + 500);
    let half = word(HalfOpen, 2, 0, NOW + 500);
    let ramp = |failures| word(Ramp, 2, failures, NOW + 500);
    let over = word(Ramp, 2, 2, NOW);
    vec![
        (
            "a success forgets failures",
            closed(4),
            Success,
            PLAIN,
            false,
            (Closed, 0, 0),
        ),
        (
            "a failure counts",
            closed(3),
            Hard,
            PLAIN,
            false,
            (Closed, 0, 4),
        ),
        (
            "the fifth failure opens",
            closed(4),
            Hard,
            PLAIN,
            false,
            (Open, 1, 0),
        ),
        (
            "a failing window opens at a failure",
            closed(0),
            Hard,
            PLAIN,
            true,
            (Open, 1, 0),
        ),
        (
            "a failing window opens at a throttle",
            closed(0),
            Throttle,
            PLAIN,
            true,
            (Open, 1, 0),
        ),
        (
            "throttles are not failures in a row",
            closed(4),
            Throttle,
            PLAIN,
            false,
            (Closed, 0, 4),
        ),
        (
            "neutral news changes nothing",
            closed(4),
            Neutral,
            PLAIN,
            false,
            (Closed, 0, 4),
        ),
        (
            "an overruled success proves life",
            open,
            Success,
            PLAIN,
            false,
            (Ramp, 2, 0),
        ),
        (
            "an overruled failure proves nothing new",
            open,
            Hard,
            PLAIN,
            true,
            (Open, 2, 0),
        ),
        (
            "an overruled throttle proves nothing new",
            open,
            Throttle,
            PLAIN,
            true,
            (Open, 2, 0),
        ),
        (
            "neutral news leaves it open",
            open,
            Neutral,
            PLAIN,
            false,
            (Open, 2, 0),
        ),
        (
            "the probe succeeds",
            half,
            Success,
            PROBE,
            false,
            (Ramp, 2, 0),
        ),
        ("the probe fails", half, Hard, PROBE, false, (Open, 3, 0)),
        (
            "a throttle fails the probe",
            half,
            Throttle,
            PROBE,
            false,
            (Open, 3, 0),
        ),
        (
            "a probe that learned nothing gives way",
            half,
            Neutral,
            PROBE,
            false,
            (Open, 2, 0),
        ),
        (
            "another's success proves life",
            half,
            Success,
            PLAIN,
            false,
            (Ramp, 2, 0),
        ),
        (
            "another's failure waits for the probe",
            half,
            Hard,
            PLAIN,
            true,
            (HalfOpen, 2, 0),
        ),
        (
            "another's throttle waits for the probe",
            half,
            Throttle,
            PLAIN,
            true,
            (HalfOpen, 2, 0),
        ),
        (
            "another's neutral end waits",
            half,
            Neutral,
            PLAIN,
            false,
            (HalfOpen, 2, 0),
        ),
        (
            "a ramp goes on with a success",
            ramp(2),
            Success,
            PLAIN,
            false,
            (Ramp, 2, 0),
        ),
        (
            "a ramp bears a failure",
            ramp(0),
            Hard,
            PLAIN,
            false,
            (Ramp, 2, 1),
        ),
        (
            "a ramp bears half as many",
            ramp(2),
            Hard,
            PLAIN,
            false,
            (Open, 3, 0),
        ),
        (
            "a ramp ends at a failing window",
            ramp(0),
            Hard,
            PLAIN,
            true,
            (Open, 3, 0),
        ),
        (
            "a ramp ends at a throttled window",
            ramp(0),
            Throttle,
            PLAIN,
            true,
            (Open, 3, 0),
        ),
        (
            "a ramp bears a throttle",
            ramp(1),
            Throttle,
            PLAIN,
            false,
            (Ramp, 2, 1),
        ),
        (
            "neutral news leaves a ramp",
            ramp(1),
            Neutral,
            PLAIN,
            false,
            (Ramp, 2, 1),
        ),
        (
            "a ramp that is over is closed",
            over,
            Neutral,
            PLAIN,
            false,
            (Closed, 0, 0),
        ),
        (
            "and its history is forgotten",
            over,
            Hard,
            PLAIN,
            false,
            (Closed, 0, 1),
        ),
    ]
}

#[test]
fn every_state_and_event_has_its_row() {
    let config = BreakerConfig::default();
    let rows = rows();
    for phase in Phase::ALL {
        for event in [Event::Success, Event::Hard, Event::Throttle, Event::Neutral] {
            assert!(
                rows.iter()
                    .any(|row| row.1.phase == phase && row.2 == event),
                "{phase:?} {event:?}"
            );
        }
    }
    for (rule, before, event, ticket, failing, (phase, opens, consecutive)) in rows {
        let context = Context {
            config: &config,
            patience: config.consecutive,
            now_ms: NOW,
            draw: 0,
            failing,
            quiet_ms: 0,
        };
        let after = machine::settle(before, event, ticket, &context);
        assert_eq!(
            (after.phase, after.opens, after.consecutive),
            (phase, opens, consecutive),
            "{rule}"
        );
        let changed = machine::present(before, NOW).phase != after.phase;
        let reopened = (before.phase, after.phase) == (Phase::Open, Phase::Open);
        assert_eq!(
            after.turn != before.turn,
            changed && !reopened,
            "{rule}: turn"
        );
        assert_eq!(
            Word::unpack(after.pack()),
            after,
            "{rule}: survives packing"
        );
    }
}

#[test]
fn requests_are_admitted_by_phase_time_and_share() {
    let config = BreakerConfig::default();
    let ramp = |elapsed| word(Phase::Ramp, 1, 0, NOW + config.ramp_ms - elapsed);
    for (rule, before, draw, verdict) in [
        ("closed", word(Phase::Closed, 0, 4, 0), 0, Verdict::Closed),
        ("open", word(Phase::Open, 1, 0, NOW + 1), 0, Verdict::Open),
        (
            "open long enough",
            word(Phase::Open, 1, 0, NOW),
            0,
            Verdict::Probe,
        ),
        (
            "half open",
            word(Phase::HalfOpen, 1, 0, NOW + 1),
            0,
            Verdict::Probing,
        ),
        (
            "lease over",
            word(Phase::HalfOpen, 1, 0, NOW),
            0,
            Verdict::Probe,
        ),
        ("10 % at first", ramp(0), 9, Verdict::Ramp),
        (
            "no more than 10 % at first",
            ramp(9_999),
            10,
            Verdict::Ramping,
        ),
        ("25 % after a third", ramp(10_000), 24, Verdict::Ramp),
        ("no more than 25 %", ramp(19_999), 25, Verdict::Ramping),
        ("half after two thirds", ramp(20_000), 49, Verdict::Ramp),
        ("no more than half", ramp(29_999), 50, Verdict::Ramping),
        ("all at the end", ramp(30_000), 99, Verdict::Closed),
    ] {
        assert_eq!(
            machine::admit(before, &config, NOW, draw).1,
            verdict,
            "{rule}"
        );
    }
}

#[test]
fn openings_double_up_to_the_limit_within_the_jitter() {
    let config = BreakerConfig::default();
    for (opens, base) in [
        (1, 5_000),
        (2, 10_000),
        (3, 20_000),
        (6, 160_000),
        (7, 300_000),
        (15, 300_000),
    ] {
        assert_eq!(backoff(opens, &config, 0), base * 8 / 10, "shortest");
        assert_eq!(backoff(opens, &config, 200), base, "exact");
        assert_eq!(backoff(opens, &config, 400), base * 12 / 10, "longest");
    }
}

/// Plays a deployment that answers every attempt with `outcome`.
fn attempt(
    words: &DeploymentWords,
    config: &BreakerConfig,
    now: Now,
    outcome: Outcome,
) -> Admission {
    let admission = admit(words, config, now, 0);
    if let Admission::Closed(ticket) | Admission::Ramp(ticket) | Admission::Probe(ticket) =
        admission
    {
        record(words, config, ticket, said(outcome, 0), now, 200);
    }
    admission
}

fn refusal(admission: Admission) -> Refusal {
    match admission {
        Admission::Refused(refusal) => refusal,
        admitted => panic!("should be refused, but was {admitted:?}"),
    }
}

#[test]
fn an_outage_from_its_first_failure_to_full_traffic() {
    let (words, config) = (DeploymentWords::default(), BreakerConfig::default());
    for _ in 0..5 {
        assert!(matches!(
            attempt(&words, &config, at(NOW), Outcome::Reset),
            Admission::Closed(_)
        ));
    }
    let refused = refusal(admit(&words, &config, at(NOW), 0));
    assert_eq!(refused.why, Why::Open);
    assert!((NOW + 4_000..=NOW + 6_000).contains(&refused.until_ms));
    let later = refused.until_ms;
    assert!(matches!(
        attempt(&words, &config, at(later), Outcome::ConnectFailed),
        Admission::Probe(_)
    ));
    let again = refusal(admit(&words, &config, at(later), 0)).until_ms;
    assert!(
        (later + 8_000..=later + 12_000).contains(&again),
        "twice as long"
    );
    let Admission::Probe(probe) = admit(&words, &config, at(again), 0) else {
        panic!("no probe")
    };
    assert_eq!(
        refusal(admit(&words, &config, at(again), 0)).why,
        Why::Probing
    );
    assert_eq!(
        first_content(&words, &config, probe, at(again)).after,
        Phase::Ramp
    );
    let verdicts: Vec<bool> = (0..1_000)
        .map(|draw| matches!(admit(&words, &config, at(again), draw), Admission::Ramp(_)))
        .collect();
    let share = verdicts.iter().filter(|admitted| **admitted).count();
    assert!(
        (50..=150).contains(&share),
        "about a tenth, got {share} of 1000"
    );
    record(
        &words,
        &config,
        probe,
        said(Outcome::Success, 0),
        at(again + 5),
        0,
    );
    let closed = again + config.ramp_ms;
    assert!(matches!(
        admit(&words, &config, at(closed), 0),
        Admission::Closed(_)
    ));
    assert_eq!(view(&words, config.window_ms, at(closed)).opens, 0);
}

#[test]
fn a_probe_whose_stream_breaks_after_its_first_token_still_counts() {
    let config = BreakerConfig {
        consecutive: 1,
        ..BreakerConfig::default()
    };
    let words = DeploymentWords::default();
    attempt(&words, &config, at(NOW), Outcome::Reset);
    let due = refusal(admit(&words, &config, at(NOW), 0)).until_ms;
    let Admission::Probe(probe) = admit(&words, &config, at(due), 0) else {
        panic!("no probe")
    };
    first_content(&words, &config, probe, at(due));
    let transition = record(
        &words,
        &config,
        probe,
        said(Outcome::Stalled, 0),
        at(due + 1),
        0,
    );
    assert_eq!(
        transition,
        Transition {
            before: Phase::Ramp,
            after: Phase::Open
        }
    );
}

#[test]
fn answers_from_before_the_outage_neither_close_nor_reopen() {
    let (words, config) = (DeploymentWords::default(), BreakerConfig::default());
    let Admission::Closed(old) = admit(&words, &config, at(NOW), 0) else {
        panic!("not closed")
    };
    for _ in 0..5 {
        attempt(&words, &config, at(NOW), Outcome::Reset);
    }
    assert_eq!(
        record(&words, &config, old, said(Outcome::Success, 0), at(NOW), 0).after,
        Phase::Open
    );
    let due = refusal(admit(&words, &config, at(NOW), 0)).until_ms;
    attempt(&words, &config, at(due), Outcome::Success);
    let closed = due + config.ramp_ms;
    for _ in 0..20 {
        let transition = record(
            &words,
            &config,
            old,
            said(Outcome::Stalled, 0),
            at(closed),
            0,
        );
        assert_eq!(transition.after, Phase::Closed);
    }
    assert_eq!(view(&words, config.window_ms, at(closed)).consecutive, 0);
}

#[test]
fn a_deployment_that_fails_every_other_time_opens_by_its_window() {
    let (words, config) = (DeploymentWords::default(), BreakerConfig::default());
    let mut outcomes = [Outcome::ServerError, Outcome::Throttled, Outcome::Success]
        .into_iter()
        .cycle();
    let (mut now, mut attempts) = (NOW, 0);
    while view(&words, config.window_ms, at(now)).phase == Phase::Closed {
        // Throttles cool the deployment; the next request comes when that is over.
        now += config.throttle_ms;
        attempt(
            &words,
            &config,
            at(now),
            outcomes.next().unwrap_or(Outcome::Success),
        );
        attempts += 1;
    }
    assert_eq!(attempts, 10, "as soon as the window holds enough");
    assert!(view(&words, config.window_ms, at(now)).consecutive < config.consecutive);
}

#[test]
fn a_window_that_opened_the_breaker_does_not_open_it_again_after_recovery() {
    let (words, config) = (DeploymentWords::default(), BreakerConfig::default());
    for _ in 0..9 {
        attempt(&words, &config, at(NOW), Outcome::Success);
    }
    let mut last = NOW;
    while view(&words, config.window_ms, at(last)).phase == Phase::Closed {
        last += 1;
        attempt(&words, &config, at(last), Outcome::ServerError);
    }
    let due = refusal(admit(&words, &config, at(last), 0)).until_ms;
    attempt(&words, &config, at(due), Outcome::Success);
    let closed = due + config.ramp_ms;
    attempt(&words, &config, at(closed), Outcome::ServerError);
    assert_eq!(
        view(&words, config.window_ms, at(closed)).phase,
        Phase::Closed
    );
}

#[test]
fn a_throttled_deployment_cools_and_its_health_stays() {
    let (words, config) = (DeploymentWords::default(), BreakerConfig::default());
    let ticket = |now| match admit(&words, &config, at(now), 0) {
        Admission::Closed(ticket) => ticket,
        other => panic!("{other:?}"),
    };
    for _ in 0..3 {
        record(
            &words,
            &config,
            ticket(NOW),
            said(Outcome::Throttled, 20_000),
            at(NOW),
            0,
        );
    }
    let refused: Vec<_> = (0..1_000_u64)
        .filter_map(
            |draw| match admit(&words, &config, at(NOW + 19_999), draw) {
                Admission::Refused(refusal) => Some(refusal),
                _ => None,
            },
        )
        .collect();
    assert!(
        (400..=600).contains(&refused.len()),
        "three refusals keep half away, not {} of 1000",
        refused.len()
    );
    assert_eq!(
        (refused[0].why, refused[0].until_ms),
        (Why::Cooling, NOW + 20_000)
    );
    assert!(!refused[0].why.may_be_overruled());
    assert!(view(&words, config.window_ms, at(NOW + 19_999)).cooling);
    let later = NOW + 20_000;
    record(
        &words,
        &config,
        ticket(later),
        said(Outcome::Throttled, u64::MAX),
        at(later),
        0,
    );
    let until_ms = view(&words, config.window_ms, at(later)).cool_until_ms;
    assert_eq!(
        until_ms,
        later + 3_600_000,
        "an absurd Retry-After is an hour"
    );
    assert_eq!(
        view(&words, config.window_ms, at(until_ms)).phase,
        Phase::Closed
    );
}

#[test]
fn a_hard_failure_with_retry_after_stays_open_that_long() {
    let config = BreakerConfig {
        consecutive: 1,
        ..BreakerConfig::default()
    };
    let words = DeploymentWords::default();
    let Admission::Closed(ticket) = admit(&words, &config, at(NOW), 0) else {
        panic!("not closed")
    };
    record(
        &words,
        &config,
        ticket,
        said(Outcome::ServerError, 90_000),
        at(NOW),
        0,
    );
    let seen = view(&words, config.window_ms, at(NOW));
    assert_eq!(
        (seen.phase, seen.phase_until_ms),
        (Phase::Open, NOW + 90_000)
    );
    assert_eq!(seen.cool_until_ms, NOW + 90_000);
    assert!(!seen.usable(at(NOW + 89_999)));
}

#[test]
fn a_credential_is_disabled_without_a_word_about_health() {
    let config = BreakerConfig::default();
    for (outcome, retry_after_ms, expected) in [
        (Outcome::CredentialRejected, 0, 60_000),
        (Outcome::OutOfCredit, 0, 300_000),
        (Outcome::OutOfCredit, 7_000, 7_000),
        (Outcome::OutOfCredit, u64::MAX, 3_600_000),
    ] {
        let words = DeploymentWords::default();
        let report = |request| Report {
            outcome,
            retry_after_ms,
            request,
        };
        for request in [1, 1, 1, 2] {
            let Admission::Closed(ticket) = admit(&words, &config, at(NOW), 0) else {
                panic!("closed by one request")
            };
            record(&words, &config, ticket, report(request), at(NOW), 0);
        }
        let refused = refusal(admit(&words, &config, at(NOW), 0));
        let why = if outcome == Outcome::OutOfCredit {
            Why::Credit
        } else {
            Why::Credential
        };
        assert_eq!((refused.why, refused.until_ms), (why, NOW + expected));
        let seen = view(&words, config.window_ms, at(NOW + expected));
        assert_eq!(
            (seen.phase, seen.window, seen.credential_until_ms),
            (Phase::Closed, Counts::default(), 0)
        );
    }
}

#[test]
fn a_credential_that_rested_rests_again_after_one_request_and_a_success_wipes_the_mark() {
    let (words, config) = (DeploymentWords::default(), BreakerConfig::default());
    let mut requests = 0;
    let mut ask = |ms, outcome| {
        let Admission::Closed(ticket) = admit(&words, &config, at(ms), 0) else {
            return false;
        };
        requests += 1;
        let report = Report {
            outcome,
            retry_after_ms: 0,
            request: requests,
        };
        record(&words, &config, ticket, report, at(ms), 0);
        true
    };
    let refused = Outcome::CredentialRejected;
    assert!(ask(NOW, refused));
    assert!(ask(NOW, Outcome::Success));
    assert!(ask(NOW, refused), "the success in between wiped the mark");
    assert!(ask(NOW + config.credential_ms, refused), "so does time");
    assert!(ask(NOW + config.credential_ms + 1, refused));
    assert!(
        !ask(NOW + config.credential_ms + 2, refused),
        "two in a row"
    );
    let rested = NOW + 2 * config.credential_ms + 1;
    assert!(ask(rested, refused));
    assert!(!ask(rested + 1, refused), "one is enough after a rest");
}

#[test]
fn a_probe_that_finds_the_credential_refused_is_enough() {
    let config = BreakerConfig {
        consecutive: 1,
        ..BreakerConfig::default()
    };
    let words = DeploymentWords::default();
    attempt(&words, &config, at(NOW), Outcome::Reset);
    let due = refusal(admit(&words, &config, at(NOW), 0)).until_ms;
    attempt(&words, &config, at(due), Outcome::CredentialRejected);
    assert_eq!(
        refusal(admit(&words, &config, at(due), 0)).why,
        Why::Credential
    );
}

#[test]
fn what_an_upstream_does_not_serve_is_remembered_until_a_success() {
    let (words, config) = (DeploymentWords::default(), BreakerConfig::default());
    let seen = |ms| view(&words, config.window_ms, at(ms)).misfit_ms;
    attempt(&words, &config, at(NOW), Outcome::NotServed);
    assert_eq!(seen(NOW + 90_000), NOW);
    attempt(&words, &config, at(NOW + 1), Outcome::Success);
    assert_eq!(seen(NOW + 2), 0);
    for _ in 0..5 {
        attempt(&words, &config, at(NOW), Outcome::NotServed);
    }
    assert_eq!(refusal(admit(&words, &config, at(NOW), 0)).why, Why::Open);
}

#[test]
fn a_success_of_an_overruled_request_lets_traffic_back() {
    let config = BreakerConfig {
        consecutive: 1,
        ..BreakerConfig::default()
    };
    let words = DeploymentWords::default();
    attempt(&words, &config, at(NOW), Outcome::Reset);
    let refused = refusal(admit(&words, &config, at(NOW + 1), 0));
    assert!(refused.why.may_be_overruled());
    let transition = record(
        &words,
        &config,
        refused.ticket,
        said(Outcome::Success, 0),
        at(NOW + 2),
        0,
    );
    assert_eq!(transition.after, Phase::Ramp);
}

/// What happens next in a random history.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Admit(u64),
    Settle {
        which: prop::sample::Index,
        outcome: u8,
        retry_after_ms: u64,
        draw: u64,
    },
    FirstContent(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0_u64..40_000).prop_map(Step::Wait),
        4 => any::<u64>().prop_map(Step::Admit),
        4 => (any::<prop::sample::Index>(), 0..Outcome::COUNT as u8, prop_oneof![Just(0), any::<u64>()], any::<u64>())
            .prop_map(|(which, outcome, retry_after_ms, draw)| Step::Settle { which, outcome, retry_after_ms, draw }),
        1 => any::<prop::sample::Index>().prop_map(Step::FirstContent),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    #[test]
    fn no_history_admits_two_probes_within_a_lease_or_waits_too_long(steps in steps(), start in 0_u64..1 << 40) {
        let config = BreakerConfig { consecutive: 2, window_min: 4, ..BreakerConfig::default() };
        let words = DeploymentWords::default();
        let (mut now, mut held, mut lease_ends) = (start, Vec::<Ticket>::new(), 0);
        for step in steps {
            match step {
                Step::Wait(ms) => now += ms,
                Step::Admit(draw) => match admit(&words, &config, at(now), draw) {
                    Admission::Probe(ticket) => {
                        prop_assert!(now >= lease_ends, "a second probe within the lease");
                        lease_ends = now + config.lease_ms;
                        held.push(ticket);
                    }
                    Admission::Closed(ticket) | Admission::Ramp(ticket) => held.push(ticket),
                    Admission::Refused(refused) => {
                        let longest = now + config.retry_after_max_ms;
                        prop_assert!(refused.until_ms >= now && refused.until_ms <= longest);
                    }
                },
                Step::Settle { which, outcome, retry_after_ms, draw } if !held.is_empty() => {
                    let ticket = held.swap_remove(which.index(held.len()));
                    let outcome = Outcome::from_u8(outcome).unwrap_or(Outcome::Success);
                    let after = record(&words, &config, ticket, said(outcome, retry_after_ms), at(now), draw).after;
                    // A lease that was settled is over.
                    if after != Phase::HalfOpen {
                        lease_ends = 0;
                    }
                }
                Step::FirstContent(which) if !held.is_empty() => {
                    if first_content(&words, &config, held[which.index(held.len())], at(now)).after != Phase::HalfOpen {
                        lease_ends = 0;
                    }
                }
                Step::Settle { .. } | Step::FirstContent(_) => {}
            }
            let seen = view(&words, config.window_ms, at(now));
            prop_assert!(seen.consecutive < config.consecutive);
            prop_assert!(seen.cool_until_ms <= now + config.retry_after_max_ms);
            prop_assert!(seen.credential_until_ms <= now + config.retry_after_max_ms);
        }
    }

    #[test]
    fn jitter_stays_within_a_fifth(opens in 1_u32..16, draw: u64, open_ms in 1_u64..1 << 40, longest in 1_u64..1 << 40) {
        let config = BreakerConfig { open_ms, open_max_ms: longest, ..BreakerConfig::default() };
        let base = (u128::from(open_ms) << (opens - 1)).min(u128::from(longest));
        let pause = u128::from(backoff(opens, &config, draw));
        prop_assert!(pause >= (base * 8 / 10).max(1) && pause <= (base * 12 / 10).max(1));
    }

    #[test]
    fn any_words_and_any_numbers_never_panic(
        state: u64, cool: u64, credential: u64, now_ns: u64, draw: u64, retry: u64, turn: u8, probe: bool,
        outcome in 0..Outcome::COUNT as u8, numbers: [u64; 6], counts: [u32; 3],
    ) {
        let config = BreakerConfig {
            consecutive: counts[0], window_ms: numbers[0], window_min: counts[1], window_percent: counts[2],
            open_ms: numbers[1], open_max_ms: numbers[2], lease_ms: numbers[3], ramp_ms: numbers[4],
            retry_after_max_ms: numbers[5], ..BreakerConfig::default()
        };
        let words = DeploymentWords::default();
        words.breaker.store(state, Ordering::Relaxed);
        words.cool_until_ms.store(cool, Ordering::Relaxed);
        words.credential_until_ms.store(credential, Ordering::Relaxed);
        let now = Now { mono_ns: now_ns, wall_ns: 0 };
        let ticket = Ticket { turn, probe };
        admit(&words, &config, now, draw);
        first_content(&words, &config, ticket, now);
        record(&words, &config, ticket, said(Outcome::from_u8(outcome).unwrap_or(Outcome::Success), retry), now, draw);
        let seen = view(&words, config.window_ms, now);
        prop_assert!(seen.consecutive <= MAX_CONSECUTIVE && seen.phase_until_ms <= MAX_AT);
    }
}

/// Many threads, one breaker, one clock that all of them push: at any time at most one probe.
#[test]
fn threads_never_hold_two_probes_of_one_lease() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 3_000;
    let config = BreakerConfig {
        consecutive: 1,
        open_ms: 1,
        open_max_ms: 2,
        ramp_ms: 1,
        ..BreakerConfig::default()
    };
    let words = DeploymentWords::default();
    let (clock, probes, most, admitted) = (
        AtomicU64::new(NOW),
        AtomicU32::new(0),
        AtomicU32::new(0),
        AtomicU64::new(0),
    );
    let barrier = Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (words, config, clock, probes, most, admitted, barrier) =
                (&words, &config, &clock, &probes, &most, &admitted, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for round in 0..ROUNDS {
                    // Far less than a lease passes in all rounds together.
                    let now = at(clock.fetch_add(1, Ordering::Relaxed));
                    match admit(words, config, now, round ^ thread) {
                        Admission::Probe(ticket) => {
                            most.fetch_max(
                                probes.fetch_add(1, Ordering::SeqCst) + 1,
                                Ordering::SeqCst,
                            );
                            admitted.fetch_add(1, Ordering::Relaxed);
                            probes.fetch_sub(1, Ordering::SeqCst);
                            let outcome = [Outcome::Success, Outcome::Reset, Outcome::Cancelled]
                                [(round % 3) as usize];
                            record(words, config, ticket, said(outcome, 0), now, round);
                        }
                        Admission::Closed(ticket) | Admission::Ramp(ticket) => {
                            record(words, config, ticket, said(Outcome::Reset, 0), now, round);
                        }
                        Admission::Refused(_) => {}
                    }
                }
            });
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert!(admitted.load(Ordering::Relaxed) > 1, "the test saw probes");
}

#[test]
fn a_sign_of_life_ends_the_wait_of_an_open_breaker_and_nothing_else() {
    let words = DeploymentWords::default();
    let config = BreakerConfig {
        consecutive: 1,
        ..BreakerConfig::default()
    };
    assert!(
        !hint_alive(&words, at(NOW)),
        "a closed breaker waits for nothing"
    );
    let Admission::Closed(ticket) = admit(&words, &config, at(NOW), 0) else {
        panic!("closed")
    };
    record(
        &words,
        &config,
        ticket,
        said(Outcome::ConnectFailed, 0),
        at(NOW),
        0,
    );
    assert!(matches!(
        admit(&words, &config, at(NOW + 1), 0),
        Admission::Refused(_)
    ));
    assert!(hint_alive(&words, at(NOW + 2)));
    assert!(!hint_alive(&words, at(NOW + 3)), "it may be tried already");
    let Admission::Probe(ticket) = admit(&words, &config, at(NOW + 3), 0) else {
        panic!("one probe, not open doors")
    };
    assert!(matches!(
        admit(&words, &config, at(NOW + 3), 0),
        Admission::Refused(_)
    ));
    record(
        &words,
        &config,
        ticket,
        said(Outcome::ConnectFailed, 0),
        at(NOW + 4),
        0,
    );
    assert!(matches!(
        admit(&words, &config, at(NOW + 5), 0),
        Admission::Refused(_)
    ));
}

#[test]
fn limits_of_time_have_a_count_of_their_own() {
    let config = BreakerConfig {
        consecutive: 3,
        consecutive_timeouts: 1,
        ..BreakerConfig::default()
    };
    for outcome in [
        Outcome::FirstTokenTimeout,
        Outcome::Stalled,
        Outcome::TotalTimeout,
    ] {
        assert_eq!(config.patience(outcome), 1);
    }
    assert_eq!(config.patience(Outcome::ServerError), 3);
    assert_eq!(BreakerConfig::default().patience(Outcome::Stalled), 5);
}
