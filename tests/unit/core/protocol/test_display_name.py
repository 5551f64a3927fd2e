"""Names of clients that people may take for others (Unicode TR 39)."""

import pytest

from grantlog.core.protocol.display_name import misleading


@pytest.mark.parametrize(
    "name",
    [
        "PayPal",
        "Web & <Sons>",
        "Émile’s App 2",  # noqa: RUF001  # the apostrophe that people write
        "Cafe\u0301",
        "Московский банк",
        "Ελληνικά",
        "東京 Cafe",
        "カレンダー",
        "한국 App",
        "हिन्दी",
        "Müller №1™",
        "123",
        "",
    ],
)
def test_honest_names_are_left_alone(name: str) -> None:
    assert not misleading(name)


@pytest.mark.parametrize(
    "name",
    [
        "Pаypal",  # noqa: RUF001  # Latin with one Cyrillic letter
        "аррӏе",  # noqa: RUF001  # Cyrillic letters that spell a Latin word
        "ΑΒΒ",  # noqa: RUF001  # Greek
        "Ｂａｎｋ",  # noqa: RUF001  # full-width
        "𝐁𝐚𝐧𝐤",  # noqa: RUF001  # mathematical
        "Ⓑank",
        "oﬃce",
        "Bank\u202eknaB",
        "Bank\u200b",
        "Bank\x07",
        "Bank\u3164",
        "B\u0301\u0301\u0301ank",
        "Bank ٣",
        "Καλο Bank",  # Greek and Latin
    ],
)
def test_names_that_may_pass_for_others_are_found(name: str) -> None:
    assert misleading(name)
