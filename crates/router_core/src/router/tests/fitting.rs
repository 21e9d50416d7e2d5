//! How long a request is and how hard it looks, in what is chosen.

use super::*;

/// A small window at home, a small one of another maker, a large one abroad.
fn worker() -> Worker {
    let model = |index: usize, boundary: u8, name: &str, window: u32| {
        deployment(index, boundary, &format!(r#","context_window":{window}"#))
            .replace(&format!(r#""up{index}""#), &format!(r#""{name}""#))
    };
    Worker::new(&plan_of(
        &[
            model(0, 0, "gpt-4o", 100),
            model(1, 0, "qwen", 100),
            model(2, 2, "gpt-4o", 100_000),
        ],
        r#"{"name":"m","groups":[[0],[1],[2]]},{"name":"e","groups":[[0]]},{"name":"far","groups":[[0],[2]]}"#,
        r#","retry":{"max_attempts":9,"budget_min":9}"#,
    ))
}

fn ask(model: &str, words: usize, more: &str) -> String {
    let content = "word ".repeat(words);
    format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"{content}"{more}}}]}}"#)
}

fn chosen(worker: &Worker, body: &str, route: Route) -> Result<Vec<u32>, &'static str> {
    let decision = worker
        .decide_as(body, route, &[])
        .map_err(|error| error.code)?;
    let mut order = vec![first(&decision).0];
    while let Ok((deployment, _)) = worker.next(&decision, Outcome::BoundaryRefused) {
        order.push(deployment);
    }
    Ok(order)
}

#[test]
fn what_cannot_fit_is_left_out_and_what_hardly_fits_comes_last() {
    let worker = worker();
    let short = chosen(&worker, &ask("m", 20, ""), Route::Chat);
    assert_eq!(short, Ok(vec![0, 1, 2]));
    // Not certain for another vocabulary, but likely; certain for the one that was counted with.
    let long = chosen(&worker, &ask("m", 200, ""), Route::Chat);
    assert_eq!(long, Ok(vec![2, 1]));
    assert_eq!(
        chosen(&worker, &ask("e", 200, ""), Route::Chat),
        Err("context_length_exceeded")
    );
}

#[test]
fn nothing_is_refused_on_a_guess() {
    let worker = worker();
    let text = "word ".repeat(200);
    for (route, body) in [
        // A field that the upstream may ignore.
        (
            Route::Chat,
            ask("e", 2, &format!(r#","x_note":"{text}""#)),
        ),
        // Tools and media are counted by formulas.
        (
            Route::Chat,
            ask("e", 2, "").replace(
                r#""messages""#,
                &format!(r#""tools":[{{"type":"function","function":{{"name":"f","description":"{text}"}}}}],"messages""#),
            ),
        ),
        // Each of a batch has the window to itself.
        (
            Route::Completions,
            format!(r#"{{"model":"e","prompt":[{}]}}"#, vec![r#""word word word""#; 100].join(",")),
        ),
        (
            Route::Embeddings,
            format!(r#"{{"model":"e","input":[{}]}}"#, vec![r#""word word word""#; 100].join(",")),
        ),
    ] {
        assert_eq!(chosen(&worker, &body, route), Ok(vec![0]), "{route:?}");
    }
}

#[test]
fn too_long_is_said_where_a_shorter_prompt_would_be_served() {
    let mut worker = worker();
    worker.ceiling = Boundary::Device;
    assert_eq!(
        chosen(&worker, &ask("far", 200, ""), Route::Chat),
        Err("context_length_exceeded")
    );
}

fn graded() -> Worker {
    Worker::new(&plan(
        &[0, 2],
        r#"{"name":"m","groups":[[0],[1]]},{"name":"far","groups":[[1]]}"#,
        r#","complexity":{"models":["m","far"],"starts":{"complex":"cloud"},"simple":0.5,"moderate":0.3}"#,
    ))
}

/// The class that an explanation would give, which moves nothing.
fn explained(worker: &Worker, body: &str) -> serde_json::Value {
    let principal = Principal {
        name: "p".into(),
        key: 5,
        ceiling: worker.ceiling,
    };
    let ask = Ask {
        body: body.as_bytes(),
        principal: &principal,
        route: Route::Chat,
        headers: &[],
        now: worker.now(),
        draw: 0,
    };
    serde_json::from_str(&worker.router.explain(&ask).unwrap()).unwrap()
}

#[test]
fn what_is_not_answered_does_not_move_the_thresholds() {
    let mut worker = graded();
    let middling = ask("m", 60, "");
    let class = |worker: &Worker| explained(worker, &middling)["complexity"]["class"].clone();
    let before = class(&worker);
    // Refused, pinned to a tier, or not understood: none is traffic that starts by class.
    worker.ceiling = Boundary::Device;
    for _ in 0..300 {
        assert!(worker
            .decide_as(&ask("far", 1, ""), Route::Chat, &[])
            .is_err());
        assert!(worker
            .decide_as(
                &ask("m", 1, ""),
                Route::Chat,
                &[("x-hybridgw-tier", "local")]
            )
            .is_ok());
        assert!(worker
            .decide_as(r#"{"model":"m","messages":5}"#, Route::Chat, &[])
            .is_err());
    }
    assert_eq!(class(&worker), before);
    // Answered, it is.
    for _ in 0..300 {
        assert!(worker.decide_as(&ask("m", 1, ""), Route::Chat, &[]).is_ok());
    }
    assert_eq!(class(&worker), "complex");
}

#[test]
fn an_explanation_does_not_move_the_thresholds() {
    let worker = graded();
    let middling = ask("m", 60, "");
    let class = |worker: &Worker| explained(worker, &middling)["complexity"]["class"].clone();
    let before = class(&worker);
    assert_ne!(before, "complex");
    for _ in 0..300 {
        explained(&worker, &ask("m", 1, ""));
    }
    assert_eq!(class(&worker), before);
}

#[test]
fn only_prompts_of_plain_text_that_were_answered_teach_how_a_deployment_counts() {
    let image = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}"#;
    let cases = [
        (BODY, Outcome::Success, true),
        (BODY, Outcome::Truncated, false),
        (image, Outcome::Success, false),
    ];
    for (body, outcome, teaches) in cases {
        let worker = Worker::new(&plan(&[0], r#"{"name":"m","groups":[[0]]}"#, ""));
        let learnt = || {
            let slot = worker.state.find(1).unwrap();
            let words = worker.state.deployment(slot).calibration.as_flattened();
            let load = |word: &std::sync::atomic::AtomicU64| {
                word.load(std::sync::atomic::Ordering::Relaxed)
            };
            words.iter().map(load).collect::<Vec<_>>()
        };
        let before = learnt();
        let decision = worker.decide_as(body, Route::Chat, &[]).unwrap();
        let permit = decision.permit();
        let reported = decision.prompt_tokens() * 3 / 2;
        permit
            .relay(crate::stream::RelayOptions::default())
            .observe_body(
                format!(r#"{{"choices":[],"usage":{{"prompt_tokens":{reported}}}}}"#).as_bytes(),
            );
        permit.finish(&worker.settlement(outcome));
        assert_eq!(learnt() != before, teaches, "{outcome:?} {body}");
    }
}

#[test]
fn asking_for_plain_text_is_not_asking_for_json() {
    let worker = graded();
    let score = |more: &str| {
        let body = ask("m", 20, "").replace(r#""messages""#, &format!("{more}\"messages\""));
        explained(&worker, &body)["complexity"]["score"].as_f64()
    };
    let plain = score("");
    assert_eq!(score(r#""response_format":{"type":"text"},"#), plain);
    assert_eq!(score(r#""response_format":null,"#), plain);
    assert_ne!(score(r#""response_format":{"type":"json_object"},"#), plain);
}

#[test]
fn an_explanation_tells_what_fits() {
    let worker = worker();
    let document = explained(&worker, &ask("m", 200, ""));
    let fits: Vec<_> = document["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["fits"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(fits, ["yes", "unlikely"]);
}
