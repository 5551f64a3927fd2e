"""One ``/metrics`` for all processes of ``grantlog dev``: each is scraped when it is asked for, and merged.

In production Prometheus scrapes every process itself; this spares a developer from running one.
"""

import asyncio
from collections.abc import Iterable, Mapping

import aiohttp
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

TIMEOUT = aiohttp.ClientTimeout(total=2)


class _Merged(Collector):
    """Families as they were read, for the library to print."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def merge(texts: Mapping[str, str | None]) -> bytes:
    """Merges expositions by worker name into one, in the text format. A worker without an answer (None) is ``up`` 0.

    Every sample gets the label ``worker`` where it has none. Samples that cannot be read leave their worker out.
    """
    families: dict[str, Metric] = {}
    up = GaugeMetricFamily("grantlog_dev_up", "1 where the process answers with its metrics.", labels=["worker"])
    for worker, text in texts.items():
        read = _read(text)
        up.add_metric([worker], 0 if read is None else 1)
        for family in read or ():
            standing = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            standing.samples.extend(_labelled(sample, worker) for sample in family.samples)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Merged([up, *families.values()]))
    return generate_latest(registry)


def metrics_app(targets: Mapping[str, str]) -> web.Application:
    """An application with ``GET /metrics``, over the URLs of the processes' own metrics by worker name."""

    async def metrics(_request: web.Request) -> web.Response:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            texts = await asyncio.gather(*(_fetch(session, url) for url in targets.values()))
        body = merge(dict(zip(targets, texts, strict=True)))
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    return app


async def _fetch(session: aiohttp.ClientSession, url: str) -> str | None:
    try:
        async with session.get(url) as answer:
            return await answer.text() if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError):
        return None


def _read(text: str | None) -> list[Metric] | None:
    if text is None:
        return None
    try:
        return list(text_string_to_metric_families(text))
    except ValueError:
        return None


def _labelled(sample: Sample, worker: str) -> Sample:
    if "worker" in sample.labels:
        return sample
    return sample._replace(labels={**sample.labels, "worker": worker})
