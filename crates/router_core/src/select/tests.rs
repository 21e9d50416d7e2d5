use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};
use proptest::strategy::Strategy as _;

use super::{arrange, Entry};
use crate::plan::Strategy;
use crate::types::Draws;

fn entry(key: u32) -> Entry {
    Entry {
        key,
        weight: 1.0,
        order: 0,
        in_flight: 0,
        waiting: 0,
        ttft_us: None,
        tokens: 0,
        price: None,
        score: 0.0,
        tie: 0.0,
    }
}

fn order(strategy: Strategy, entries: &[Entry], draw: u64) -> Vec<u32> {
    let mut entries = entries.to_vec();
    arrange(strategy, &mut entries, &mut Draws::new(draw));
    entries.iter().map(|entry| entry.key).collect()
}

/// How often each key came first over a fixed set of draws.
fn firsts(strategy: Strategy, entries: &[Entry], draws: u64) -> Vec<u32> {
    let mut counts = vec![0; entries.len()];
    for draw in 0..draws {
        counts[order(strategy, entries, draw)[0] as usize] += 1;
    }
    counts
}

#[test]
fn the_strategy_table() {
    let one = entry(0);
    let cases = [
        (
            Strategy::Priority,
            [
                Entry { order: 2, ..one },
                Entry { order: 1, ..one },
                Entry { order: 3, ..one },
            ],
        ),
        (
            Strategy::LeastBusy,
            [
                Entry {
                    in_flight: 2,
                    ..one
                },
                one,
                Entry {
                    in_flight: 3,
                    ..one
                },
            ],
        ),
        (
            Strategy::Usage,
            [
                Entry { tokens: 20, ..one },
                Entry { tokens: 10, ..one },
                Entry { tokens: 30, ..one },
            ],
        ),
        (
            Strategy::Cost,
            [
                Entry {
                    price: Some(2.0),
                    ..one
                },
                Entry {
                    price: Some(0.0),
                    ..one
                },
                Entry { price: None, ..one },
            ],
        ),
        (
            Strategy::Weighted,
            [
                Entry {
                    weight: 1e-9,
                    ..one
                },
                one,
                Entry { weight: 0.0, ..one },
            ],
        ),
    ];
    for (strategy, mut entries) in cases {
        for (entry, key) in entries.iter_mut().zip(0..) {
            entry.key = key;
        }
        for draw in 0..200 {
            assert_eq!(order(strategy, &entries, draw), [1, 0, 2], "{strategy:?}");
        }
    }
}

#[test]
fn what_waits_inside_an_engine_makes_it_busy() {
    let entries = [
        Entry {
            waiting: 7,
            ..entry(0)
        },
        Entry {
            in_flight: 5,
            ..entry(1)
        },
        Entry {
            in_flight: 2,
            waiting: 2,
            ..entry(2)
        },
    ];
    assert_eq!(order(Strategy::LeastBusy, &entries, 5), [2, 1, 0]);
}

#[test]
fn a_heavier_deployment_is_less_busy_at_equal_load() {
    let entries = [
        Entry {
            in_flight: 3,
            ..entry(0)
        },
        Entry {
            in_flight: 3,
            weight: 4.0,
            ..entry(1)
        },
    ];
    assert_eq!(order(Strategy::LeastBusy, &entries, 5), [1, 0]);
}

#[test]
fn of_two_the_faster_one_wins_until_it_is_busy() {
    let fast = |in_flight| Entry {
        ttft_us: Some(100),
        in_flight,
        ..entry(0)
    };
    let slow = Entry {
        ttft_us: Some(500),
        ..entry(1)
    };
    for draw in 0..100 {
        assert_eq!(order(Strategy::Latency, &[fast(3), slow], draw), [0, 1]);
        assert_eq!(order(Strategy::Latency, &[fast(5), slow], draw), [1, 0]);
    }
}

#[test]
fn a_newcomer_gets_a_share_and_no_burst() {
    let old = |key| Entry {
        ttft_us: Some(100_000),
        ..entry(key)
    };
    let idle = [old(0), old(1), old(2), entry(3)];
    let counts = firsts(Strategy::Latency, &idle, 4000);
    assert!(
        (700..1300).contains(&counts[3]),
        "about a quarter: {counts:?}"
    );
    let busy = [
        old(0),
        old(1),
        old(2),
        Entry {
            in_flight: 4,
            ..entry(3)
        },
    ];
    assert_eq!(
        firsts(Strategy::Latency, &busy, 1000)[3],
        0,
        "its requests in flight speak for it"
    );
}

#[test]
fn a_faded_average_does_not_draw_a_herd() {
    let entries = [
        Entry {
            ttft_us: Some(1),
            in_flight: 40,
            ..entry(0)
        },
        Entry {
            ttft_us: Some(500_000),
            ..entry(1)
        },
    ];
    assert_eq!(firsts(Strategy::Latency, &entries, 100), [0, 100]);
}

#[test]
fn weighted_firsts_converge_to_the_weights() {
    let entries = [
        Entry {
            weight: 1.0,
            ..entry(0)
        },
        Entry {
            weight: 2.0,
            ..entry(1)
        },
        Entry {
            weight: 7.0,
            ..entry(2)
        },
        Entry {
            weight: 0.0,
            ..entry(3)
        },
    ];
    let counts = firsts(Strategy::Weighted, &entries, 10_000);
    for (count, share) in counts.iter().zip([1000i32, 2000, 7000, 0]) {
        assert!((*count as i32 - share).abs() <= 200, "{counts:?}");
    }
}

#[test]
fn a_weight_of_zero_is_last_whatever_the_strategy_compares_among_equals() {
    let fast = Entry {
        weight: 0.0,
        ttft_us: Some(1),
        ..entry(0)
    };
    let slow = |key| Entry {
        ttft_us: Some(900_000),
        in_flight: 50,
        ..entry(key)
    };
    for strategy in [Strategy::Latency, Strategy::LeastBusy, Strategy::Weighted] {
        for draw in 0..50 {
            assert_eq!(order(strategy, &[fast, slow(1)], draw), [1, 0]);
            assert_eq!(order(strategy, &[fast, slow(1), slow(2)], draw)[2], 0);
        }
    }
}

#[test]
fn only_zero_weights_still_give_an_order() {
    let entries = [
        Entry {
            weight: 0.0,
            ..entry(0)
        },
        Entry {
            weight: 0.0,
            ..entry(1)
        },
    ];
    for strategy in [Strategy::Weighted, Strategy::Latency, Strategy::LeastBusy] {
        assert_eq!(order(strategy, &entries, 9), [0, 1], "{strategy:?}");
    }
}

fn entries() -> impl proptest::strategy::Strategy<Value = Vec<Entry>> {
    prop::collection::vec(
        (
            0.0f64..10.0,
            -3i64..3,
            0u32..50,
            prop::option::of(0u32..1_000_000),
            0u64..1000,
            prop::option::of(0.0f64..9.0),
        ),
        0..40,
    )
    .prop_map(|rows| {
        rows.into_iter()
            .zip(0..)
            .map(
                |((weight, order, in_flight, ttft_us, tokens, price), key)| Entry {
                    key,
                    weight,
                    order,
                    in_flight,
                    waiting: in_flight / 2,
                    ttft_us,
                    tokens,
                    price,
                    score: 0.0,
                    tie: 0.0,
                },
            )
            .collect::<Vec<_>>()
    })
}

proptest! {
    #[test]
    fn every_entry_stands_exactly_once_and_scores_ascend(entries in entries(), draw: u64) {
        for strategy in [Strategy::Weighted, Strategy::Priority, Strategy::LeastBusy, Strategy::Latency, Strategy::Usage, Strategy::Cost] {
            let mut arranged = entries.clone();
            arrange(strategy, &mut arranged, &mut Draws::new(draw));
            let mut keys: Vec<_> = arranged.iter().map(|entry| entry.key).collect();
            keys.sort_unstable();
            prop_assert_eq!(keys, (0..entries.len() as u32).collect::<Vec<_>>());
            if strategy != Strategy::Latency {
                prop_assert!(arranged.windows(2).all(|pair| pair[0].score <= pair[1].score));
            } else if arranged.len() > 1 {
                // Two choices never lead with the worst, unless all are equal to it.
                let worst = arranged.iter().map(|entry| entry.score).fold(f64::MIN, f64::max);
                let others_equal = arranged.iter().filter(|entry| entry.score == worst).count() > 1;
                prop_assert!(arranged[0].score < worst || others_equal);
            }
        }
    }
}
