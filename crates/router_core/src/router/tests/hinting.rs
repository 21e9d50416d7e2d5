use super::*;

fn worker() -> Worker {
    let models =
        r#"{"name":"m","groups":[[0],[1],[2]],"fallbacks":["n"]},{"name":"n","groups":[[3]]}"#;
    Worker::new(&plan(
        &[0, 1, 2, 2],
        models,
        r#","retry":{"max_attempts":9,"budget_min":9}"#,
    ))
}

fn body(more: &str) -> String {
    format!(r#"{{"model":"m","messages":[],{more}}}"#)
}

/// Every deployment that the request would be tried at.
fn tried(worker: &Worker, body: &str, headers: &[(&str, &str)]) -> Vec<u32> {
    let decision = worker.decide_as(body, Route::Chat, headers).unwrap();
    let mut order = vec![first(&decision).0];
    while let Ok((deployment, _)) = worker.next(&decision, Outcome::BoundaryRefused) {
        order.push(deployment);
    }
    order
}

#[test]
fn hints_steer_from_body_and_header_alike() {
    let worker = worker();
    for (more, headers, expected) in [
        (r#""n":1"#, vec![], vec![0, 1, 2, 3]),
        (r#""hybridgw":{"tier":"cloud"}"#, vec![], vec![2, 3]),
        (r#""n":1"#, vec![("x-hybridgw-tier", "cloud")], vec![2, 3]),
        (
            r#""hybridgw":{"tier":"private"}"#,
            vec![("x-hybridgw-tier", "cloud")],
            vec![1],
        ),
        (
            r#""hybridgw":{"sensitivity":"internal"}"#,
            vec![],
            vec![0, 1],
        ),
        (
            r#""hybridgw":{"sensitivity":"public"}"#,
            vec![("x-hybridgw-sensitivity", "regulated")],
            vec![0],
        ),
        (r#""metadata":{"no_fallback":true}"#, vec![], vec![0]),
        (r#""disable_fallbacks":true"#, vec![], vec![0]),
        (r#""fallbacks":[]"#, vec![], vec![0, 1, 2]),
        (r#""fallbacks":["n"]"#, vec![], vec![0, 1, 2, 3]),
        (
            r#""n":1"#,
            vec![("accept", "x"), ("x-litellm-unknown", "x")],
            vec![0, 1, 2, 3],
        ),
    ] {
        assert_eq!(
            tried(&worker, &body(more), &headers),
            expected,
            "{more} {headers:?}"
        );
    }
}

#[test]
fn a_hint_never_loosens() {
    let mut worker = worker();
    worker.ceiling = Boundary::Device;
    assert_eq!(
        tried(
            &worker,
            &body(r#""hybridgw":{"sensitivity":"public"}"#),
            &[]
        ),
        [0]
    );
}

#[test]
fn what_means_nothing_is_refused_by_name() {
    let worker = worker();
    for (more, headers, code, field) in [
        (
            r#""hybridgw":{"tier":"moon"}"#,
            vec![],
            "unknown_hint",
            "hybridgw.tier",
        ),
        (
            r#""hybridgw":{"teir":"local"}"#,
            vec![],
            "unknown_hint",
            "hybridgw.teir",
        ),
        (
            r#""hybridgw":{"sensitivity":"secret"}"#,
            vec![],
            "unknown_hint",
            "hybridgw.sensitivity",
        ),
        (
            r#""hybridgw":{"latency":"soon"}"#,
            vec![],
            "unknown_hint",
            "hybridgw.latency",
        ),
        (
            r#""hybridgw":{"task_type":""}"#,
            vec![],
            "unknown_hint",
            "hybridgw.task_type",
        ),
        (
            r#""hybridgw":{"tier":1}"#,
            vec![],
            "wrong_type",
            "hybridgw.tier",
        ),
        (
            r#""n":1"#,
            vec![("x-hybridgw-tier", "moon")],
            "unknown_hint",
            "x-hybridgw-tier",
        ),
        (
            r#""n":1"#,
            vec![("x-hybridgw-mood", "good")],
            "unknown_hint",
            "x-hybridgw-mood",
        ),
        (
            r#""n":1"#,
            vec![("x-litellm-timeout", "soon")],
            "unknown_hint",
            "x-litellm-timeout",
        ),
        (r#""timeout":-1"#, vec![], "wrong_type", "timeout"),
        (
            r#""num_retries":"two""#,
            vec![],
            "wrong_type",
            "num_retries",
        ),
        (
            r#""disable_fallbacks":"yes""#,
            vec![],
            "wrong_type",
            "disable_fallbacks",
        ),
        (
            r#""fallbacks":["n",{"messages":[]}]"#,
            vec![],
            "wrong_type",
            "fallbacks[1]",
        ),
        (
            r#""fallbacks":[{"model":"n","messages":"hi"}]"#,
            vec![],
            "wrong_type",
            "fallbacks[0].messages",
        ),
        (
            r#""fallbacks":[{"model":"n","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}]}]}]"#,
            vec![],
            "invalid_value",
            "messages[0]",
        ),
        (
            r#""fallbacks":["n","nowhere"]"#,
            vec![],
            "model_not_found",
            "fallbacks[1]",
        ),
    ] {
        let error = worker
            .decide_as(&body(more), Route::Chat, &headers)
            .err()
            .unwrap();
        assert_eq!(
            (error.code, error.field.as_str()),
            (code, field),
            "{more} {headers:?}"
        );
        assert!(
            !error.message.contains("moon") && !error.message.contains("secret"),
            "no values in messages"
        );
    }
}

#[test]
fn times_and_retries_come_from_the_body_first() {
    let worker = worker();
    let headers = [
        ("x-litellm-timeout", "9"),
        ("x-litellm-stream-timeout", "0.5"),
        ("x-litellm-num-retries", "2"),
        ("x-litellm-tags", "a, b"),
    ];
    let decision = worker
        .decide_as(&body(r#""timeout":0.0001"#), Route::Chat, &headers)
        .unwrap();
    assert_eq!(
        (decision.timeout_ms(), decision.stream_timeout_ms()),
        (1, 500)
    );
    let decision = worker
        .decide_as(&body(r#""timeout":null"#), Route::Chat, &headers)
        .unwrap();
    assert_eq!(decision.timeout_ms(), 9_000);
}

#[test]
fn a_fallback_brings_nothing_that_is_not_listed() {
    let worker = worker();
    for member in [
        r#""Model":"gpt-oss:120b-cloud""#,
        r#""previous_response_id":"resp_of_another""#,
        r#""prompt":[1,2,3]"#,
        r#""input":[{"type":"item_reference","id":"msg_1"}]"#,
        r#""messages":[],"messages":[]"#,
    ] {
        let body = body(&format!(r#""fallbacks":[{{"model":"n",{member}}}]"#));
        let error = worker.decide_as(&body, Route::Chat, &[]).err().unwrap();
        assert_eq!(error.code, "invalid_value", "{member}");
    }
}

#[test]
fn what_a_fallback_says_is_judged_with_the_rest() {
    let worker = worker();
    let own =
        r#"{"model":"n","messages":[{"role":"user","content":"my card is 4716 2938 5501 7768"}]}"#;
    let told = tried(&worker, &body(&format!(r#""fallbacks":[{own}]"#)), &[]);
    assert_eq!(told, [0], "regulated, whoever would have seen it");
}

#[test]
fn retries_beyond_the_plan_are_cut_and_said() {
    let worker = worker();
    for (more, headers, unheeded) in [
        (r#""num_retries":8"#, vec![], vec![]),
        (r#""num_retries":50"#, vec![], vec!["num_retries"]),
        (r#""num_retries":99999999999"#, vec![], vec!["num_retries"]),
        (
            r#""n":1"#,
            vec![("x-litellm-num-retries", "50")],
            vec!["x-litellm-num-retries"],
        ),
    ] {
        let decision = worker
            .decide_as(&body(more), Route::Chat, &headers)
            .unwrap();
        assert_eq!(decision.unheeded(), unheeded, "{more}");
    }
}

#[test]
fn owned_keys_do_not_travel() {
    let worker = worker();
    let body = body(
        r#""hybridgw":{"task_type":"code_review","conversation":"c1"},"num_retries":1,"x":1.0"#,
    );
    let decision = worker.decide_as(&body, Route::Chat, &[]).unwrap();
    let spliced = decision.permit().splice(body.as_bytes()).unwrap();
    assert_eq!(
        String::from_utf8(spliced).unwrap(),
        r#"{"model":"up0","messages":[],"x":1.0}"#
    );
}
