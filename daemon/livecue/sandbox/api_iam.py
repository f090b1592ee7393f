"""Tokens (S4 3.2): POST /v3/auth/tokens with the scope of a project; valid for 24 hours.

The one IAM user is `sandbox` of the account `sandbox`; the password is the sk, the project is named
like the region.
"""

from __future__ import annotations

import hmac
from typing import Any

from starlette.requests import Request

from livecue.sandbox import fields
from livecue.sandbox.http import Call, Reply
from livecue.sandbox.state import State, rfc3339

DOMAIN = USER = "sandbox"


def guard(_state: State, _request: Request, _raw: bytes) -> None:
    """The one operation that needs no credentials but those in its body."""


def create_token(call: Call) -> Reply:
    """The token comes in the header X-Subject-Token → 201."""
    auth = fields.section(call.body, "auth")
    identity = fields.section(auth, "identity")
    user = fields.section(fields.section(identity, "password"), "user")
    project = fields.section(fields.section(auth, "scope"), "project")
    if "password" not in fields.strings(identity, "methods", 10, 64) or not project:
        return _refused(400, "The request body is invalid: a password and the scope of a project are needed")
    password = str(user.get("password") or "")
    genuine = hmac.compare_digest(password.encode(), call.state.identity.sk.encode())
    known = user.get("name") == USER and fields.section(user, "domain").get("name") == DOMAIN
    if not (genuine and known):
        return _refused(401, "The username or password is wrong.")
    names = {"name": call.state.options.region, "id": call.state.identity.project_id}
    if any(name not in names or value != names[name] for name, value in project.items() if name != "domain"):
        return _refused(401, "The project of the scope is not one of the user's")
    token, expires_s = call.state.new_token()
    return Reply(_token(call, expires_s), 201, {"X-Subject-Token": token})


def _token(call: Call, expires_s: float) -> dict[str, Any]:
    domain = {"name": DOMAIN, "id": "sandbox-domain"}
    return {
        "token": {
            "expires_at": rfc3339(expires_s),
            "issued_at": rfc3339(call.state.clock()),
            "methods": ["password"],
            "user": {"name": USER, "id": "sandbox-user", "domain": domain},
            "project": {
                "name": call.state.options.region,
                "id": call.state.identity.project_id,
                "domain": domain,
            },
            "roles": [{"name": "te_admin", "id": "0"}],
            "catalog": [],
        }
    }


def _refused(status: int, message: str) -> Reply:
    # IAM has an error form of its own, not MetaStudio's.
    title = "Unauthorized" if status == 401 else "Bad Request"
    return Reply({"error": {"code": status, "message": message, "title": title}}, status)
