"""The options by which an operator says what a client is, as the members of RFC 7591, and what no registration can say."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from grantlog.core.client.events import ClientMetadata
from grantlog.core.client.registration import Rules, audiences, read_registration
from grantlog.core.decision import Refused
from grantlog.core.protocol.policy import Policy
from grantlog.core.protocol.supported import AUTH_METHODS, GRANT_TYPES, SIGNING_ALGS
from grantlog.flows.operators import CommandRefusedError

F = TypeVar("F", bound=Callable[..., Any])
TLS_SUBJECTS = ("dn", "dns", "uri", "ip", "email")
_SUBJECT_MEMBERS = {
    "dn": "tls_client_auth_subject_dn",
    **{name: f"tls_client_auth_san_{name}" for name in TLS_SUBJECTS if name != "dn"},
}
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_JSON_LIMIT = 65_536

# fmt: off
_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--metadata", type=_FILE, help="A file with members of RFC 7591 as JSON; options win over it."),
    click.option("--redirect-uri", "redirect_uris", multiple=True, help="May be given more than once."),
    click.option("--grant", "grant_types", multiple=True, type=click.Choice(GRANT_TYPES), help="A grant type it may use."),
    click.option("--scope", help="Scopes it may ask for, separated by spaces; all where it is not given."),
    click.option("--auth-method", type=click.Choice(AUTH_METHODS), help="How it authenticates; none is a public client."),
    click.option("--native", is_flag=True, help="An application on its users' machines (RFC 8252)."),
    click.option("--origin", "origins", multiple=True, help="A browser origin that CORS lets in."),
    click.option("--id-token-alg", type=click.Choice(SIGNING_ALGS), help="How its ID tokens are signed; RS256."),
    click.option("--jwks", type=_FILE, help="A file with its public keys, a JWK Set."),
    click.option("--jwks-uri", help="Where it publishes its keys."),
    click.option("--tls-subject", nargs=2, metavar="KIND VALUE", help="dn, dns, uri, ip or email of its certificate."),
    click.option("--dpop-bound", is_flag=True, help="Its tokens are bound to DPoP keys (RFC 9449)."),
    click.option("--tls-bound", is_flag=True, help="Its tokens are bound to its certificate (RFC 8705)."),
    click.option("--par", is_flag=True, help="It has to push its authorization requests (RFC 9126)."),
    click.option("--signed-requests", is_flag=True, help="It has to sign its authorization requests (RFC 9101)."),
    click.option("--details-type", "details_types", multiple=True, help="A type of authorization_details (RFC 9396)."),
    click.option("--post-logout-uri", "post_logout_uris", multiple=True, help="Where it may lead after a logout."),
    click.option("--backchannel-logout-uri", help="Where it is told of logouts."),
    click.option("--pairwise", is_flag=True, help="It knows users by names that no other sector knows."),
    click.option("--sector", help="Its sector_identifier_uri."),
    click.option("--profile", type=click.Choice(["fapi2"]), help="Hold it to FAPI 2.0, whatever the server's profile is."),
    click.option("--no-pkce", is_flag=True, help="It may leave PKCE out. For a confidential client that cannot do it."),
    click.option("--no-rotation", is_flag=True, help="Its refresh tokens stay; its tokens have to be bound."),
    click.option("--may-exchange", multiple=True, metavar="CLIENT_ID", help="A client whose tokens it may exchange."),
    click.option("--token-format", type=click.Choice(["opaque", "jwt"]), help="Its access tokens; as the resource says."),
    click.option("--resource", "resources", multiple=True, help="An audience it may ask for; all where none is given."),
    click.option("--introspects", multiple=True, help="A resource server: an audience whose tokens it may introspect."),
)
# fmt: on


def client_options(command: F) -> F:
    """Puts all of them before a command; it gets them as keyword arguments and hands them to ``Asked``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an operator asked for: members for a registration, and decisions that are an operator's own."""

    members: Mapping[str, object]
    fapi2: bool
    operators: Mapping[str, Any]

    def metadata(self, policy: Policy) -> ClientMetadata:
        """The client's metadata. Raises ProtocolError as a registration does, CommandRefusedError."""
        named = self.members.get("resource_server_for")
        _check_audiences(policy, [*(named if isinstance(named, list) else ()), *self.operators["resources"]])
        rules = Rules(policy=policy, fapi2=self.fapi2, resource_servers=audiences(policy))
        made = replace(read_registration(self.members, rules), verified=True, **self.operators)
        _check(policy, made)
        return made


def asked(name: str | None, options: Mapping[str, Any]) -> Asked:
    """The options of a command, read; what was not said is not there. Raises CommandRefusedError for a bad file."""
    members: dict[str, object] = {} if options["metadata"] is None else dict(_object(options["metadata"]))
    said = {
        "client_name": name,
        "redirect_uris": list(options["redirect_uris"]),
        "grant_types": list(options["grant_types"]),
        "scope": options["scope"],
        "token_endpoint_auth_method": options["auth_method"],
        "application_type": "native" if options["native"] else None,
        "allowed_cors_origins": list(options["origins"]),
        "id_token_signed_response_alg": options["id_token_alg"],
        "jwks": None if options["jwks"] is None else _object(options["jwks"]),
        "jwks_uri": options["jwks_uri"],
        "dpop_bound_access_tokens": options["dpop_bound"],
        "tls_client_certificate_bound_access_tokens": options["tls_bound"],
        "require_pushed_authorization_requests": options["par"],
        "require_signed_request_object": options["signed_requests"],
        "authorization_details_types": list(options["details_types"]),
        "post_logout_redirect_uris": list(options["post_logout_uris"]),
        "backchannel_logout_uri": options["backchannel_logout_uri"],
        "subject_type": "pairwise" if options["pairwise"] or options["sector"] else None,
        "sector_identifier_uri": options["sector"],
        "resource_server_for": list(options["introspects"]),
        **_subject(options["tls_subject"]),
    }
    members |= {member: value for member, value in said.items() if value}
    operators = {
        "pkce_optional": options["no_pkce"],
        "rotate_refresh_tokens": not options["no_rotation"],
        "may_exchange": options["may_exchange"],
        "access_token_format": options["token_format"],
        "resources": options["resources"],
    }
    return Asked(members=members, fapi2=options["profile"] == "fapi2", operators=operators)


def _subject(given: tuple[str, str] | None) -> dict[str, str]:
    if not given:
        return {}
    kind, value = given
    if kind not in _SUBJECT_MEMBERS:
        raise click.UsageError(f"--tls-subject: the kind is one of {', '.join(TLS_SUBJECTS)}")
    return {_SUBJECT_MEMBERS[kind]: value}


def _object(path: Path) -> Mapping[str, object]:
    try:
        found = json.loads(path.read_bytes()[:_JSON_LIMIT])
    except ValueError:
        found = None
    if not isinstance(found, dict):
        described = f"{path.name} holds no JSON object"
        raise CommandRefusedError(Refused("invalid_client_metadata", described, "file_not_an_object"))
    return found


def _check_audiences(policy: Policy, named: Sequence[str]) -> None:
    unknown = [uri for uri in named if uri not in audiences(policy)]
    if unknown:
        _refuse("invalid_target", f"GRANTLOG_RESOURCES does not know {unknown[0]}", "audience_unknown")


def _check(policy: Policy, metadata: ClientMetadata) -> None:
    """What only an operator can say, and so only an operator can say wrongly."""
    # OAuth 2.1 7.5.1: public clients MUST use PKCE
    if metadata.pkce_optional and (metadata.public or policy.fapi2_for(metadata.profile)):
        _refuse("invalid_client_metadata", "--no-pkce is for a confidential client outside FAPI 2.0", "pkce_needed")
    if not metadata.rotate_refresh_tokens and not metadata.sender_constrained:
        _refuse("invalid_client_metadata", "--no-rotation needs --dpop-bound or --tls-bound", "rotation_needed")


def _refuse(error: str, description: str, reason: str) -> None:
    raise CommandRefusedError(Refused(error, description, reason))
