//! Any configuration, any order of events: what must hold whatever happens.

use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

use super::*;

proptest! {
    #[test]
    fn nothing_leaks_and_nothing_goes_beyond_the_ceiling(
        boundaries in prop::collection::vec(0u8..3, 1..6),
        groups in prop::collection::vec(prop::collection::vec(0usize..6, 0..4), 1..4),
        strategy in 0usize..6,
        ceiling in 0u8..3,
        retries in 0u32..3,
        events in prop::collection::vec((0u8..20, any::<bool>(), 0u64..5_000, any::<u64>()), 1..40),
    ) {
        let known = |index: &usize| *index < boundaries.len();
        let groups: Vec<Vec<usize>> =
            groups.into_iter().map(|group| group.into_iter().filter(known).collect()).collect();
        let names = ["weighted", "priority", "least_busy", "latency", "usage", "cost"];
        let models = format!(
            r#"{{"name":"m","strategy":"{}","groups":{groups:?},"fallbacks":["all"],"context_fallbacks":["all"],"retries":{retries}}},
               {{"name":"all","groups":[{:?}],"fallbacks":["m"]}}"#,
            names[strategy], (0..boundaries.len()).collect::<Vec<_>>(),
        );
        let more = r#","retry":{"max_attempts":6,"budget_min":100}"#;
        let mut worker = Worker::new(&plan(&boundaries, &models, more));
        worker.ceiling = Boundary::from_u8(ceiling).unwrap();
        let mut held = Vec::new();
        for (outcome, keep, ms, draw) in events {
            worker.ms += ms;
            worker.draw = draw;
            let outcome = Outcome::from_u8(outcome).unwrap();
            let decision = match worker.decide() {
                Ok(decision) => decision,
                Err(error) => {
                    prop_assert!(["policy_denied", "all_unavailable", "upstream_auth", "upstream_quota"].contains(&error.code));
                    continue;
                }
            };
            let mut tried = Vec::new();
            let mut permit = decision.permit();
            loop {
                prop_assert!(boundaries[permit.deployment() as usize] <= ceiling);
                if permit.reason().code() != "retry" {
                    prop_assert!(!tried.contains(&permit.deployment()), "each deployment once");
                }
                tried.push(permit.deployment());
                match decision.next(&Settlement { retry_after_ms: ms / 2, ..worker.settlement(outcome) }, worker.draw) {
                    Some(next) => permit = next,
                    None => break,
                }
            }
            prop_assert!(tried.len() <= 6);
            if keep {
                held.extend(worker.decide());
            }
        }
        held.clear();
        prop_assert_eq!((0..boundaries.len() as u64).map(|index| worker.in_flight(index)).sum::<u64>(), 0);
        prop_assert_eq!(worker.state.active_retries(), 0);
    }
}
