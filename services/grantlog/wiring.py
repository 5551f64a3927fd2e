"""Composition root: the only importer of adapters. Settings in, a ``Service`` with open ports out."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from json import dumps
from uuid import UUID

from pydantic import SecretStr

from grantlog import settings as settings_module
from grantlog.adapters.asking_tls import AskingContext
from grantlog.adapters.celery_outbox import open_outbox
from grantlog.adapters.clock import PostgresClock
from grantlog.adapters.crypto.opening import open_crypto
from grantlog.adapters.crypto.root_keys import RootKeyError, RootKeys, read_root_keys
from grantlog.adapters.egress import open_egress
from grantlog.adapters.postgres.migrate import migrate
from grantlog.adapters.postgres.opening import open_postgres
from grantlog.adapters.postgres.pool import open_pool
from grantlog.adapters.postgres.recover import recover
from grantlog.adapters.redis.client import open_redis
from grantlog.adapters.schemas import compiled
from grantlog.core.protocol.policy import (
    AssertionRule,
    DetailsType,
    LoginDelegate,
    Policy,
    TrustedIssuer,
    UpstreamProvider,
)
from grantlog.core.protocol.resource import Catalog, ResourceRule
from grantlog.flows.callers import Callers
from grantlog.flows.client_directory import ClientDirectory
from grantlog.flows.client_documents import ClientDocuments
from grantlog.flows.fallback import Fallback
from grantlog.flows.gate_watch import GateWatch
from grantlog.flows.hearing import Hearing
from grantlog.flows.key_watch import KeyWatch
from grantlog.flows.service import Service
from grantlog.ports import Ports
from grantlog.settings import Settings, SettingsError


def policy_of(settings: Settings) -> Policy:
    """What the operator decided, as the flows want it."""
    rules = tuple(
        ResourceRule(
            uri=resource.uri,
            scopes=resource.scopes,
            token_format=resource.token_format,
            signing_alg=resource.signing_alg,
            attributes=resource.attributes,
            texts=resource.texts,
            implies=resource.implies,
            name=resource.name,
        )
        for resource in settings.resources
    )
    return Policy(
        issuer=settings.issuer,
        catalog=Catalog(rules),
        profile=settings.profile,
        token_prefix=settings.token_prefix,
        code_lifetime=settings.code_lifetime,
        access_token_lifetime=settings.access_token_lifetime,
        id_token_lifetime=settings.id_token_lifetime,
        refresh_idle_lifetime=settings.refresh_idle_lifetime,
        refresh_absolute_lifetime=settings.refresh_absolute_lifetime,
        session_lifetime=settings.session_lifetime,
        login_lifetime=settings.login_lifetime,
        grace_window=settings.grace_window,
        jwks_max_age=settings.jwks_max_age,
        signing_key_lifetime=settings.signing_key_lifetime,
        pending_logins_per_client=settings.pending_logins_per_client,
        projection_lease=settings.projection_lease,
        registration_open=settings.initial_access_token is not None,
        par_required=settings.par_required or settings.profile == "fapi2",
        par_lifetime=settings.par_lifetime,
        device_lifetime=settings.device_lifetime,
        device_interval=settings.device_interval,
        device_codes_per_client=settings.device_codes_per_client,
        dpop_nonce_required=settings.dpop_nonce_required,
        mtls_base_url=settings.mtls_base_url,
        certificate_authorities=settings.client_certificate_authorities is not None,
        client_id_documents=settings.client_id_documents,
        exchange_depth=settings.exchange_depth,
        details_types=tuple(
            DetailsType(
                type=known.type,
                schema=known.schema_,
                title=known.title,
                labels=known.labels,
                valid=compiled(known.schema_, known.type),
            )
            for known in settings.authorization_details_types
        ),
        trusted_issuers=tuple(_trusted(known) for known in settings.trusted_issuers),
        upstream_providers=tuple(
            UpstreamProvider(
                name=known.name,
                label=known.label,
                issuer=known.issuer,
                client_id=known.client_id,
                client_secret=known.client_secret.get_secret_value(),
                scope=known.scope,
                creates_accounts=known.creates_accounts,
            )
            for known in settings.upstream_providers
        ),
        login_delegate=None
        if settings.login_delegate is None
        else LoginDelegate(url=settings.login_delegate.url, client_id=settings.login_delegate.client_id),
    )


def _trusted(known: settings_module.TrustedIssuer) -> TrustedIssuer:
    return TrustedIssuer(
        issuer=known.issuer,
        jwks_uri=known.jwks_uri,
        jwks="" if known.jwks is None else dumps(known.jwks),
        purposes=known.purposes,
        rules=tuple(
            AssertionRule(claims=rule.claims, client_id=rule.client_id, scope=rule.scope, lifetime=rule.lifetime)
            for rule in known.rules
        ),
    )


def rules_of(settings: Settings) -> dict[str, str]:
    """The token buckets by name, each "how many/how long"."""
    return {
        "token": settings.rate_token,
        "introspect": settings.rate_token,
        "revoke": settings.rate_revoke,
        "register": settings.rate_register,
        "authorize": settings.rate_authorize,
        "login_account": settings.rate_login_account,
        "login_address": settings.rate_login_address,
        "retry": f"{settings.grace_retries}/minute",
        "par": settings.rate_token,
        "device_authorization": settings.rate_device,
        "delegate": settings.rate_token,
        "user_code": settings.rate_user_code,
        "second_factor": settings.rate_second_factor,
        "finding": "1/minute",
        "client_document": settings.rate_register,
        "client_document_host": "60/minute",
    }


async def migrate_databases(settings: Settings) -> list[str]:
    """Brings the log's database and the vault to this program's schema. The revisions that were applied, oldest first."""
    operator = _value(settings.operator_database_url) or settings.database_url.get_secret_value()
    return await migrate(operator, _value(settings.vault_database_url))


async def recover_log(settings: Settings) -> UUID:
    """Gives the log a new id after a restore or a lost tail; no projection is trusted from now on. Returns the id."""
    return await recover(_value(settings.operator_database_url) or settings.database_url.get_secret_value())


def root_keys_of(settings: Settings) -> RootKeys:
    """The root key list. Raises RootKeyError, also for a demo's key outside ``grantlog dev``: no demo is served in earnest.

    Everything in a database is wrapped under its root keys, so refusing the key refuses the demo's database as well.
    """
    keys = read_root_keys(_value(settings.root_keys), settings.root_keys_file)
    if keys.for_development and not settings.dev:
        raise RootKeyError("GRANTLOG_ROOT_KEYS holds a key that `grantlog dev` made for a demo")
    return keys


def asking_context(settings: Settings) -> ssl.SSLContext:
    """TLS that asks clients for their certificates (RFC 8705). Raises SettingsError when ours cannot be used."""
    if settings.tls_certificate is None or settings.tls_key is None:
        raise SettingsError("GRANTLOG_MTLS_PORT needs GRANTLOG_TLS_CERTIFICATE and GRANTLOG_TLS_KEY")
    try:
        return AskingContext(settings.tls_certificate, settings.tls_key)
    except OSError as wrong:
        raise SettingsError(f"GRANTLOG_TLS_CERTIFICATE, GRANTLOG_TLS_KEY: {wrong.strerror or 'no such pair'}") from None


@asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Service]:
    """Opens every connection a process needs, and closes them in order.

    Raises UnavailableError when a store does not answer, RootKeyError for a root key list that does not fit the database.
    """
    async with AsyncExitStack() as stack:
        clock = PostgresClock()
        postgres = await stack.enter_async_context(
            open_postgres(
                settings.database_url.get_secret_value(),
                clock=clock,
                queue=settings.append_queue,
                name=f"grantlog {settings.worker_name}",
            )
        )
        vault = postgres.pool
        if settings.vault_database_url is not None:
            vault_dsn = settings.vault_database_url.get_secret_value()
            vault = await stack.enter_async_context(open_pool(vault_dsn, name="grantlog vault", size=2))
        crypto = await stack.enter_async_context(
            open_crypto(
                root_keys_of(settings),
                postgres.log,
                postgres.pool,
                vault,
                password_workers=settings.password_workers,
                password_queue=settings.password_queue,
                authorities=settings.client_certificate_authorities,
            )
        )
        redis = await stack.enter_async_context(
            open_redis(
                settings.redis_url.get_secret_value(),
                cluster=settings.redis_cluster,
                tags=settings.projection_tags,
                lease=settings.projection_lease,
                clock=clock,
                rules=rules_of(settings),
                hash_key=crypto.secrets.keyed_hash("throttle", b""),
            )
        )
        ports = Ports(
            log=postgres.log,
            tail=postgres.tail,
            leases=postgres.leases,
            queries=postgres.queries,
            dead_letters=postgres.dead_letters,
            partitions=postgres.partitions,
            read_model=redis.read_model,
            keeper=redis.keeper,
            transactions=redis.transactions,
            throttle=redis.throttle,
            signer=crypto.signer,
            secrets=crypto.secrets,
            kept=crypto.kept,
            verifier=crypto.verifier,
            data_keys=crypto.data_keys,
            passwords=crypto.passwords,
            key_wrapping=crypto.key_wrapping,
            outbox=await stack.enter_async_context(open_outbox(_value(settings.broker_url))),
            egress=await stack.enter_async_context(open_egress(private=settings.egress_private)),
        )
        service = await compose(ports, settings)
        stack.push_async_callback(KeyWatch(ports.signer, service.gates).close)
        stack.push_async_callback(Hearing(ports.log, service.gates).close)
        yield service


async def compose(ports: Ports, settings: Settings) -> Service:
    """A service on open ports, with what it remembers brought up to the log's head."""
    watch = GateWatch(ports.log)
    clients = ClientDirectory(ports.log, watch)
    initial = _value(settings.initial_access_token)
    service = Service(
        ports=ports,
        policy=policy_of(settings),
        gates=watch,
        clients=clients,
        callers=Callers(clients),
        fallback=Fallback(ports.log, settings.fallback_limit),
        initial_access_digest=None if initial is None else sha256(initial.encode()).digest(),
    )
    clients.by_document(ClientDocuments(service).admits)
    await watch.catch_up((await ports.log.head()).gate_sequence)
    return service


def _value(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
