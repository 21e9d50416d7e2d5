"""Whatever is answered, the file loads, means what was answered and holds no secret; so does the file
with every option taken up."""

import re

from hypothesis import given
from hypothesis import strategies as st

from hybridgw.config.native import load_native
from hybridgw.config.schema import Settings
from hybridgw.config.starter import Answers, CloudModel, EngineModel, starter
from hybridgw.config.tree import parse

ENVIRON = {"HYBRIDGW_MASTER_KEY": "sk-of-the-environment", "OPENAI_API_KEY": "sk-of-a-cloud"}


def load(text: str) -> Settings:
    root = parse(text, "hybridgw.yaml")
    assert root is not None
    return load_native(root, "hybridgw.yaml", ENVIRON)


# Names as engines give them, and worse: quotes, colons, brackets, signs that mean something to YAML.
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="*$"),
    min_size=1,
    max_size=30,
)


@st.composite
def answers(draw: st.DrawFn) -> Answers:
    models = draw(st.lists(NAMES, unique=True, max_size=3))
    return Answers(
        engines=tuple(
            EngineModel(
                provider="ollama",
                model=name,
                url="http://127.0.0.1:11434",
                mode=draw(st.sampled_from(["chat", "embedding"])),
                external=draw(st.booleans()),
            )
            for name in models
        ),
        clouds=draw(
            st.sampled_from([(), (CloudModel(provider="openai", model="gpt-4o", variable="OPENAI_API_KEY"),)])
        ),
        key=draw(st.booleans()),
        device_networks=draw(st.sampled_from([(), ("172.17.0.0/16",)])),
        organization_networks=draw(st.sampled_from([(), ("10.0.0.0/8", "fd00::/8")])),
    )


@given(answers())
def test_the_file_means_what_was_answered(given_answers: Answers) -> None:
    settings = load(starter(given_answers))
    asked = [e.model for e in given_answers.engines] + [c.model for c in given_answers.clouds]
    assert [one.model for one in settings.deployments] == asked
    assert not [one for one in settings.deployments if one.unusable]
    external = [e.external for e in given_answers.engines] + [True for _ in given_answers.clouds]
    assert [one.boundary == "external" for one in settings.deployments] == external
    assert (settings.auth.master_key is not None) == given_answers.key
    assert settings.boundaries.device.networks == given_answers.device_networks
    assert settings.boundaries.organization.networks == given_answers.organization_networks


@given(answers())
def test_no_value_of_the_environment_is_in_the_file(given_answers: Answers) -> None:
    text = starter(given_answers)
    assert not [value for value in ENVIRON.values() if value in text]


def test_every_option_works_once_its_sign_is_removed() -> None:
    text = starter(Answers())
    options = re.compile(r"^#(?=\S|  )", re.MULTILINE)
    assert len(options.findall(text)) > 10
    settings = load(options.sub("", text))
    assert [one.name for one in settings.deployments] == ["local/qwen3", "cloud/gpt"]
    assert settings.auth.master_key == ENVIRON["HYBRIDGW_MASTER_KEY"]
    assert settings.privacy.patterns
    assert settings.complexity.starts.complex == "cloud"
    assert settings.responses.store
