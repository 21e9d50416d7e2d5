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
fn retries_are_counted_by_how_the_attempt_ended() {
    let attempts = |outcome| {
        let models =
            r#"{"name":"m","groups":[[0]],"retries":2,"retries_by":{"throttled":4,"failed":0}}"#;
        let more = r#","retry":{"max_attempts":16,"budget_min":9},"breaker":{"consecutive":60,"throttle_ms":1}"#;
        let worker = Worker::new(&plan(&[0], models, more));
        let decision = worker.decide().unwrap();
        while worker.next(&decision, outcome).is_ok() {}
        decision.attempts()
    };
    assert_eq!(attempts(Outcome::Throttled), 5);
    assert_eq!(attempts(Outcome::ServerError), 1);
    assert_eq!(
        attempts(Outcome::CredentialRejected),
        1,
        "the same key again is no help"
    );
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
        .next(&worker.settlement(Outcome::ServerError), worker.draw)
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
            let permit = decision
                .next(&worker.settlement(Outcome::Malformed), worker.draw)
                .unwrap();
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
    let throttled = |retry_after_ms| Settlement {
        retry_after_ms,
        ..worker.settlement(Outcome::Throttled)
    };
    let decision = worker.decide().unwrap();
    let permit = decision.next(&throttled(1_500), worker.draw).unwrap();
    assert_eq!(
        (permit.reason().code(), permit.delay_ms()),
        ("retry", 1_500)
    );
    drop(permit);
    assert!(decision.next(&throttled(30_000), worker.draw).is_none());
    assert_eq!(decision.retry_after_ms(), 30_000);
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
    let decision = worker
        .decide()
        .expect("one refusal may be about that request");
    assert!(worker.next(&decision, Outcome::OutOfCredit).is_err());
    let error = worker.decide().err().unwrap();
    assert_eq!(
        (error.code, error.retry_after_ms),
        ("upstream_quota", 0),
        "no panic past a refused credential, and no promise that it passes"
    );
}

#[test]
fn a_refused_credential_is_shown_to_nobody_else_in_the_request() {
    let deployments = [
        deployment(0, 0, r#","credential":5"#),
        deployment(1, 1, r#","credential":5"#),
        deployment(2, 2, r#","credential":6"#),
    ];
    let models = r#"{"name":"m","groups":[[0],[1],[2]]}"#;
    let worker = Worker::new(&plan_of(&deployments, models, ""));
    let decision = worker.decide().unwrap();
    assert_eq!(
        worker.next(&decision, Outcome::CredentialRejected),
        Ok((2, "fallback"))
    );
}

#[test]
fn an_engine_that_had_no_answer_in_time_is_not_asked_again_under_any_name() {
    let deployments = [
        deployment(0, 0, r#","engine":9"#),
        deployment(1, 0, r#","engine":9"#),
        deployment(2, 1, ""),
    ];
    let models = r#"{"name":"m","groups":[[0],[1],[2]],"retries":3},{"name":"alone","groups":[[0],[1]],"retries":3}"#;
    let worker = Worker::new(&plan_of(&deployments, models, ""));
    let decision = worker.decide().unwrap();
    assert!(decision.may_move(worker.now()));
    assert_eq!(
        worker.next(&decision, Outcome::FirstTokenTimeout),
        Ok((2, "fallback"))
    );
    assert!(!decision.may_move(worker.now()));
    assert_eq!(
        worker.next(&decision, Outcome::FirstTokenTimeout),
        Err("none_left"),
        "and nobody is asked twice"
    );
    let body = BODY.replace(r#""m""#, r#""alone""#);
    let decision = worker.decide_as(&body, Route::Chat, &[]).unwrap();
    assert!(!decision.may_move(worker.now()));
    assert_eq!(
        worker.next(&decision, Outcome::FirstTokenTimeout),
        Err("none_left")
    );
}

#[test]
fn a_hiccup_is_tried_again_before_another_model_answers() {
    let models =
        r#"{"name":"m","groups":[[0]],"fallbacks":["n"],"retries":1},{"name":"n","groups":[[1]]}"#;
    let new = || Worker::new(&plan(&[0, 0], models, ""));
    for (outcome, then) in [
        (Outcome::ServerError, (0, "retry")),
        (Outcome::Throttled, (0, "retry")),
        // Not a matter of a moment: nobody waits for it.
        (Outcome::ConnectFailed, (1, "fallback")),
        (Outcome::NotServed, (1, "fallback")),
    ] {
        let worker = new();
        let decision = worker.decide().unwrap();
        assert_eq!(worker.next(&decision, outcome), Ok(then), "{outcome:?}");
        if then.1 == "retry" {
            let next = worker.next(&decision, outcome);
            assert_eq!(next, Ok((1, "fallback")), "an attempt is left over");
        }
    }
    let worker = new();
    let decision = worker.decide().unwrap();
    let long = Settlement {
        retry_after_ms: 10_000,
        ..worker.settlement(Outcome::Throttled)
    };
    let next = decision.next(&long, worker.draw).unwrap();
    assert_eq!((next.deployment(), next.delay_ms()), (1, 0));
}

#[test]
fn one_refusal_in_a_hundred_costs_nobody_else() {
    for (outcome, retry_after_ms) in [
        (Outcome::Throttled, 0),
        (Outcome::Throttled, 10_000),
        (Outcome::ServerError, 10_000),
        (Outcome::CredentialRejected, 0),
        (Outcome::OutOfCredit, 10_000),
        (Outcome::RefusedHere, 0),
        (Outcome::ClientTimeout, 0),
        (Outcome::NotServed, 0),
    ] {
        let mut worker = Worker::new(&plan(&[0], ONE, ""));
        for turn in 0..2_000_u64 {
            worker.ms += 10;
            worker.draw = worker.draw.wrapping_mul(6_364_136_223_846_793_005) + turn;
            let decision = worker
                .decide()
                .unwrap_or_else(|error| panic!("{outcome:?}: {error:?} at {turn}"));
            // Also as the very first one.
            let outcome = if turn % 100 == 0 {
                outcome
            } else {
                Outcome::Success
            };
            decision.permit().finish(&Settlement {
                retry_after_ms,
                ..worker.settlement(outcome)
            });
        }
    }
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
fn a_client_that_forbids_fallbacks_gets_no_context_fallback_either() {
    let models = r#"{"name":"m","groups":[[0]],"context_fallbacks":["large"]},
        {"name":"large","groups":[[1]]}"#;
    let worker = Worker::new(&plan(&[0, 0], models, ""));
    for (said, then) in [
        ("", Ok((1, "context_fallback"))),
        (r#","disable_fallbacks":true"#, Err("context_exceeded")),
    ] {
        let body = format!(r#"{{"model":"m","messages":[]{said}}}"#);
        let decision = worker.decide_as(&body, Route::Chat, &[]).unwrap();
        assert_eq!(worker.next(&decision, Outcome::ContextExceeded), then);
    }
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
    let mut worker = Worker::new(&plan(
        &[0, 0],
        r#"{"name":"m","strategy":"priority","groups":[[0,1]]}"#,
        "",
    ));
    let decision = worker.decide().unwrap();
    let quiet = Settlement {
        retry_after_ms: 20_000,
        ..worker.settlement(Outcome::Throttled)
    };
    drop(decision);
    // One wish keeps nobody away; when all are refused, nearly everybody is.
    for _ in 0..8 {
        worker.draw += 1 << 40;
        if let Ok(decision) = worker.decide() {
            decision.next(&quiet, worker.draw);
        }
    }
    let mut refused = Vec::new();
    for turn in 0..200_u64 {
        worker.draw = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if let Err(error) = worker.decide() {
            refused.push(error);
        }
    }
    assert!(refused.len() > 20, "{} of 200", refused.len());
    let error = &refused[0];
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
