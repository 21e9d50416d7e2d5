use super::*;
use crate::shared::EngineLoad;

const TIERS: &str = r#"{"name":"m","groups":[[0],[1],[2]]}"#;

#[test]
fn the_first_tier_answers_and_the_body_is_edited() {
    let worker = Worker::new(&plan(&[0, 1, 2], TIERS, ""));
    let decision = worker.decide().unwrap();
    assert_eq!(first(&decision), (0, "primary"));
    assert_eq!(
        (decision.model(), decision.stream(), decision.attempts()),
        ("m", false, 1)
    );
    let spliced = decision.permit().splice(BODY.as_bytes()).unwrap();
    assert_eq!(
        String::from_utf8(spliced).unwrap(),
        BODY.replace(r#""m""#, r#""up0""#)
    );
}

#[test]
fn the_ceiling_of_the_principal_bounds_every_attempt() {
    let mut worker = Worker::new(&plan(&[0, 1, 2], TIERS, ""));
    worker.ceiling = Boundary::Organization;
    let decision = worker.decide().unwrap();
    assert_eq!(decision.ceiling(), Boundary::Organization);
    assert_eq!(worker.next(&decision, Outcome::Reset), Ok((1, "fallback")));
    assert_eq!(worker.next(&decision, Outcome::Reset), Err("none_left"));
}

#[test]
fn why_nobody_may_serve() {
    let mut worker = Worker::new(&plan(&[2], r#"{"name":"m","groups":[[0]]}"#, ""));
    worker.ceiling = Boundary::Device;
    assert_eq!(worker.decide().err().unwrap().code, "policy_denied");
    let only_chat = plan_of(
        &[deployment(0, 0, r#","routes":[0]"#)],
        r#"{"name":"m","groups":[[0]]}"#,
        "",
    );
    let worker = Worker::new(&only_chat);
    let body = r#"{"model":"m","input":"x"}"#;
    assert_eq!(
        worker
            .decide_as(body, Route::Embeddings, &[])
            .err()
            .unwrap()
            .code,
        "no_candidate"
    );
    let unusable = plan_of(
        &[deployment(0, 0, r#","unusable":"no such host""#)],
        r#"{"name":"m","groups":[[0]]}"#,
        "",
    );
    let error = Worker::new(&unusable).decide().err().unwrap();
    assert_eq!((error.code, error.retry_after_ms), ("misconfigured", 0));
    assert!(error.message.ends_with("no such host"), "{}", error.message);
}

#[test]
fn another_model_than_the_one_asked_for_is_a_fallback_from_the_start() {
    let deployments = [
        deployment(0, 2, r#","unusable":"no key""#),
        deployment(1, 0, ""),
    ];
    let models = r#"{"name":"m","groups":[[0]],"fallbacks":["n"]},{"name":"n","groups":[[1]]}"#;
    let worker = Worker::new(&plan_of(&deployments, models, ""));
    assert_eq!(first(&worker.decide().unwrap()), (1, "fallback"));
}

#[test]
fn bad_requests_name_their_field() {
    let worker = Worker::new(&plan(&[0], r#"{"name":"m","groups":[[0]]}"#, ""));
    for (body, route, code, field) in [
        (r#"{"model":"m"}"#, Route::Chat, "missing_field", "messages"),
        (
            r#"{"model":"m"}"#,
            Route::Completions,
            "missing_field",
            "prompt",
        ),
        (
            r#"{"model":"m"}"#,
            Route::Embeddings,
            "missing_field",
            "input",
        ),
        (r#"{"messages":[]}"#, Route::Chat, "missing_field", "model"),
        (
            r#"{"model":"nope","messages":[]}"#,
            Route::Chat,
            "model_not_found",
            "model",
        ),
        (
            r#"{"model":"m","messages":[],"model":"n"}"#,
            Route::Chat,
            "duplicate_key",
            "model",
        ),
        ("{", Route::Chat, "invalid_json", ""),
    ] {
        let error = worker.decide_as(body, route, &[]).err().unwrap();
        assert_eq!((error.code, error.field.as_str()), (code, field), "{body}");
        assert!(super::super::DECIDE_ERRORS.contains(&code));
    }
}

#[test]
fn a_wildcard_hands_the_clients_name_through() {
    let wild = plan_of(
        &[deployment(0, 2, "").replace("up0", "*")],
        r#"{"name":"openai/*","groups":[[0]],"fallbacks":["openai/small"]}"#,
        "",
    );
    let worker = Worker::new(&wild);
    let body = r#"{"model":"openai/big","messages":[]}"#;
    let decision = worker.decide_as(body, Route::Chat, &[]).unwrap();
    let spliced = decision.permit().splice(body.as_bytes()).unwrap();
    assert_eq!(spliced, br#"{"model":"big","messages":[]}"#);
    let next = decision
        .next(&worker.settlement(Outcome::Reset), worker.draw)
        .unwrap();
    assert_eq!(
        next.splice(body.as_bytes()).unwrap(),
        br#"{"model":"small","messages":[]}"#
    );
}

#[test]
fn a_provider_that_translates_gets_no_splice() {
    let translated = plan_of(
        &[deployment(0, 0, r#","splice":false"#)],
        r#"{"name":"m","groups":[[0]]}"#,
        "",
    );
    assert!(Worker::new(&translated)
        .decide()
        .unwrap()
        .permit()
        .splice(BODY.as_bytes())
        .is_none());
}

#[test]
fn usage_is_asked_for_in_streams_only() {
    let worker = Worker::new(&plan(&[0], r#"{"name":"m","groups":[[0]]}"#, ""));
    let body = r#"{"model":"m","messages":[],"stream":true}"#;
    let decision = worker.decide_as(body, Route::Chat, &[]).unwrap();
    assert!(decision.stream() && !decision.include_usage());
    let spliced = String::from_utf8(decision.permit().splice(body.as_bytes()).unwrap()).unwrap();
    assert!(
        spliced.contains(r#""stream_options":{"include_usage":true}"#),
        "{spliced}"
    );
}

#[test]
fn the_least_busy_deployment_is_chosen_over_the_host() {
    let worker = Worker::new(&plan(
        &[0, 0],
        r#"{"name":"m","strategy":"least_busy","groups":[[0,1]]}"#,
        "",
    ));
    let one = worker.decide().unwrap();
    let other = worker.decide().unwrap();
    assert_ne!(first(&one).0, first(&other).0);
    assert_eq!((worker.in_flight(0), worker.in_flight(1)), (1, 1));
}

#[test]
fn an_engine_with_a_queue_is_busy_as_long_as_that_is_news() {
    let mut worker = Worker::new(&plan(
        &[0, 0],
        r#"{"name":"m","strategy":"least_busy","groups":[[0,1]]}"#,
        "",
    ));
    let load = EngineLoad {
        waiting: 1,
        cache: None,
    };
    let slot = worker.state.find(1).unwrap();
    let words = worker.state.deployment(slot);
    words.report_load(load, 10_000, worker.now());
    for draw in 0..20 {
        worker.draw = draw;
        assert_eq!(first(&worker.decide().unwrap()).0, 1);
    }
    worker.ms += 10_100;
    let chosen = |draw| {
        worker.draw = draw;
        first(&worker.decide().unwrap()).0
    };
    assert!((0..20).map(chosen).any(|deployment| deployment == 0));
}

#[test]
fn latency_prefers_the_faster_one() {
    let mut worker = Worker::new(&plan(
        &[0, 0],
        r#"{"name":"m","strategy":"latency","groups":[[0,1]]}"#,
        "",
    ));
    for (deployment, ms) in [(1u64, 900), (2, 100)] {
        let slot = worker.state.find(deployment).unwrap();
        worker
            .state
            .deployment(slot)
            .observe_ttft(ms * 1000, worker.now());
    }
    for draw in 0..20 {
        worker.draw = draw;
        assert_eq!(worker.run(Outcome::Cancelled).unwrap(), 1);
    }
}

#[test]
fn max_parallel_spills_over_and_then_refuses() {
    let deployments = [
        deployment(0, 0, r#","max_parallel":1"#),
        deployment(1, 0, r#","max_parallel":1"#),
    ];
    let worker = Worker::new(&plan_of(
        &deployments,
        r#"{"name":"m","groups":[[0],[1]]}"#,
        "",
    ));
    let one = worker.decide().unwrap();
    let two = worker.decide().unwrap();
    assert_eq!(
        (first(&one), first(&two)),
        ((0, "primary"), (1, "fallback"))
    );
    let error = worker.decide().err().unwrap();
    assert_eq!(
        (error.code, error.retry_after_ms),
        ("all_unavailable", 1_000)
    );
    drop(one);
    assert_eq!(first(&worker.decide().unwrap()), (0, "primary"));
}

#[test]
fn two_routers_share_the_slots_of_their_deployments() {
    let json = plan(&[0], r#"{"name":"m","groups":[[0]]}"#, "");
    let worker = Worker::new(&json);
    let second = worker.state.claim(Owner::new(11, 1).unwrap(), 0).unwrap();
    let other = Worker {
        router: Router::new(
            Setup::parse(json.as_bytes(), None).unwrap(),
            Arc::clone(&worker.state),
            second,
            None,
        )
        .unwrap(),
        state: Arc::clone(&worker.state),
        slot: second,
        ..Worker::new(&json)
    };
    let (one, two) = (worker.decide().unwrap(), other.decide().unwrap());
    assert_eq!(worker.in_flight(0), 2);
    assert_ne!(one.id().to_string(), two.id().to_string());
    other.break_it();
    let decision = worker.decide().unwrap();
    assert_eq!(
        first(&decision),
        (0, "panic"),
        "what one worker learns, the other knows"
    );
}

#[test]
fn a_plan_or_a_state_that_does_not_fit_is_refused() {
    let parse = |json: &str| Setup::parse(json.as_bytes(), None).unwrap();
    let state = Arc::new(StateFile::anonymous(1, 1).unwrap());
    let two = plan(&[0, 0], "", "");
    assert!(Router::new(parse(&two), Arc::clone(&state), 0, None).is_err());
    assert!(Router::new(parse(&two), Arc::clone(&state), 9, None).is_err());
    for (part, odd) in [
        ("consecutiv", r#","breaker":{"consecutiv":3}"#),
        ("profil", r#","privacy":{"scan":{"profil":"strict"}}"#),
        (
            "there is no kind `emil`",
            r#","privacy":{"scan":{"levels":{"emil":"public"}}}"#,
        ),
        (
            "there is no tier `attic`",
            r#","complexity":{"models":[],"starts":{"complex":"attic"},"simple":0.5,"moderate":0.2}"#,
        ),
        (
            "shares",
            r#","complexity":{"models":[],"starts":{},"simple":0.9,"moderate":0.9}"#,
        ),
    ] {
        let refused = Setup::parse(plan(&[0], "", odd).as_bytes(), None)
            .err()
            .unwrap();
        assert!(refused.0.contains(part), "{refused}");
    }
}
