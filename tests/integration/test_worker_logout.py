"""Back-channel logout as real processes do it: a tail that publishes, a broker, and a worker that tells the client."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.app import WEB, StartApp, wait_for
from tests.support.backchannel import receiver
from tests.support.beside import site_of
from tests.support.code_flow import redeem, redirect_of
from tests.support.processes import started
from tests.support.servers import StartValkey

pytestmark = pytest.mark.faults


def test_a_logout_reaches_the_client_through_the_broker_also_when_it_failed_first(
    start_app: StartApp, start_valkey: StartValkey, tmp_path: Path
) -> None:
    app = start_app(egress_private=True, broker_url=start_valkey(durable=True).url)
    with receiver() as told, started(site_of(app, tmp_path).role("worker")) as worker:
        told.statuses = [503]
        app.clients["told"] = app.register(replace(WEB, backchannel_logout_uri=told.url))
        browser = app.browser()
        assert redeem(app, redirect_of(app, browser, "told").query["code"], "told").status == 200
        assert browser.submit(browser.get("/logout")).status == 200
        wait_for(lambda: len(told.tokens) == 2)
        assert told.tokens[0] != told.tokens[1]
        delivered = 'grantlog_backchannel_logouts_total{outcome="delivered",worker="worker"}'
        wait_for(lambda: worker.metric(delivered) == 1)
        assert told.tokens[1] not in worker.written()
