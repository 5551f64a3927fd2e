"""``grantlog users`` against a running application on real servers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from tests.support.app import API, Running

from grantlog.core.protocol.resource import Catalog, ResourceRule
from grantlog.flows.accounts import find_account
from grantlog.flows.claims import attributes_of

Command = Callable[..., Result]


def test_a_user_logs_in_by_the_password_that_was_typed_last(app: Running, answer: Callable[..., Any]) -> None:
    made = answer("users", "add", "Bob", "--name", "Bob Example", "--email", "bob@example.com", stdin="first one\n")
    assert {made[name] for name in ("username", "name", "email")} == {"Bob", "Bob Example", "bob@example.com"}
    assert not made["locked"]
    answer("users", "set-password", "bob", stdin="second one\n")

    def check(password: str) -> bool:
        account = app.run(find_account(app.service, "bob"))
        return app.run(app.service.ports.passwords.check(account, password)).ok

    assert [check(password) for password in ("first one", "second one", "second one\n")] == [False, True, False]
    assert answer("users", "show", "BOB")["account"] == made["account"]


def test_what_is_said_of_a_person_is_set_and_shown_and_told(
    app: Running, answer: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "claims.json"
    file.write_text(json.dumps({"given_name": "Ada", "address": {"locality": "London"}, "nickname": "A"}))
    words = ["--claims-file", str(file), "--claim", "address.country=UK", "--claim", "email_verified=true"]
    rights = ["--role", "admin", "--role", "auditor", "--group", "staff", "--entitlement", "export"]
    made = answer("users", "add", "ada", "--email", "ada@example.com", *words, *rights, stdin="a password\n")
    told = {
        "given_name": "Ada",
        "nickname": "A",
        "address": {"locality": "London", "country": "UK"},
        "email": "ada@example.com",
        "email_verified": True,
        "roles": ["admin", "auditor"],
        "groups": ["staff"],
        "entitlements": ["export"],
    }
    assert {name: made[name] for name in told} == told
    changed = answer("users", "set-claims", "ADA", "--claim", "nickname=", "--claim", "locale=en", "--group", "")
    assert "nickname" not in changed
    assert (changed["locale"], changed["groups"], changed["roles"]) == ("en", [], ["admin", "auditor"])
    assert changed["updated_at"] > 0
    shown = answer("users", "show", "ada")
    assert shown == changed
    account = app.run(find_account(app.service, "ada"))
    assert account is not None
    assert app.run(attributes_of(app.service, account, Catalog((ResourceRule(API, (), attributes=True),)), (API,))) == (
        '{"roles":["admin","auditor"],"entitlements":["export"]}'
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--claim", "sub=x"], "sub"),
        (["--claim", "username=x"], "username"),
        (["--claim", "address.planet=Earth"], "address"),
        (["--claim", "updated_at=-1"], "updated_at"),
        (["--role", "x" * 2000], "roles"),
    ],
)
def test_what_is_no_claim_is_a_sentence(command: Command, words: list[str], complaint: str) -> None:
    result = command("users", "set-claims", "alice", *words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("grantlog: ")
    assert complaint in result.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], ""),
        (["--claim", "name"], ""),
        (["--claim", "email_verified=perhaps"], ""),
        (["--claims-file"], "{"),
        (["--claims-file"], "[]"),
        (["--claims-file"], "\udcff"),
    ],
)
def test_a_claim_that_cannot_be_read_is_a_wrong_use(
    command: Command, tmp_path: Path, words: list[str], text: str
) -> None:
    file = tmp_path / "claims.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    given = [*words, str(file)] if words == ["--claims-file"] else words
    assert command("users", "set-claims", "alice", *given).exit_code == 2


def test_locking_and_unlocking_show_in_the_account(answer: Callable[..., Any]) -> None:
    answer("users", "add", "carol", stdin="a password\n")
    assert answer("users", "lock", "carol", "--cause", "left")["locked"]
    assert answer("users", "show", "carol")["locked"]
    assert not answer("users", "unlock", "carol")["locked"]


@pytest.mark.parametrize(
    ("words", "stdin", "complaint"),
    [
        (["users", "add", "alice"], "a password\n", "taken"),
        (["users", "add", " "], "a password\n", "username"),
        (["users", "add", "dave"], "\n", "not empty"),
        (["users", "add", "dave"], "", "not empty"),
        (["users", "add", "dave"], "x" * 1025 + "\n", "1024 bytes"),
        (["users", "set-password", "alice"], "a\tb\n", "control"),
        (["users", "set-password", "nobody"], "a password\n", "not known"),
        (["users", "lock", "nobody"], "", "not known"),
        (["users", "show", "nobody"], "", "not known"),
        (["clients", "suspend", "nobody"], "", "not known"),
        (["clients", "rotate-secret", "nobody"], "", "not known"),
        (["keys", "rotate", "--compromised", "nobody"], "", "not known"),
        (["tokens", "inspect"], "gl_at_nonsense\n", "not a token"),
        (["tokens", "inspect"], "", "not a token"),
        (["tokens", "revoke", "-"], "a.b.c\n", "not a token"),
        (["tokens", "inspect", "--family", "00000000-0000-7000-8000-000000000000"], "", "no such family"),
        (["tokens", "revoke", "--family", "00000000-0000-7000-8000-000000000000"], "", "no such family"),
    ],
)
def test_a_refused_command_is_a_sentence_and_no_traceback(
    command: Command, words: list[str], stdin: str, complaint: str
) -> None:
    result = command(*words, stdin=stdin)
    assert result.exit_code == 1
    assert result.stderr.startswith("grantlog: ")
    assert complaint in result.stderr
    assert stdin.strip() == "" or stdin.strip() not in result.output


def test_no_password_is_taken_from_the_command_line(command: Command) -> None:
    assert command("users", "add", "erin", "a password").exit_code == 2
    assert command("tokens", "inspect", "gl_at_whatever").exit_code == 2
