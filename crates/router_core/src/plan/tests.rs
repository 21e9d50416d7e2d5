use super::{Plan, Resolved};

fn plan(models: &str, defaults: &str) -> Result<Plan, super::PlanError> {
    let deployment = |index: usize, model: &str| {
        format!(
            r#"{{"id":"{:016x}","name":"local/d{index}","model":"{model}","tier":"local","boundary":0}}"#,
            index + 1
        )
    };
    let deployments: Vec<_> = ["a", "b", "c", "*"]
        .iter()
        .enumerate()
        .map(|(i, m)| deployment(i, m))
        .collect();
    Plan::alone(
        format!(
            r#"{{"generation":1,"deployments":[{}],"models":[{models}],"default_fallbacks":{defaults},"tiers":["local"]}}"#,
            deployments.join(",")
        )
        .as_bytes(),
    )
}

fn steps(plan: &Plan, model: usize) -> Vec<(u32, u16, u16)> {
    plan.models[model]
        .lineup
        .steps
        .iter()
        .map(|step| (step.deployment, step.group, step.target))
        .collect()
}

#[test]
fn an_exact_name_wins_then_the_longest_prefix() {
    let plan = plan(
        r#"{"name":"*","groups":[[3]]},{"name":"openai/*","groups":[[3]]},
           {"name":"openai/gpt-*","groups":[[3]]},{"name":"openai/gpt-4o","groups":[[0]]}"#,
        "[]",
    )
    .unwrap();
    for (name, model, upstream) in [
        ("openai/gpt-4o", 3, "a"),
        ("openai/gpt-5", 2, "gpt-5"),
        ("openai/o3", 1, "o3"),
        ("meta/llama", 0, "meta/llama"),
    ] {
        let Resolved {
            model: found,
            captured,
        } = plan.resolve(name).unwrap();
        assert_eq!(found, model, "{name}");
        let first = plan.models[found as usize].lineup.steps[0].deployment as usize;
        assert_eq!(
            plan.deployments[first].upstream_model(name, captured),
            upstream,
            "{name}"
        );
    }
}

#[test]
fn an_unknown_name_is_not_served() {
    assert_eq!(
        plan(r#"{"name":"x","groups":[[0]]}"#, "[]")
            .unwrap()
            .resolve("y"),
        None
    );
}

#[test]
fn cycles_end_and_a_deployment_stands_once() {
    let plan = plan(
        r#"{"name":"x","groups":[[0],[1]],"fallbacks":["y","x"]},
           {"name":"y","groups":[[1,2]],"fallbacks":["x","y"]}"#,
        "[]",
    )
    .unwrap();
    assert_eq!(steps(&plan, 0), [(0, 0, 0), (1, 1, 0), (2, 2, 1)]);
    assert_eq!(steps(&plan, 1), [(1, 0, 0), (2, 0, 0), (0, 1, 1)]);
}

#[test]
fn a_models_own_list_stands_before_the_lists_of_its_fallbacks() {
    let plan = plan(
        r#"{"name":"x","groups":[[0]],"fallbacks":["y","z"]},{"name":"y","groups":[[1]],"fallbacks":["w"]},
           {"name":"z","groups":[[2]]},{"name":"w","groups":[[3]]}"#,
        "[]",
    )
    .unwrap();
    assert_eq!(
        steps(&plan, 0),
        [(0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3)]
    );
}

#[test]
fn default_fallbacks_stand_in_only_for_a_missing_list() {
    let plan = plan(
        r#"{"name":"x","groups":[[0]]},{"name":"y","groups":[[1]],"fallbacks":["z"]},{"name":"z","groups":[[2]]}"#,
        r#"["y"]"#,
    )
    .unwrap();
    assert_eq!(steps(&plan, 0), [(0, 0, 0), (1, 1, 1), (2, 2, 2)]);
    assert_eq!(steps(&plan, 1), [(1, 0, 0), (2, 1, 1)]);
}

#[test]
fn a_model_may_decline_default_fallbacks() {
    let plan = plan(
        r#"{"name":"x","groups":[[0]],"default_fallbacks":false},{"name":"y","groups":[[1]]}"#,
        r#"["y"]"#,
    )
    .unwrap();
    assert_eq!(steps(&plan, 0), [(0, 0, 0)]);
}

#[test]
fn a_wildcard_deployment_may_serve_two_names() {
    let plan = plan(
        r#"{"name":"o/*","groups":[[3]],"fallbacks":["o/small"]}"#,
        "[]",
    )
    .unwrap();
    assert_eq!(steps(&plan, 0), [(3, 0, 0), (3, 1, 1)]);
}

#[test]
fn a_request_brings_its_own_fallbacks() {
    let plan =
        plan(r#"{"name":"x","groups":[[0]],"fallbacks":["y"]},{"name":"y","groups":[[1]]},{"name":"z","groups":[[2]]}"#, "[]")
            .unwrap();
    let lineup = plan.lineup_with(0, ["z"]).unwrap();
    assert_eq!(
        lineup
            .steps
            .iter()
            .map(|step| step.deployment)
            .collect::<Vec<_>>(),
        [0, 2]
    );
    assert_eq!(plan.lineup_with(0, ["z", "nowhere"]).unwrap_err(), 1);
}

#[test]
fn a_default_of_stream_is_not_applied() {
    let plan = Plan::alone(
        br#"{"generation":1,"deployments":[{"id":"00000000000000ff","name":"n","model":"m","tier":"t","boundary":0,
            "parameters":{"0":{"defaults":[[["stream"],true,[]],[["top_p"],0.50,[]]]}}}],"models":[]}"#,
    )
    .unwrap();
    let rules = plan.deployments[0].parameters[0].as_ref().unwrap();
    let set: Vec<_> = rules
        .defaults
        .iter()
        .map(|it| (it.path.to_string(), it.raw.as_str()))
        .collect();
    assert_eq!(set, [("top_p".to_owned(), "0.50")]);
    assert!(plan.deployments[0].parameters[1].is_none());
    assert_eq!(plan.tiers, ["t"]);
}

#[test]
fn mistakes_are_named() {
    for (models, part) in [
        (r#"{"name":"x","groups":[[9]]}"#, "no deployment 9"),
        (
            r#"{"name":"x","groups":[]},{"name":"x","groups":[]}"#,
            "used twice",
        ),
        (
            r#"{"name":"x","groups":[],"fallbacks":["nope"]}"#,
            "\"nope\" names no model",
        ),
        (
            r#"{"name":"x","groups":[],"colour":1}"#,
            "unknown field `colour`",
        ),
        (
            r#"{"name":"x","groups":[],"strategy":"dice"}"#,
            "unknown variant `dice`",
        ),
    ] {
        let error = plan(models, "[]").unwrap_err();
        assert!(error.0.contains(part), "{error}");
    }
    for (deployment, part) in [
        (
            r#"{"id":"0","name":"n","model":"m","tier":"t","boundary":0}"#,
            "16 hex digits",
        ),
        (
            r#"{"id":"0000000000000001","name":"n","model":"m","tier":"t","boundary":3}"#,
            "boundary",
        ),
        (
            r#"{"id":"0000000000000001","name":"n","model":"m","tier":"t","boundary":0,"weight":-1}"#,
            "weight",
        ),
        (
            r#"{"id":"0000000000000001","name":"n","model":"m","tier":"t","boundary":0,"routes":[99]}"#,
            "routes",
        ),
    ] {
        let json = format!(r#"{{"generation":1,"deployments":[{deployment}],"models":[]}}"#);
        let error = Plan::alone(json.as_bytes()).unwrap_err();
        assert!(error.0.contains(part), "{error}");
    }
}
