"""An incident: recorded once, its families listed once, everybody told once."""

from uuid import UUID

import pytest
from tests.support.given import given
from tests.support.refusals import reason_of

from grantlog.core.decision import Decision
from grantlog.core.identifiers import ClientId, Micros
from grantlog.core.incident.decide import LISTED_LIMIT, Record, list_families, notify, record
from grantlog.core.incident.events import FamiliesListed, FindingRecorded, Notified
from grantlog.core.incident.state import IncidentEvent, Notification, evolve

NOW = Micros(1_760_000_000_000_000)
FOUND = FindingRecorded(
    kind="refresh_reuse",
    severity="critical",
    grant=UUID(int=1),
    client_id=ClientId("web-shop"),
    account=UUID(int=2),
    detail=(("cause", "theft"), ("presented_version", "2")),
    recorded_at=NOW,
)


def test_a_finding_begins_an_incident_its_detail_sorted() -> None:
    command = Record(
        kind="refresh_reuse",
        severity="critical",
        grant=UUID(int=1),
        client_id=ClientId("web-shop"),
        account=UUID(int=2),
        detail=(("presented_version", "2"), ("cause", "theft")),
    )
    assert record(None, command, NOW) == Decision(FOUND, None)
    state = given(evolve, FOUND)
    assert state is not None
    assert (state.version, state.kind, state.severity, state.families_count) == (1, "refresh_reuse", "critical", None)


def test_recording_again_is_no_event() -> None:
    assert record(given(evolve, FOUND), Record(kind="retry_limit", severity="info"), NOW) == Decision(None, None)


def test_families_are_listed_once_and_only_so_many_are_named() -> None:
    families = [UUID(int=number) for number in range(LISTED_LIMIT + 5)]
    decision = list_families(given(evolve, FOUND), families, 1000)
    assert decision.event == FamiliesListed(count=1000, families=tuple(families[:LISTED_LIMIT]))
    listed = given(evolve, FOUND, decision.event)
    assert listed is not None
    assert (listed.families_count, len(listed.families)) == (1000, LISTED_LIMIT)
    assert list_families(listed, families, 1000) == Decision(None, None)


def test_no_family_is_a_list_too() -> None:
    listed = given(evolve, FOUND, FamiliesListed(count=0, families=()))
    assert list_families(listed, [], 0) == Decision(None, None)


def test_telling_is_recorded_per_channel_and_what_was_delivered_stays_delivered() -> None:
    failed, delivered = Notified(channel="webhook", outcome="failed"), Notified(channel="webhook", outcome="delivered")
    assert notify(given(evolve, FOUND), "webhook", "failed").event == failed
    assert notify(given(evolve, FOUND, failed), "webhook", "failed") == Decision(None, None)
    assert notify(given(evolve, FOUND, failed), "webhook", "delivered").event == delivered
    told = given(evolve, FOUND, Notified(channel="log", outcome="delivered"), failed, delivered)
    assert notify(told, "webhook", "failed") == Decision(None, None)
    assert told is not None
    assert told.notifications == (
        Notification(channel="log", outcome="delivered"),
        Notification(channel="webhook", outcome="delivered"),
    )


def test_nothing_is_done_about_an_unknown_incident() -> None:
    assert reason_of(list_families(None, [], 0)) == "incident_unknown"
    assert reason_of(notify(None, "log", "delivered")) == "incident_unknown"


@pytest.mark.parametrize("event", [FamiliesListed(count=0, families=()), Notified(channel="log", outcome="failed")])
def test_only_a_finding_begins_an_incident(event: IncidentEvent) -> None:
    with pytest.raises(ValueError, match="cannot begin an incident"):
        evolve(None, event, 1)
