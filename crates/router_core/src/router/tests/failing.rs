use super::*;

const ONE: &str = r#"{"name":"m","groups":[[0]]}"#;

#[test]
fn failover_comes_before_fallback_and_each_deployment_once() {
    let models = r#"{"name":"m","strategy":"priority","groups":[[0,1],[2]],"fallbacks":["n"]},
        {"name":"n","groups":[[2,3]],"fallbacks":["m"]}"#;
    let worker = Worker::new(&plan(
        &[0, 0, 1, 2],
        models,
        r#","retry":{"max_attempts":9,"budget_min":9}"#,
    ));
    let decision = worker.decide().unwrap();
    let mut order = vec![first(&decision).0];
    let mut reasons = vec![];
    while let Ok((deployment, reason)) = worker.next(&decision, Outcome::ServerError) {
        order.push(deployment);
        reasons.push(reason);
    }
    assert_eq!(reasons, ["failover", "fallback", "fallback"]);
    assert_eq!(order[2..], [2, 3]);
    order.sort_unstable();
    assert_eq!(order, [0, 1, 2, 3]);
    assert_eq!(decision.exhausted().unwrap().code(), "none_left");
    assert_eq!(decision.attempts(), 4);
}

#[test]
fn what_ends_a_request_at_once() {
    let worker = Worker::new(&plan(
        &[0, 0],
        r#"{"name":"m","groups":[[0,1]],"retries":3}"#,
        "",
    ));
    for outcome in Outcome::ALL.iter().filter(|outcome| !outcome.elsewhere()) {
        let decision = worker.decide().unwrap();
        assert_eq!(
            worker.next(&decision, *outcome),
            Err("not_retryable"),
            "{outcome:?}"
        );
        assert_eq!(
            worker.next(&decision, Outcome::Reset),
            Err("not_retryable"),
            "and stays ended"
        );
        assert_eq!(decision.attempts(), 1);
    }
}

#[test]
fn attempts_are_bounded() {
    let worker = Worker::new(&plan(
        &[0; 6],
        r#"{"name":"m","groups":[[0,1,2,3,4,5]]}"#,
        "",
    ));
    let decision = worker.decide().unwrap();
    assert!(worker.next(&decision, Outcome::Reset).is_ok());
    assert!(worker.next(&decision, Outcome::Reset).is_ok());
    assert_eq!(worker.next(&decision, Outcome::Reset), Err("max_attempts"));
}

#[test]
fn the_same_deployment_again_only_when_nothing_else_is_left() {
    let worker = Worker::new(&plan(
        &[0, 0],
        r#"{"name":"m","groups":[[0],[1]],"retries":1}"#,
        "",
    ));
    let decision = worker.decide().unwrap();
    assert_eq!(
        worker.next(&decision, Outcome::ServerError),
        Ok((1, "fallback"))
    );
    let again = decision
        .next(&worker.failure(Outcome::ServerError))
        .unwrap();
    assert_eq!((again.deployment(), again.reason().code()), (0, "retry"));
    assert!(again.delay_ms() <= 200);
}

#[test]
fn back_off_has_full_jitter_within_its_bounds() {
    let more =
        r#","retry":{"max_attempts":9,"budget_min":9,"backoff_ms":100,"backoff_max_ms":300}"#;
    let mut longest = [0; 4];
    for draw in 0..200 {
        let mut worker = Worker::new(&plan(
            &[0],
            r#"{"name":"m","groups":[[0]],"retries":4}"#,
            more,
        ));
        worker.draw = draw;
        let decision = worker.decide().unwrap();
        for (longest, bound) in longest.iter_mut().zip([100, 200, 300, 300]) {
            let permit = decision.next(&worker.failure(Outcome::Malformed)).unwrap();
            assert!(permit.delay_ms() <= bound);
            *longest = permit.delay_ms().max(*longest);
        }
    }
    assert!(longest
        .iter()
        .zip([100, 200, 300, 300])
        .all(|(longest, bound)| *longest > bound / 2));
}

#[test]
fn a_short_retry_after_is_waited_for_a_long_one_is_not() {
    let worker = Worker::new(&plan(
        &[0],
        r#"{"name":"m","groups":[[0]],"retries":2}"#,
        "",
    ));
    let throttled = |retry_after_ms| Failure {
        retry_after_ms,
        ..worker.failure(Outcome::Throttled)
    };
    let decision = worker.decide().unwrap();
    let permit = decision.next(&throttled(1_500)).unwrap();
    assert_eq!(
        (permit.reason().code(), permit.delay_ms()),
        ("retry", 1_500)
    );
    drop(permit);
    assert!(decision.next(&throttled(30_000)).is_none());
    assert_eq!(decision.retry_after_ms(), 30_000);
    assert_eq!(worker.decide().err().unwrap().retry_after_ms, 30_000);
}

#[test]
fn credentials_are_not_tried_again_at_the_same_deployment() {
    let worker = Worker::new(&plan(
        &[0],
        r#"{"name":"m","groups":[[0]],"retries":2}"#,
        "",
    ));
    let decision = worker.decide().unwrap();
    assert_eq!(
        worker.next(&decision, Outcome::CredentialRejected),
        Err("none_left")
    );
    assert_eq!(
        worker.decide().err().unwrap().code,
        "all_unavailable",
        "no panic past a refused credential"
    );
}

#[test]
fn a_prompt_that_does_not_fit_goes_to_context_fallbacks_only() {
    let models = r#"{"name":"m","groups":[[0],[1]],"fallbacks":["other"],"context_fallbacks":["large"],"retries":1},
        {"name":"large","groups":[[0,2]]},{"name":"other","groups":[[1]]}"#;
    let worker = Worker::new(&plan(&[0, 0, 1, 2], models, ""));
    let decision = worker.decide().unwrap();
    assert_eq!(
        worker.next(&decision, Outcome::ContextExceeded),
        Ok((2, "context_fallback"))
    );
    assert_eq!(
        worker.next(&decision, Outcome::ContextExceeded),
        Err("context_exceeded")
    );
    let mut bounded = Worker::new(&plan(&[0, 0, 1, 2], models, ""));
    bounded.ceiling = Boundary::Device;
    let decision = bounded.decide().unwrap();
    assert_eq!(
        bounded.next(&decision, Outcome::ContextExceeded),
        Err("context_exceeded")
    );
}

#[test]
fn the_clients_deadline_ends_attempts() {
    let mut worker = Worker::new(&plan(&[0, 0], r#"{"name":"m","groups":[[0,1]]}"#, ""));
    let body = r#"{"model":"m","messages":[],"timeout":2.5}"#;
    let decision = worker.decide_as(body, Route::Chat, &[]).unwrap();
    assert_eq!(decision.timeout_ms(), 2_500);
    worker.ms += 2_500;
    assert_eq!(worker.next(&decision, Outcome::Reset), Err("deadline"));
}

#[test]
fn a_deadline_before_the_retry_leaves_the_probe_to_others() {
    let more = r#","breaker":{"consecutive":1,"open_ms":100}"#;
    let mut worker = Worker::new(&plan(
        &[0],
        r#"{"name":"m","groups":[[0]],"retries":1}"#,
        more,
    ));
    let body = r#"{"model":"m","messages":[],"timeout":0.05}"#;
    for draw in 0..20 {
        worker.draw = draw;
        let decision = worker.decide_as(body, Route::Chat, &[]).unwrap();
        assert_eq!(worker.next(&decision, Outcome::Reset), Err("deadline"));
        worker.ms += 1_000;
        let probe = worker.decide().unwrap();
        assert!(probe.permit().probe(), "draw {draw}");
        probe.permit().finish(&worker.settlement(Outcome::Success));
        worker.ms += 1_000_000;
    }
}

#[test]
fn further_attempts_of_the_host_are_a_share_of_its_requests() {
    let mut worker = Worker::new(&plan(&[0; 2], r#"{"name":"m","groups":[[0,1]]}"#, ""));
    let decisions: Vec<_> = (0..6)
        .map(|draw| {
            worker.draw = draw;
            worker.decide().unwrap()
        })
        .collect();
    let mut granted = decisions
        .iter()
        .map(|decision| worker.next(decision, Outcome::BoundaryRefused));
    assert!(
        (0..3).all(|_| granted.next().unwrap().is_ok()),
        "three are always allowed"
    );
    assert_eq!(granted.next().unwrap(), Err("retry_budget"));
    for _ in 0..20 {
        worker.state.worker(worker.slot).request_started();
    }
    assert!(granted.next().unwrap().is_ok(), "20 % of 20");
    assert_eq!(granted.next().unwrap(), Err("retry_budget"));
    drop(granted);
    drop(decisions);
    assert_eq!(worker.state.active_retries(), 0);
}

#[test]
fn a_broken_tier_is_passed_over_probed_and_used_again() {
    let mut worker = Worker::new(&plan(&[0, 1], r#"{"name":"m","groups":[[0],[1]]}"#, ""));
    worker.break_it();
    assert_eq!(first(&worker.decide().unwrap()), (1, "fallback"));
    worker.ms += 10_000;
    let probe = worker.decide().unwrap();
    assert_eq!(first(&probe), (0, "primary"));
    assert!(probe.permit().probe());
    assert_eq!(
        first(&worker.decide().unwrap()),
        (1, "fallback"),
        "one probe at a time"
    );
    probe.permit().finish(&worker.settlement(Outcome::Success));
    worker.ms += 60_000;
    let decision = worker.decide().unwrap();
    assert_eq!(first(&decision), (0, "primary"));
    assert!(!decision.permit().probe());
}

#[test]
fn the_last_deployment_is_tried_although_its_breaker_is_open() {
    let mut worker = Worker::new(&plan(&[0], ONE, ""));
    worker.break_it();
    let decision = worker.decide().unwrap();
    assert_eq!(first(&decision), (0, "panic"));
    decision
        .permit()
        .finish(&worker.settlement(Outcome::Success));
    worker.ms += 400_000;
    assert_eq!(first(&worker.decide().unwrap()), (0, "primary"));
}

#[test]
fn nobody_panics_past_a_wish_for_quiet() {
    let worker = Worker::new(&plan(
        &[0, 0],
        r#"{"name":"m","strategy":"priority","groups":[[0,1]]}"#,
        "",
    ));
    let decision = worker.decide().unwrap();
    let quiet = Failure {
        retry_after_ms: 20_000,
        ..worker.failure(Outcome::Throttled)
    };
    decision
        .next(&quiet)
        .unwrap()
        .finish(&worker.settlement(Outcome::ConnectFailed));
    for _ in 0..4 {
        worker.run(Outcome::ConnectFailed).unwrap();
    }
    let error = worker.decide().err().unwrap();
    assert_eq!(error.code, "all_unavailable");
    assert!(
        (1_000..=20_000).contains(&error.retry_after_ms),
        "{}",
        error.retry_after_ms
    );
}

#[test]
fn a_switched_off_breaker_counts_and_never_refuses() {
    let worker = Worker::new(&plan(
        &[0, 1],
        r#"{"name":"m","groups":[[0],[1]]}"#,
        r#","breaker":{"enabled":false}"#,
    ));
    worker.break_it();
    assert_eq!(first(&worker.decide().unwrap()), (0, "primary"));
}
