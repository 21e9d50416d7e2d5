use proptest::prelude::*;

use super::{boundary_of, screen, Candidates, Demand, Verdict};
use crate::plan::Plan;
use crate::types::{Boundary, Level, Reason, Route, Stage};

/// (tier, boundary, model, routes, unusable) per deployment.
type Row<'a> = (&'a str, u8, &'a str, &'a str, bool);

fn plan(rows: &[Row<'_>], models: &str) -> Plan {
    let deployments: Vec<_> = rows
        .iter()
        .zip(1..)
        .map(|((tier, boundary, model, routes, unusable), id)| {
            let unusable = if *unusable {
                r#""no such host""#
            } else {
                "null"
            };
            format!(
                r#"{{"id":"{id:016x}","name":"{tier}/{id}","model":"{model}","tier":"{tier}",
                    "boundary":{boundary},"routes":{routes},"unusable":{unusable}}}"#
            )
        })
        .collect();
    let json = format!(
        r#"{{"generation":1,"deployments":[{}],"models":[{models}],"tiers":["local","private","cloud"]}}"#,
        deployments.join(",")
    );
    Plan::alone(json.as_bytes()).unwrap()
}

const TIERS: &[Row<'static>] = &[
    ("local", 0, "small", "[0,1]", false),
    ("private", 1, "middle", "[0]", false),
    ("cloud", 2, "large", "[0,2]", false),
    ("cloud", 2, "other", "[0]", true),
];

const ROUTED: &str = r#"{"name":"router","groups":[[0],[1],[2,3]]}"#;

fn demand(ceiling: Boundary) -> Demand<'static> {
    Demand {
        route: Route::Chat,
        ceiling,
        tier: None,
        fallback: true,
        asked: "router",
    }
}

/// Deployments that are left, and the others by their number with the reason.
fn run(plan: &Plan, demand: &Demand<'_>) -> (Vec<u32>, Vec<(u32, Reason)>) {
    let candidates = screen(plan, &plan.models[0].lineup, demand);
    let mut removed: Vec<_> = candidates
        .removed()
        .iter()
        .map(|verdict| (verdict.step.deployment, verdict.reason))
        .collect();
    removed.sort_by_key(|(deployment, _)| *deployment);
    let allowed = candidates.steps().iter().map(|step| step.deployment);
    (allowed.collect(), removed)
}

#[test]
fn stages_remove_and_reorder_and_say_so() {
    let plan = plan(TIERS, ROUTED);
    let mut candidates = Candidates::of(&plan.models[0].lineup.steps);
    let order = |candidates: &Candidates| {
        let steps = candidates.steps().iter();
        steps.map(|step| step.deployment).collect::<Vec<_>>()
    };
    let all = order(&candidates);
    assert_eq!(all, [0, 1, 2, 3]);
    candidates.demote(Stage::Length, Reason::LikelyTooLong, |step| {
        step.deployment < 2
    });
    assert_eq!(order(&candidates), [2, 3, 0, 1]);
    candidates.promote(Stage::Complexity, Reason::StartsHere, |step| {
        step.deployment == 1
    });
    assert_eq!(order(&candidates), [1, 2, 3, 0]);
    candidates.remove(Stage::Privacy, |step, before| {
        assert!(before.len() < 4);
        (step.deployment == 2).then_some(Reason::BeyondCeiling)
    });
    assert_eq!(order(&candidates), [1, 3, 0]);
    let said = |verdicts: &[Verdict]| {
        let said = verdicts
            .iter()
            .map(|it| (it.stage.name(), it.step.deployment));
        said.collect::<Vec<_>>()
    };
    assert_eq!(said(candidates.removed()), [("privacy", 2)]);
    assert_eq!(
        said(candidates.moved()),
        [("length", 0), ("length", 1), ("complexity", 1)]
    );
    assert!(candidates.lost(Reason::BeyondCeiling) && !candidates.lost(Reason::TooLong));
}

#[test]
fn the_ceiling_table() {
    let plan = plan(TIERS, ROUTED);
    for (ceiling, expected) in [
        (Boundary::Device, vec![0]),
        (Boundary::Organization, vec![0, 1]),
        (Boundary::External, vec![0, 1, 2]),
    ] {
        assert_eq!(run(&plan, &demand(ceiling)).0, expected, "{ceiling:?}");
    }
}

#[test]
fn each_refusal_has_its_reason() {
    use Reason::{BeyondCeiling, FallbackDisabled, RouteUnsupported, TierExcluded, Unusable};
    let plan = plan(TIERS, ROUTED);
    let base = demand(Boundary::External);
    let cases = [
        (
            demand(Boundary::Device),
            vec![(1, BeyondCeiling), (2, BeyondCeiling), (3, BeyondCeiling)],
        ),
        (
            Demand {
                route: Route::Completions,
                ..base
            },
            {
                vec![
                    (1, RouteUnsupported),
                    (2, RouteUnsupported),
                    (3, RouteUnsupported),
                ]
            },
        ),
        (
            Demand {
                tier: Some(2),
                ..base
            },
            vec![(0, TierExcluded), (1, TierExcluded), (3, Unusable)],
        ),
        (
            Demand {
                fallback: false,
                ..base
            },
            vec![(1, FallbackDisabled), (2, FallbackDisabled), (3, Unusable)],
        ),
    ];
    for (demand, expected) in cases {
        assert_eq!(run(&plan, &demand).1, expected, "{demand:?}");
    }
}

#[test]
fn a_tier_beyond_the_ceiling_counts_as_policy_and_an_unusable_one_as_down() {
    let plan = plan(TIERS, ROUTED);
    let (allowed, removed) = run(
        &plan,
        &Demand {
            tier: Some(2),
            ..demand(Boundary::Device)
        },
    );
    assert!(allowed.is_empty());
    let of = |reason| removed.iter().filter(|(_, it)| *it == reason).count();
    assert_eq!((of(Reason::BeyondCeiling), of(Reason::Unusable)), (2, 0));
    let (_, removed) = run(&plan, &demand(Boundary::External));
    assert_eq!(removed, [(3, Reason::Unusable)]);
}

#[test]
fn without_fallback_the_first_allowed_group_serves() {
    let plan = plan(
        &[
            ("local", 2, "a", "[0]", false),
            ("local", 0, "b", "[0]", false),
            ("local", 0, "c", "[0]", false),
        ],
        r#"{"name":"router","groups":[[0],[1],[2]]}"#,
    );
    let (allowed, ..) = run(
        &plan,
        &Demand {
            fallback: false,
            ..demand(Boundary::Device)
        },
    );
    assert_eq!(allowed, [1]);
}

#[test]
fn embeddings_stay_with_one_model_outside_of_a_group() {
    let embed = "[2]";
    let plan = plan(
        &[
            ("local", 0, "nomic", embed, false),
            ("local", 0, "nomic:v1.5", embed, false),
            ("cloud", 2, "nomic", embed, false),
            ("cloud", 2, "ada", embed, false),
        ],
        r#"{"name":"router","groups":[[0,1],[2,3]]}"#,
    );
    let (allowed, refused) = run(
        &plan,
        &Demand {
            route: Route::Embeddings,
            ..demand(Boundary::External)
        },
    );
    assert_eq!(allowed, [0, 1, 2]);
    assert_eq!(refused, [(3, Reason::OtherEmbeddingModel)]);
}

#[test]
fn a_wildcard_deployment_is_not_tried_twice_under_one_name() {
    let plan = plan(
        &[("cloud", 2, "*", "[0]", false)],
        r#"{"name":"o/*","groups":[[0]],"fallbacks":["o/large","o/small"]}"#,
    );
    let asked = Demand {
        asked: "o/small",
        ..demand(Boundary::External)
    };
    let (allowed, refused) = run(&plan, &asked);
    assert_eq!(
        (allowed, refused),
        (vec![0, 0], vec![(0, Reason::Duplicate)])
    );
}

#[test]
fn levels_only_tighten() {
    let boundaries: Vec<_> = Level::ALL.iter().map(|level| boundary_of(*level)).collect();
    assert!(boundaries.windows(2).all(|pair| pair[0] > pair[1]));
}

proptest! {
    #[test]
    fn candidates_are_unique_allowed_and_complete(
        rows in prop::collection::vec((0u8..3, 0u8..8, any::<bool>(), 0usize..3), 1..12),
        groups in prop::collection::vec(prop::collection::vec(0u32..12, 0..6), 1..5),
        ceiling in 0u8..3, route in 0u8..3, tier in prop::option::of(0u16..3), fallback: bool,
    ) {
        let routes: Vec<String> = rows.iter().map(|row| {
            let served: Vec<_> = (0..3).filter(|bit| row.1 & (1 << bit) != 0).map(|bit| bit.to_string()).collect();
            format!("[{}]", served.join(","))
        }).collect();
        let names = ["local", "private", "cloud"];
        let rows: Vec<Row<'_>> =
            rows.iter().zip(&routes).map(|(row, routes)| (names[row.3], row.0, "m", routes.as_str(), row.2)).collect();
        let groups: Vec<Vec<u32>> = groups
            .into_iter()
            .map(|group| group.into_iter().filter(|index| (*index as usize) < rows.len()).collect())
            .collect();
        let plan = plan(&rows, &format!(r#"{{"name":"router","groups":{groups:?},"fallbacks":["router"]}}"#));
        let demand = Demand {
            route: Route::from_u8(route).unwrap(),
            ceiling: Boundary::from_u8(ceiling).unwrap(),
            tier, fallback, asked: "router",
        };
        let (allowed, refused) = run(&plan, &demand);
        for index in &allowed {
            let deployment = &plan.deployments[*index as usize];
            prop_assert!(deployment.boundary <= demand.ceiling);
            prop_assert!(deployment.serves(demand.route) && deployment.unusable.is_none());
            prop_assert!(tier.is_none_or(|tier| tier == deployment.tier));
        }
        let mut all: Vec<u32> = allowed.iter().copied().chain(refused.iter().map(|(index, _)| *index)).collect();
        all.sort_unstable();
        let before = all.len();
        all.dedup();
        prop_assert_eq!(before, all.len(), "each deployment once");
    }
}
