"""House rules that no linter knows."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = frozenset(
    {".py", ".md", ".sql", ".lua", ".toml", ".yml", ".yaml", ".json", ".html", ".css", ".sh", ".cfg", ".mako", ""}
)
LOCK = ROOT / "requirements.lock"

UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:home|Users|root|work|mnt|workspace)/[\w.-]+")
ADDRESS = re.compile(r"https?://|--index-url|--extra-index-url|--find-links|@ (?:https?|file|git)")
LONGEST_FILE = 400


def tracked() -> list[Path]:
    """Every text file of the repository: what is committed, and what is about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.suffix in TEXT and path.is_file()]


def lines_that(pattern: re.Pattern[str], *, without: frozenset[str] = frozenset()) -> list[str]:
    """Where a pattern occurs, as ``file:line: text``."""
    found = []
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        if name in without:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{name}:{number}: {line.strip()[:100]}")
    return found


def test_modules_import_only_what_their_layer_may() -> None:
    # In a process of its own: in ours it would silence the loggers of other tests.
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_nothing_is_left_for_later() -> None:
    assert lines_that(UNFINISHED, without=frozenset({"requirements.lock"})) == []


def test_no_path_of_anybodys_machine_is_committed() -> None:
    assert lines_that(MACHINE_PATH, without=frozenset({"requirements.lock", "LICENSE"})) == []


def test_the_lock_names_hashes_and_no_address() -> None:
    text = LOCK.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if ADDRESS.search(line)] == []
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    without_hash = [entry.splitlines()[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry]
    assert without_hash == []
    assert len(entries) > 50


def test_no_module_grows_beyond_a_few_screens() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in tracked()
        if path.suffix == ".py" and (count := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_the_help_imports_no_command() -> None:
    script = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from grantlog.cli import grantlog, COMMANDS\n"
        "answer = CliRunner().invoke(grantlog, ['--help'])\n"
        "assert answer.exit_code == 0, answer.output\n"
        "assert all(name in answer.output for name in COMMANDS), answer.output\n"
        "heavy = {'asyncpg', 'aiohttp', 'celery', 'redis', 'sqlalchemy', 'rich', 'grantlog.wiring'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_every_command_says_what_it_does_and_prints_json() -> None:
    script = (
        "import click\n"
        "from grantlog.cli import grantlog, COMMANDS\n"
        "def leaves(path, command):\n"
        "    if isinstance(command, click.Group):\n"
        "        for name in command.list_commands(click.Context(command)):\n"
        "            yield from leaves([*path, name], command.get_command(click.Context(command), name))\n"
        "    else:\n"
        "        yield path, command\n"
        "for name in COMMANDS:\n"
        "    for path, leaf in leaves([name], grantlog.get_command(click.Context(grantlog), name)):\n"
        "        assert leaf.help, path\n"
        "        assert any('--json' in option.opts for option in leaf.params), path\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
