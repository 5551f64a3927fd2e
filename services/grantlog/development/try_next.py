"""What is printed as "try next": commands that put no secret on a command line, and where the rest is."""

from collections.abc import Mapping

from grantlog.development.demo import DEVICE, FAPI


def lines_to_try(issuer: str, introspection: str, directory: str, ids: Mapping[str, str]) -> list[str]:
    """Lines of text. ``directory``: that of the credentials, as it is shown; ``ids``: clients by their names."""
    token = (
        f"TOKEN=$(curl -K {directory}/client.curl -d grant_type=client_credentials -d scope=api:read "
        f"{issuer}/token | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])')"
    )
    pushed = " ".join(
        (
            f"curl -K {directory}/client.curl -d response_type=code -d scope=openid",
            "-d redirect_uri=http://127.0.0.1/callback -d code_challenge_method=S256",
            "-d code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            f"{issuer}/par",
        )
    )
    return [
        "Try next: get a token, look at it, revoke it and look again.",
        "",
        f"  {token}",
        f'  curl -K {directory}/resource-server.curl -d "token=$TOKEN" {introspection}/introspect',
        f'  curl -K {directory}/client.curl -d "token=$TOKEN" -o /dev/null -w "%{{http_code}}\\n" {issuer}/revoke',
        "",
        "A television asks for a login (RFC 8628): open the URL that it is told, and compare the code.",
        "",
        f"  curl -d client_id={ids[DEVICE.metadata.name]} -d scope=openid {issuer}/device_authorization",
        "",
        "An application pushes its request (RFC 9126), and sends the browser on with the request_uri.",
        "",
        f"  {pushed}",
        "",
        f"  {ids[FAPI.metadata.name]} is held to FAPI 2.0: it proves itself and its tokens (DPoP) by the key `jwk` in",
        f"  {directory}/credentials.json, where a payment to ask for (`rar_example`) and a registration stand as well.",
        f"  Log out, or see which applications have access: {issuer}/logout and {issuer}/account.",
        "",
    ]
