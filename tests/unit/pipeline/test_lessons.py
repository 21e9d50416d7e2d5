"""A lesson is about one model of one deployment, holds for an hour, and takes bounded room."""

from hybridgw.pipeline.lessons import DEPLOYMENTS, HOLDS_NS, MODELS, Lessons


def test_a_lesson_is_about_one_model_of_one_deployment() -> None:
    lessons: Lessons[int] = Lessons()
    lessons.learn("d", "m", 3, 0)
    known = [lessons.of(*pair, 1) for pair in (("d", "m"), ("d", "other"), ("other", "m"))]
    assert known == [3, None, None]


def test_a_lesson_holds_for_an_hour() -> None:
    lessons: Lessons[int] = Lessons()
    lessons.learn("d", "m", 3, 7)
    assert lessons.of("d", "m", 7 + HOLDS_NS - 1) == 3
    assert lessons.of("d", "m", 7 + HOLDS_NS) is None
    lessons.learn("d", "m", 4, HOLDS_NS)
    assert lessons.of("d", "m", 7 + HOLDS_NS) == 4


def test_names_without_end_take_bounded_room_and_hurt_no_other_deployment() -> None:
    lessons: Lessons[int] = Lessons()
    lessons.learn("other", "m", 1, 0)
    for at in range(MODELS):
        lessons.learn("d", f"m{at}", at, 0)
    lessons.learn("d", "m0", 0, 0)  # learnt anew: the last one
    for at in range(MODELS - 1):
        lessons.learn("d", f"n{at}", at, 0)
    assert lessons.of("d", "m0", 1) == 0
    assert all(lessons.of("d", f"m{at}", 1) is None for at in range(1, MODELS))
    assert lessons.of("other", "m", 1) == 1
    lessons.learn("d", "x" * 100_000, 1, 0)
    assert lessons.of("d", "x" * 100_000, 1) is None


def test_deployments_of_former_plans_give_way() -> None:
    lessons: Lessons[int] = Lessons()
    for at in range(DEPLOYMENTS + 1):
        lessons.learn(str(at), "m", at, 0)
    assert (lessons.of("0", "m", 1), lessons.of("1", "m", 1)) == (None, 1)
