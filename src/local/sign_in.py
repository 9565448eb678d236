"""Puts right what the emulator's user pools do otherwise than Cognito's. Runs before `emulator.py`, in the same process."""

import json
import time
from urllib.parse import parse_qs

from ministack.services import cognito
from ministack.services.cloudformation import provisioners

# Branding is a look, which the emulator's pages do not have (CloudFormation Template Reference,
# "AWS::Cognito::ManagedLoginBranding").
provisioners._RESOURCE_HANDLERS.setdefault(
    "AWS::Cognito::ManagedLoginBranding",
    {
        "create": lambda logical_id, props, stack_name: (f"{props.get('UserPoolId')}|{logical_id}", {}),
        "update": lambda physical_id, old_props, new_props, stack_name: (physical_id, {}),
        "delete": lambda physical_id, props: None,
    },
)

fake_token = cognito._fake_token


def token_with_groups(sub, pool_id, client_id, token_type="access", username="", groups=None, **rest):
    """A renewed token names the groups of its user like the first one (Amazon Cognito Developer Guide, "Understanding
    the access token"). The emulator leaves them out, and an editor would be none after five minutes."""
    if groups is None and username:
        pool = cognito._get_pool_unscoped(pool_id) or {"_users": {}}
        groups = (pool["_users"].get(username) or {}).get("_groups")
    return fake_token(sub, pool_id, client_id, token_type, username=username, groups=groups, **rest)


cognito._fake_token = token_with_groups

# How long the token before still counts after a renewal: as templates/auth.yaml says.
GRACE_SECONDS = 10

# When a refresh token was used for the first time.
used = {}

answer_token_request = cognito._oauth2_token


def rotate(data, query_params, raw_body=b"", headers=None):
    """Gives a new refresh token for each one that is used, which counts for the grace period more (Amazon Cognito
    Developer Guide, "Refresh token rotation"). The emulator gives none, and takes the same token for ever."""
    form = {name: values[0] for name, values in parse_qs(raw_body.decode("utf-8", errors="replace")).items()}
    token = form.get("refresh_token", "")
    if form.get("grant_type") != "refresh_token":
        return answer_token_request(data, query_params, raw_body, headers)
    if time.monotonic() > used.get(token, time.monotonic()) + GRACE_SECONDS:
        return cognito._oauth2_error("invalid_grant", "Refresh token has been invalidated")
    grant = cognito._refresh_tokens.get(token)
    status, answer_headers, body = answer_token_request(data, query_params, raw_body, headers)
    if status != 200 or grant is None:
        return status, answer_headers, body
    used.setdefault(token, time.monotonic())
    claims = cognito._token_claims(token)
    renewed = fake_token(
        claims.get("sub", ""),
        grant["pool_id"],
        grant["client_id"],
        "refresh",
        origin_jti=claims.get("origin_jti", ""),
        scope=claims.get("scope"),
    )
    cognito._refresh_tokens[renewed] = dict(grant)
    answer = json.loads(body)
    answer["refresh_token"] = renewed
    return status, answer_headers, json.dumps(answer).encode()


cognito._oauth2_token = rotate
