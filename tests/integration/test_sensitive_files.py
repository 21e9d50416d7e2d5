"""What people paste stays here: forty pieces of ordinary files, sent where only a cloud could answer.

Each piece is written as a program or a person writes it, with a made-up number that is no published
test number; the stub that stands for the cloud must never be asked. The same pieces with numbers that
check as nothing flow, so that it is the number that is seen and not the shape of the file.
"""

import base64
import gzip
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import Gateway

C = "4716293855017768"
G = "4716 2938 5501 7768"
S = "536-22-8145"
N = "536228145"
FAR = "a long remark that keeps the heading out of reach of any window of words around the number " * 2
WORD = "q7Rt-zzP49x"
STORAGE = base64.b64encode(bytes((it * 37 + 11) % 256 for it in range(64))).decode()
BOT = "718293645:AAHkq3v9XwTz2LmNp8RsUy5BcDf7GhJk1Qe"
HOOK = "https://hooks.slack.com/services/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"

FILES = {
    "csv card": f"name,number,until\nPerson 0,{C},12/20",
    "csv ssn": f"Person 0,{S},1980-01-01",
    "csv column": "name,ssn,city\n" + "".join(f"Person {it},{N},{FAR}\n" for it in range(3)),
    "tsv column": "name\tssn\tcity\n" + "".join(f"Person {it}\t{N}\t{FAR}\n" for it in range(3)),
    "csv passports": f"name,remark,passport\nPerson 0,{FAR},AB1234567",
    "csv passwords": "user,password\nann,v3Rd0rb3n\nben,n0chE1ns",
    "sql": f"INSERT INTO paid VALUES (17,{C},1227);",
    "sql column": f"INSERT INTO p (name, ssn, note) VALUES ('P','{N}','{FAR}'),('Q','{N}','{FAR}');",
    "json array": f'{{"rows":[[17,{C}],[18,1]]}}',
    "json columns": f'{{"columns":["name","note","ssn"],"data":[["P","{FAR}",{N}]]}}',
    "json lines": f'{{"id":1}}\n{{"id":2,"n":"{C}"}}',
    "dashes and a comma": "4716-2938-5501-7768,5",
    "data frame": f"0  {C}.0\n1  NaN",
    "statement": f"01/02/2026 {G} 49.99",
    "statement with expiry": f"{G} 1227",
    "log": f"2026-02-01T10:11:12Z INFO order=77 paid with {C} in 12ms",
    "order": f"refund the order to {C}",
    "ticket": f"support ticket session job: {C}",
    "worker": f"part-time worker {S}",
    "lot": f"a lot of people, one of them {S}",
    "track one": f"%B{C}^DOE/ANN^27121010000000000",
    "track two": f";{C}=27121010000000000?",
    "glued name": f"visa{C}",
    "glued unit": f"{C}EUR",
    "html cells": f"<tr><td>Ann</td><td>{C}</td></tr>",
    "html split": "<td>4716</td><td>2938</td><td>5501</td><td>7768</td>",
    "html column": f"<tr><th>Name</th><th>SSN</th></tr><tr><td>{FAR}</td><td>{N}</td></tr>",
    "breaks": "4716<br>2938<br>5501<br>7768",
    "markdown": "| 4716 | 2938 | 5501 | 7768 |",
    "markdown column": f"| name | ssn |\n| --- | --- |\n| {FAR} | {N} |",
    "quoted mail": "> 4716 2938\n> 5501 7768",
    "group a line": "4716\n  2938\n  5501\n  7768",
    "list": "4716, 2938, 5501, 7768",
    "iban with tabs": "DE84\t7125\t0834\t9065\t1382\t74",
    "iban with wide spaces": "DE84  7125  0834  9065  1382  74",
    "machine readable zone": "P<UTOERIKSSON<<ANNA<MARIA\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
    "pgp": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBGVx8a0BCACq2mPz7Kd0vJ3sY1wQnR5t",
    "jwk": f'{{"kty":"OKP","crv":"Ed25519","d":"{"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"}}',
    "database address": f"postgres://app:{WORD}@db.internal:5432/main",
    "storage": f"AccountName=x;AccountKey={STORAGE};",
    "hook": f"curl {HOOK}",
    "bot": f"token {BOT}",
    "assignment": f'DB_PASSWORD = "{WORD}"',
    "utf-16": base64.b64encode(f"card {C}".encode("utf-16")).decode(),
    "gzip": base64.b64encode(gzip.compress(f"card {C}".encode(), mtime=0)).decode(),
    "control characters": "\x01".join(C),
    "line separators": "\u2028".join(G.split()),
    "tag characters": "".join(chr(0xE0000 + ord(it)) for it in C),
    "right to left": f"\u202e{C[::-1]}\u202c",
    "hexadecimal pairs": C.encode().hex(" "),
    "escaped twice": "".join(f"%25{ord(it):02x}" for it in C),
}  # fmt: skip

HARMLESS = {
    "csv": "name,number,until\nPerson 0,1716293855017769,12/20",
    "column": f"name,account,city\nPerson 0,{N},Town",
    "table": "4716, 2938, 5501, 7768, 1234, 4321, 9876, 1212",
    "test card": "use 4242 4242 4242 4242 or 4111-1111-1111-1111 in the sandbox",
    "examples": "GB82 WEST 1234 5698 7654 32 and 123-45-6789 are examples",
    "program": 'password = os.environ["DB_PASSWORD"]\npassword: str = "changeme"',
    "hash": "a4716293855017768b",
    "address": "postgres://user:password@localhost/db",
}


@pytest.fixture(scope="module")
def cloud(demo: Demo) -> Iterator[Gateway]:
    """A gateway that knows a cloud and nothing nearer for `m`."""
    deployments = [demo.deployment("local"), demo.deployment("cloud", boundary="external")]
    models = [{"name": "m", "deployments": ["cloud/m"]}]
    with Gateway(config(demo, deployments=deployments, models=models)) as running:
        yield running


def ask(gateway: Gateway, text: str) -> Any:
    return gateway.post(
        "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": text}]}
    )


@pytest.mark.parametrize("file", FILES)
def test_a_piece_of_a_file_does_not_arrive(demo: Demo, cloud: Gateway, file: str) -> None:
    answer = ask(cloud, FILES[file])
    assert not demo.requests("cloud"), "it left"
    assert answer.status in (400, 403), answer.body


@pytest.mark.parametrize("file", HARMLESS)
def test_what_looks_like_it_arrives(demo: Demo, cloud: Gateway, file: str) -> None:
    answer = ask(cloud, HARMLESS[file])
    assert answer.status == 200, answer.body
    assert len(demo.requests("cloud")) == 1


def test_a_number_over_two_messages_with_names_does_not_arrive(demo: Demo, cloud: Gateway) -> None:
    messages = [{"role": "user", "name": "ann", "content": it} for it in (G[:9], G[10:])]
    answer = cloud.post("/v1/chat/completions", {"model": "m", "messages": messages})
    assert not demo.requests("cloud"), "it left"
    assert answer.status in (400, 403)
