"""What ops say holds against the program: commands, settings, metrics and documents that exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from grantlog import metrics
from grantlog.cli import COMMANDS
from grantlog.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "ops/prometheus/rules.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
KNOWN = {PREFIX + name.upper() for name in Settings.model_fields}
OURS = {
    name: service for name, service in COMPOSE["services"].items() if service.get("image", "").startswith("grantlog")
}


def test_the_composition_has_every_role() -> None:
    wanted = {"postgres", "valkey", "migrate", "issuer", "introspection", "tail", "worker", "beat", "prometheus"}
    assert wanted <= set(COMPOSE["services"])


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_of_the_composition_exists(name: str) -> None:
    assert OURS[name]["command"][0] in COMMANDS


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_variable_of_the_composition_is_a_setting(name: str) -> None:
    assert set(OURS[name]["environment"]) <= KNOWN


def test_every_variable_that_the_composition_asks_for_is_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{(\w+)", text))
    offered = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert asked == offered


def test_every_file_that_the_composition_mounts_exists() -> None:
    mounts = [
        str(volume).split(":", 1)[0]
        for service in COMPOSE["services"].values()
        for volume in service.get("volumes", ())
        if str(volume).startswith("./")
    ]
    assert mounts
    assert [mount for mount in mounts if not (ROOT / mount).is_file()] == []


def test_every_file_that_the_image_copies_exists() -> None:
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "ops/Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [name for line in copied for name in line.split() if not (ROOT / name).exists()] == []


def test_prometheus_scrapes_every_process_that_shows_metrics() -> None:
    config = yaml.safe_load((ROOT / "ops/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    targets = {
        target.split(":")[0]
        for job in config["scrape_configs"]
        for entry in job["static_configs"]
        for target in entry["targets"]
    }
    assert targets == set(OURS) - {"migrate"}


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_every_alert_reads_metrics_that_exist_and_has_a_runbook(rule: dict[str, Any]) -> None:
    exposed = {sample.name for family in metrics.REGISTRY.collect() for sample in family.samples}
    exposed |= {family.name + suffix for family in metrics.REGISTRY.collect() for suffix in ("", "_total", "_bucket")}
    asked = set(re.findall(r"grantlog_\w+", rule["expr"]))
    assert asked
    assert asked <= exposed
    assert f"## {rule['alert']}\n" in (ROOT / "ops/runbooks/README.md").read_text(encoding="utf-8")


def test_the_readme_explains_every_setting() -> None:
    assert set(re.findall(r"^\| `(GRANTLOG_\w+)` \|", README, re.MULTILINE)) == KNOWN - {PREFIX + "DEV"}


def test_the_readme_names_every_command() -> None:
    assert [name for name in COMMANDS if f"`{name}`" not in README] == []


def test_every_promise_of_the_readme_is_held_by_tests_that_exist() -> None:
    section = README.split("## Promises", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert len(rows) >= 9
    for row in rows:
        held = re.findall(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`", row)
        assert held, row
        for path, name in held:
            assert (ROOT / path).is_file(), path
            assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), name


def test_every_attack_of_the_catalogue_is_held_by_tests_that_exist() -> None:
    catalogue = (ROOT / "tests/attacks/README.md").read_text(encoding="utf-8")
    rows = [line for line in catalogue.splitlines() if line.startswith("| ") and not line.startswith("|---")]
    assert len(rows) >= 90
    for name in re.findall(r"`([a-z0-9_/]+(?:::\w+)?)`", "\n".join(rows)):
        where, _, test = name.partition("::")
        if "/" not in where and not test and not (ROOT / f"tests/protocol/test_{where}.py").is_file():
            assert where in {"iss", "at_hash", "web_message", "client_id", "sub"}, name
            continue
        path = ROOT / (
            f"tests/attacks/test_{where.removeprefix('attacks/')}.py"
            if where.startswith("attacks/")
            else f"tests/protocol/test_{where}.py"
        )
        assert path.is_file(), name
        assert not test or f"def {test}(" in path.read_text(encoding="utf-8"), name
