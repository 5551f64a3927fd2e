"""Names that clients give themselves, in front of people: which of them may pass for another (Unicode TR 39)."""

import unicodedata

_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
)
"""Scripts that are written in one text (TR 39 section 5.2, "Highly Restrictive"); every other mixture is not."""
_LOOK_LATIN = frozenset(
    "асԁеһіјӏорԛѕтԝхуѵАВЕЅІЈКМНОРСТУХ"  # Cyrillic letters that look like Latin ones: that is the point
    "αγιονρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"  # Greek ones
    "օսոհցգքԼՏԱ"  # Armenian ones
    "ꭰꭺꮃꮇꮋꮎꮓꮢꮪꮩ"  # Cherokee ones
)
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""What is a letter or a sign to Unicode, and nothing to the eye."""
MARKS_LIMIT = 2
"""So many combining marks one letter may carry."""


def misleading(name: str) -> bool:
    """Whether people may take ``name`` for another: scripts mixed, letters that look like Latin ones, signs nobody sees."""
    scripts: set[str] = set()
    look_alikes = others = marks = 0
    for character in name:
        category = unicodedata.category(character)
        if category in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or character in BLANK:
            return True
        marks = marks + 1 if category.startswith("M") else 0
        if marks > MARKS_LIMIT:
            return True
        if _dressed_up(character, category) or (category == "Nd" and not character.isascii()):
            return True
        if category.startswith("L"):
            scripts.add(_script(character))
            look_alikes += character in _LOOK_LATIN
            others += character not in _LOOK_LATIN
    if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
        return True
    # a whole word of look-alikes is no word of its own script
    return look_alikes > 0 and not others


def _dressed_up(character: str, category: str) -> bool:
    """Whether a sign is another one in a costume: wide, ligated, circled, mathematical. ``™`` and ``№`` are themselves."""
    plain = unicodedata.normalize("NFKC", character)
    return plain != character and (category.startswith("L") or len(plain) == 1)


def _script(character: str) -> str:
    """The script of a letter, by the first word of its name in the Unicode character database."""
    return unicodedata.name(character, "UNNAMED").split(" ")[0].partition("-")[0]
