"""Values of each kind, valid by construction and made up: no number here belongs to anyone on purpose."""

from collections.abc import Callable
from random import Random
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits

ALNUM = ascii_letters + digits
URL_SAFE = ALNUM + "-_"
HEX = "0123456789abcdef"

ISSUERS: tuple[tuple[str, tuple[str, ...], tuple[int, ...]], ...] = (
    ("visa", ("4",), (13, 16, 16, 16, 19)),
    ("mastercard", ("51", "52", "53", "54", "55", "2221", "2350", "2500", "2720"), (16,)),
    ("amex", ("34", "37"), (15,)),
    ("diners", ("300", "301", "305", "36", "38"), (14,)),
    ("discover", ("6011", "644", "65"), (16, 19)),
    ("jcb", ("3528", "3530", "3589"), (16, 19)),
    ("unionpay", ("62",), (16, 17, 18, 19)),
    (
        "maestro",
        ("5018", "5020", "5038", "5893", "6304", "6759", "6761", "6762", "6763"),
        (12, 13, 15, 16, 19),
    ),
)

IBAN_SHAPES: dict[str, str] = {
    "AT": "n16",
    "BE": "n12",
    "CH": "n5c12",
    "CZ": "n20",
    "DE": "n18",
    "DK": "n14",
    "ES": "n20",
    "FI": "n14",
    "FR": "n10c11n2",
    "GB": "a4n14",
    "IE": "a4n14",
    "IT": "a1n10c12",
    "LU": "n3c13",
    "MT": "a4n5c18",
    "NL": "a4n10",
    "NO": "n11",
    "PL": "n24",
    "PT": "n21",
    "SA": "n2c18",
    "SE": "n20",
    "TR": "n5n1c16",
    "UA": "n6c19",
}


def pick(random: Random, alphabet: str, count: int) -> str:
    """`count` characters of `alphabet`."""
    return "".join(random.choice(alphabet) for _ in range(count))


def luhn_digit(body: str) -> str:
    """The digit that makes `body` pass."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return str(-total % 10)


def card(random: Random) -> str:
    """The digits of a card."""
    _, prefixes, lengths = random.choice(ISSUERS)
    prefix, length = random.choice(prefixes), random.choice(lengths)
    body = prefix + pick(random, digits, length - len(prefix) - 1)
    return body + luhn_digit(body)


def ssn(random: Random) -> tuple[str, str, str]:
    """Area, group and serial of a social security number."""
    area = random.choice([number for number in (*range(1, 666), *range(667, 900))])
    return f"{area:03}", f"{random.randint(1, 99):02}", f"{random.randint(1, 9999):04}"


def iban(random: Random) -> str:
    """An account number with the right check digits."""
    country = random.choice(list(IBAN_SHAPES))
    shape, body = IBAN_SHAPES[country], ""
    while shape:
        kind, rest = shape[0], shape[1:]
        count = "".join(it for it in _leading_digits(rest))
        shape = rest[len(count) :]
        alphabet = {"n": digits, "a": ascii_uppercase, "c": digits * 3 + ascii_uppercase}[kind]
        body += pick(random, alphabet, int(count))
    number = "".join(str(int(it, 36)) for it in f"{body}{country}00")
    return f"{country}{98 - int(number) % 97:02}{body}"


def _leading_digits(text: str) -> str:
    end = next((at for at, it in enumerate(text) if not it.isdigit()), len(text))
    return text[:end]


NAMES = [
    "ann",
    "ben",
    "carla",
    "dmitri",
    "elif",
    "farid",
    "grace",
    "hana",
    "ivo",
    "jun",
    "kofi",
    "lena",
    "mateo",
    "nia",
    "otto",
    "priya",
]
HOSTS = ["example", "acme", "nordwind", "harbour", "quarry", "lumen", "fields", "orchard"]
TOPS = ["com", "org", "net", "io", "de", "fr", "co.uk", "dev", "ai", "info"]


def email(random: Random) -> str:
    """An address for mail."""
    first, second = random.choice(NAMES), random.choice(NAMES)
    local = random.choice(
        (
            f"{first}.{second}",
            f"{first}{random.randint(1, 99)}",
            f"{first}_{second}",
            f"{first[0]}{second}+{random.choice(HOSTS)}",
            f"{first.title()}{second.title()}",
            f"{first}-{second}",
        )
    )
    host = random.choice(
        (
            random.choice(HOSTS),
            f"mail.{random.choice(HOSTS)}",
            f"{random.choice(HOSTS)}-{random.choice(HOSTS)}",
        )
    )
    return f"{local}@{host}.{random.choice(TOPS)}"


def _random_letter_last(random: Random, alphabet: str, count: int) -> str:
    return pick(random, alphabet, count - 1) + random.choice(ascii_letters)


KEY_SHAPES: tuple[Callable[[Random], str], ...] = (
    lambda r: "AKIA" + pick(r, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
    lambda r: "ASIA" + pick(r, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
    lambda r: r.choice(("ghp_", "gho_", "ghs_", "ghu_")) + pick(r, ALNUM, 36),
    lambda r: "github_pat_" + pick(r, ALNUM, 22) + "_" + pick(r, ALNUM, 59),
    lambda r: "sk-" + pick(r, ALNUM, 20) + "T3BlbkFJ" + pick(r, ALNUM, 20),
    lambda r: f"sk-proj-{_random_letter_last(r, URL_SAFE, 74)}T3BlbkFJ{_random_letter_last(r, URL_SAFE, 74)}",
    lambda r: "sk-ant-api03-" + pick(r, URL_SAFE, 93) + "AA",
    lambda r: f"xoxb-{pick(r, digits, 12)}-{pick(r, digits, 13)}-{pick(r, ALNUM, 24)}",
    lambda r: r.choice(("sk_live_", "rk_live_", "sk_test_")) + pick(r, ALNUM, 24),
    lambda r: "AIza" + _random_letter_last(r, URL_SAFE, 35),
    lambda r: "hf_" + pick(r, ascii_letters, 34),
    lambda r: "npm_" + pick(r, ALNUM, 36),
    lambda r: "glpat-" + _random_letter_last(r, URL_SAFE, 20),
    lambda r: f"SG.{_random_letter_last(r, URL_SAFE, 22)}.{_random_letter_last(r, URL_SAFE, 43)}",
    lambda r: "dapi" + pick(r, HEX, 32),
    lambda r: f"eyJ{pick(r, ALNUM, 33)}.eyJ{pick(r, ALNUM, 60)}.{_random_letter_last(r, URL_SAFE, 43)}",
)


def api_key(random: Random) -> str:
    """A key of one of the families."""
    return random.choice(KEY_SHAPES)(random)


def private_key(random: Random) -> str:
    """A private key in PEM, as lines."""
    kind = random.choice(("RSA ", "EC ", "", "OPENSSH ", "DSA ", "ENCRYPTED "))
    lines = [pick(random, ALNUM + "+/", 64) for _ in range(random.randint(3, 20))]
    return "\n".join((f"-----BEGIN {kind}PRIVATE KEY-----", *lines, f"-----END {kind}PRIVATE KEY-----"))


def ip(random: Random) -> str:
    """An address of a machine that is neither loopback nor like a version."""
    if random.random() < 0.3:
        groups = [pick(random, HEX, 4) for _ in range(8)]
        if random.random() < 0.5:
            start = random.randint(2, 5)
            return ":".join(groups[:start]) + "::" + ":".join(groups[start + 2 :])
        return ":".join(groups)
    return f"{random.choice([*range(11, 127), *range(128, 224)])}." + ".".join(
        str(random.randint(0, 255)) for _ in range(3)
    )


def passport(random: Random) -> str:
    """A passport number of one of the common shapes."""
    return random.choice(
        (
            lambda: pick(random, digits, 9),
            lambda: random.choice(ascii_uppercase) + pick(random, digits, 8),
            lambda: pick(random, ascii_uppercase, 2) + pick(random, digits, 7),
            lambda: (
                "C"
                + pick(random, "0123456789CFGHJKLMNPRTVWXYZ", 2)
                + pick(random, digits, 5)
                + random.choice(digits)
            ),
        )
    )()


def phone(random: Random) -> str:
    """A telephone number, international or North American."""
    area, exchange = random.randint(201, 989), random.randint(200, 999)
    line = f"{random.randint(0, 9999):04}"
    return random.choice(
        (
            f"({area}) {exchange}-{line}",
            f"{area}-{exchange}-{line}",
            f"{area}.{exchange}.{line}",
            f"+1 {area} {exchange} {line}",
            f"+1-{area}-{exchange}-{line}",
            f"+44 7700 {random.randint(100000, 999999)}",
            f"+49 30 {random.randint(1000000, 99999999)}",
            "+33 6 " + " ".join(str(random.randint(10, 99)) for _ in range(4)),
        )
    )


def word_noise(random: Random) -> str:
    """A lower-case word without meaning."""
    return pick(random, ascii_lowercase, random.randint(2, 9))
