"""Texts with known sensitive parts, and look-alikes without any, from a seed.

Every kind gets the same treatment: formats that people write, disguises that the scanner promises to
see through, and surroundings with and without words that help. The look-alikes are what the numbers
of ordinary systems look like, a share of them with a valid check digit on purpose.
"""

import base64
from collections.abc import Callable, Iterator
from random import Random
from string import ascii_uppercase, digits
from urllib.parse import quote
from uuid import UUID

import msgspec

from bench.sensitivity import values

JOINT = "\x1f"


class Sample(msgspec.Struct, frozen=True):
    """One text. `kind` is what it holds, empty for a look-alike; `form` says how it was made."""

    text: str
    kind: str
    form: str


PLAIN = (
    "{}",
    "Here it is: {}.",
    "please use {} for this, thanks",
    'value = "{}"',
    "- {}\n- and the rest",
    "Dear team,\n\n{}\n\nregards",
    "wir nehmen {} und gut",
    "使用 {} 吧",
)

WORDS: dict[str, tuple[str, ...]] = {
    "card": (
        "My card number is {}",
        "charge it to {}",
        "credit card: {}, exp 04/29",
        '{{"cardNumber": "{}"}}',
        "pay with visa {} cvv 123",
    ),
    "ssn": ("My SSN is {}", "social security number: {}", '{{"ssn": "{}"}}', "SSN {} on file"),
    "iban": ("IBAN: {}", "send the money to {}", "account {} at the bank", '{{"iban": "{}"}}'),
    "email": ("write to {}", "contact: {}", "<{}>", '{{"email": "{}"}}'),
    "api_key": ("export API_KEY={}", 'api_key: "{}"', "Authorization: Bearer {}", "the token is {}"),
    "private_key": ("here is the key:\n{}", "{}", "deploy with\n{}\nplease"),
    "ip": ("from {}", "host {} is down", "ssh root@{}", "client: {}, status 500"),
    "passport": (
        "passport number {}",
        "Passport No. {}",
        '{{"passport": "{}"}}',
        "my passport is {}",
        "Reisepass: {}",
    ),
    "phone": ("call {}", "phone: {}", "my mobile is {}", "reach me at {}"),
}


def grouped(text: str, size: int, mark: str) -> str:
    """`text` in groups of `size` with `mark` between them."""
    return mark.join(text[at : at + size] for at in range(0, len(text), size))


def card_text(random: Random) -> tuple[str, bool]:
    """A card as written, and whether it needs a word beside it to be told from another number."""
    number = values.card(random)
    mark = random.choice(("", "", " ", "-"))
    if mark and len(number) == 15 and number[0] == "3":
        return mark.join((number[:4], number[4:10], number[10:])), False
    if mark and len(number) == 14:
        return mark.join((number[:4], number[4:10], number[10:])), False
    return (grouped(number, 4, mark) if mark else number), not mark


def ssn_text(random: Random) -> tuple[str, bool]:
    mark = random.choice(("-", "-", "-", " ", ""))
    return mark.join(values.ssn(random)), mark == ""


def iban_text(random: Random) -> tuple[str, bool]:
    number = values.iban(random)
    number = random.choice((number, number, grouped(number, 4, " "), grouped(number, 4, "-"), number.lower()))
    return number, False


def _plain(make: Callable[[Random], str], *, needs: bool = False) -> Callable[[Random], tuple[str, bool]]:
    return lambda random: (make(random), needs)


MAKERS: dict[str, Callable[[Random], tuple[str, bool]]] = {
    "card": card_text,
    "ssn": ssn_text,
    "iban": iban_text,
    "email": _plain(values.email),
    "api_key": _plain(values.api_key),
    "private_key": _plain(values.private_key),
    "ip": _plain(values.ip),
    "passport": _plain(values.passport, needs=True),
    "phone": _plain(values.phone),
}
"""What can be generated; medical and confidential words are lists, not shapes."""

STRUCTURED = ("card", "ssn", "iban", "email", "api_key", "private_key", "ip")
"""Kinds with a shape of their own, which have targets."""


def full_width(text: str) -> str:
    """Printable ASCII in its full-width form."""
    return "".join(chr(ord(it) + 0xFEE0) if "!" <= it <= "~" else it for it in text)


def with_zero_widths(text: str, random: Random) -> str:
    """An invisible character behind every third one."""
    hidden = random.choice("\u200b\u200c\u2060\u00ad\ufeff")
    return "".join(it + (hidden if at % 3 == 2 and at + 1 < len(text) else "") for at, it in enumerate(text))


def escaped(text: str, form: str) -> str:
    """Digits and marks written as escapes."""

    def one(it: str) -> str:
        match form:
            case "json":
                return f"\\u{ord(it):04x}"
            case "url":
                return f"%{ord(it):02X}"
            case _:
                return f"&#{ord(it)};"

    return "".join(one(it) if it.isdigit() or it in "@-. " else it for it in text)


def split(text: str, random: Random) -> str:
    """As two parts of a message, as they stand in the gathered text."""
    cut = random.randint(1, len(text) - 1)
    return text[:cut] + JOINT + text[cut:]


DISGUISES: dict[str, Callable[[str, Random], str]] = {
    "full-width": lambda text, _: full_width(text),
    "zero-width": with_zero_widths,
    "json": lambda text, _: escaped(text, "json"),
    "url": lambda text, _: escaped(text, "url"),
    "all-url": lambda text, _: (
        quote(text, safe="") if not text.isascii() else "".join(f"%{ord(it):02x}" for it in text)
    ),
    "html": lambda text, _: escaped(text, "html"),
    "base64": lambda text, _: base64.b64encode(text.encode()).decode(),
    "split": split,
    "no-break": lambda text, _: text.replace(" ", "\u00a0").replace("-", "\u2011"),
}

APPLIES: dict[str, tuple[str, ...]] = {
    "card": tuple(DISGUISES),
    "ssn": tuple(DISGUISES),
    "iban": tuple(it for it in DISGUISES if it != "no-break"),
    "email": ("full-width", "zero-width", "json", "url", "html", "base64"),
    "api_key": ("zero-width", "base64"),
    "private_key": ("base64",),
    "ip": ("full-width", "zero-width", "html", "base64"),
    "passport": ("full-width", "zero-width"),
    "phone": ("full-width", "zero-width"),
}
"""Which disguises are tried with which kind: those that the scanner promises to see through."""


def positives(kind: str, count: int, seed: int) -> Iterator[Sample]:
    """`count` texts with one value of `kind` each, half of them plain, half disguised."""
    random = Random(f"{seed}:{kind}")
    make, disguises = MAKERS[kind], APPLIES[kind]
    for index in range(count):
        text, needs_word = make(random)
        form = "plain" if index % 2 == 0 else disguises[index // 2 % len(disguises)]
        if form != "plain":
            text = DISGUISES[form](text, random)
            # A base64 or percent-encoded value stands alone: its neighbours cannot be its context.
        frames = WORDS[kind] if needs_word or random.random() < 0.5 else PLAIN
        if needs_word and form == "base64":
            # The word must be inside, or nothing could tell which number it is.
            inside = random.choice(WORDS[kind]).format(make(random)[0])
            yield Sample(f"see {base64.b64encode(inside.encode()).decode()}", kind, form)
            continue
        yield Sample(random.choice(frames).format(text), kind, form)


def _luhn_valid(random: Random, length: int) -> str:
    # Of no issuer: what an issuer could have given out counts as a card, whatever the words beside it.
    body = random.choice("179") + values.pick(random, digits, length - 2)
    return body + values.luhn_digit(body)


def _dashed(random: Random, *lengths: int) -> str:
    """Groups of digits with dashes between them."""
    return "-".join(values.pick(random, digits, length) for length in lengths)


def _timestamps(random: Random) -> str:
    seconds = random.randint(1_400_000_000, 1_900_000_000)
    return random.choice(
        (
            f"{seconds}",
            f"{seconds}{random.randint(0, 999):03}",
            f"ts={seconds}{random.randint(0, 999999):06}",
            f"2024-{random.randint(1, 12):02}-{random.randint(1, 28):02}T{random.randint(0, 23):02}:59:07Z",
            f"2024{random.randint(1, 12):02}{random.randint(1, 28):02}{random.randint(0, 235959):06}",
        )
    )


LOOK_ALIKES: dict[str, Callable[[Random], str]] = {
    "number (16 digits)": lambda r: f"{values.pick(r, '123456789', 1)}{values.pick(r, digits, 15)}",
    "number (15 digits)": lambda r: f"{values.pick(r, '123456789', 1)}{values.pick(r, digits, 14)}",
    "number (12 digits)": lambda r: f"account id {values.pick(r, digits, 12)}",
    "number (9 digits)": lambda r: values.pick(r, digits, 9),
    "order": lambda r: f"order {r.choice(('number ', 'no. ', '#', ''))}{_luhn_valid(r, 16)}",
    "order (amazon)": lambda r: f"Your order {_dashed(r, 3, 7, 7)} has shipped",
    "invoice": lambda r: (
        f"Invoice INV-{values.pick(r, digits, 9)} of {r.randint(1, 28)}.03.2024, ref {_luhn_valid(r, 16)}"
    ),
    "tracking": lambda r: f"tracking number {r.choice(('94', '92', '1Z999AA1'))}{values.pick(r, digits, 18)}",
    "tracking (grouped)": lambda r: f"tracking: {grouped(values.pick(r, digits, 20), 4, ' ')}",
    "part": lambda r: f"part {_dashed(r, 3, 2, 4)}",
    "part (letters)": lambda r: f"P/N {values.pick(r, ascii_uppercase, 2)}{values.pick(r, digits, 7)}",
    "serial": lambda r: f"serial {values.pick(r, ascii_uppercase + digits, 12)}",
    "sku": lambda r: f"SKU {values.pick(r, digits, 12)} x 2",
    "uuid": lambda r: str(UUID(int=r.getrandbits(128))),
    "uuid (digits)": lambda r: _dashed(r, 8, 4, 4, 4, 12),
    "timestamp": _timestamps,
    "version": lambda r: (
        f"version {r.randint(0, 20)}.{r.randint(0, 99)}.{r.randint(0, 999)}.{r.randint(0, 255)}"
    ),
    "release": lambda r: f"upgraded to v{r.randint(0, 20)}.{r.randint(0, 99)}.{r.randint(0, 999)}",
    "sha1": lambda r: f"commit {values.pick(r, values.HEX, 40)}",
    "sha256": lambda r: values.pick(r, values.HEX, 64),
    "md5": lambda r: f'etag "{values.pick(r, values.HEX, 32)}"',
    "decimal": lambda r: f"{r.random():.17f} and {r.random() * 1000:.13f}",
    "decimal (card)": lambda r: f"x = 0.{_luhn_valid(r, 16)}",
    "isbn": lambda r: f"ISBN 978-{_dashed(r, 1, 4, 4, 1)}",
    "ean": lambda r: f"EAN {values.pick(r, digits, 13)}",
    "imei": lambda r: f"IMEI {_luhn_valid(r, 15)}",
    "snowflake": lambda r: f"https://social.example/status/{r.randint(10**18, 19 * 10**17)}",
    "table": lambda r: " ".join(str(r.randint(1000, 9999)) for _ in range(12)),
    "years": lambda r: ", ".join(str(r.randint(1800, 2050)) for _ in range(8)),
    "matrix": lambda r: "\n".join(" ".join(values.pick(r, digits, 3) for _ in range(6)) for _ in range(4)),
    "hex dump": lambda r: " ".join(values.pick(r, values.HEX, 4) for _ in range(8)),
    "coordinates": lambda r: f"{r.random() * 90:.6f}, {r.random() * 180:.6f}",
    "money": lambda r: (
        f"EUR {r.randint(1, 999)},{r.randint(100, 999)},{r.randint(100, 999)}.{r.randint(10, 99)}"
    ),
    "decorator": lambda r: (
        f"@{values.word_noise(r)}.{values.word_noise(r)}\ndef {values.word_noise(r)}(self): ..."
    ),
    "image name": lambda r: f"logo-{values.word_noise(r)}@{r.randint(2, 3)}x.png",
    "package": lambda r: (
        f"npm i {values.word_noise(r)}@{r.randint(0, 9)}.{r.randint(0, 30)}.{r.randint(0, 9)}"
    ),
    "remote": lambda r: f"git@host.example:{values.word_noise(r)}/{values.word_noise(r)}",
    "time": lambda r: (
        f"{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}.{values.pick(r, digits, 6)}"
    ),
    "mac": lambda r: ":".join(values.pick(r, values.HEX, 2) for _ in range(6)),
    "loopback": lambda r: r.choice(("127.0.0.1", "0.0.0.0", "::1", "127.0.0.1:8080")),
    "masked key": lambda r: r.choice(
        ("sk-" + "x" * 40, "AKIAIOSFODNN7EXAMPLE", "ghp_" + "*" * 36, "sk-your-api-key-goes-here-1234567")
    ),
    "iban with a wrong digit": lambda r: (lambda it: it[:-1] + str((int(it[-1]) + 1) % 10))(
        values.iban(r)[:20] + values.pick(r, digits, 2)
    ),
    "card with a wrong digit": lambda r: (lambda it: it[:-1] + str((int(it[-1]) + 1) % 10))(values.card(r)),
    "key name": lambda r: f'api_key = os.environ["{values.word_noise(r).upper()}_API_KEY"]',
    "public key": lambda r: (
        f"-----BEGIN PUBLIC KEY-----\n{values.pick(r, values.ALNUM, 64)}\n-----END PUBLIC KEY-----"
    ),
    "base64 of noise": lambda r: base64.b64encode(r.randbytes(30)).decode(),
    "passport, the word": lambda r: (
        f"passport control opens at {r.randint(6, 9)}:30 on 2024-0{r.randint(1, 9)}-12"
    ),
    "embedded words": lambda r: r.choice(
        (
            "the agenda of the boundary",
            "standard redundant calendar",
            "pandas and conda",
            "mandatory foundation",
        )
    ),
}


def look_alikes(count: int, seed: int) -> Iterator[Sample]:
    """`count` texts without anything sensitive, evenly of each form."""
    random = Random(f"{seed}:look-alikes")
    forms = list(LOOK_ALIKES)
    frames = ("{}", "see {} for details", "log: {} done", '{{"value": "{}"}}')
    for index in range(count):
        form = forms[index % len(forms)]
        yield Sample(random.choice(frames).format(LOOK_ALIKES[form](random)), "", form)
