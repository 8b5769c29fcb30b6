"""Who asks an S3 store, by the chain that every tool of its kind goes through.

A profile that was named; the environment; the profile of the environment, or `default`, in the
files of the AWS tools; whatever boto3 finds, where that is installed (roles, single sign-on,
instances). Where all of this finds nothing there is the chain of obstore (`obstore_bucket.py`),
which knows instances and containers too. The environment is that of the daemon.
"""

from __future__ import annotations

import configparser
import os
from pathlib import Path

from core.domain.bounds import cut
from core.domain.errors import ConfigError
from core.domain.value import Value
from core.policy.transfer.sigv4 import AwsCredentials

_MOST = 1024 * 1024
"""Bytes of a file of profiles."""
_FILES = (
    ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    ("AWS_CONFIG_FILE", "~/.aws/config"),
)


class Found(Value, frozen=True):
    """What the chain came to; None is what it does not say. It names no secret when it is shown."""

    credentials: AwsCredentials | None = None
    region: str | None = None
    endpoint: str | None = None


def find(profile: str | None, *, anonymous: bool = False) -> Found:
    """Go through the chain, for a `profile` that was named or else without; blocks.

    Who asks is not looked for where that is to stay `anonymous`. Raises ConfigError where a profile
    that was named cannot be used.
    """
    environment = os.environ
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if anonymous:
        return Found(None, region, endpoint)
    key = environment.get("AWS_ACCESS_KEY_ID")
    secret = environment.get("AWS_SECRET_ACCESS_KEY")
    if profile is None and key and secret:
        token = environment.get("AWS_SESSION_TOKEN")
        return Found(AwsCredentials(key, secret, token or None), region, endpoint)
    named = profile or environment.get("AWS_PROFILE")
    fields = _profile(named or "default")
    credentials = None
    if (key := fields.get("aws_access_key_id")) and (secret := fields.get("aws_secret_access_key")):
        credentials = AwsCredentials(key, secret, fields.get("aws_session_token") or None)
    # What a profile says of its region goes before the environment where it was asked for.
    regions = (fields.get("region"), region) if profile else (region, fields.get("region"))
    found = Found(
        credentials, regions[0] or regions[1], endpoint or fields.get("endpoint_url") or None
    )
    return found if credentials is not None else _through_boto3(named, found)


def _profile(name: str) -> dict[str, str]:
    """Return what the files of the AWS tools say of a profile; the credentials' file goes first."""
    fields: dict[str, str] = {}
    for variable, usual in _FILES:
        path = Path(os.environ.get(variable) or usual).expanduser()
        parser = configparser.RawConfigParser(strict=False, default_section="")
        try:
            if not path.is_file() or path.stat().st_size > _MOST:
                continue
            parser.read_string(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, configparser.Error):
            # It may be half of a secret that the parser stumbles over: nothing of it is repeated.
            raise ConfigError(f"{path} cannot be read as a file of profiles") from None
        for section in (name, f"profile {name}"):
            if parser.has_section(section):
                fields = dict(parser.items(section)) | fields
    return fields


def _through_boto3(profile: str | None, found: Found) -> Found:
    try:
        import boto3  # type: ignore[import-untyped,unused-ignore] # noqa: PLC0415
        import botocore.exceptions as errors  # type: ignore[import-untyped,unused-ignore] # noqa: PLC0415
    except ImportError:
        if profile is None:
            return found
        raise ConfigError(
            f"the profile '{cut(profile, 80)}' has no keys of its own",
            hint="boto3 reads the other kinds: install it beside winch (pip install boto3)",
        ) from None
    try:
        session = boto3.Session(profile_name=profile)
        credentials = session.get_credentials()
        frozen = None if credentials is None else credentials.get_frozen_credentials()
    except Exception as error:
        # It runs programs and reads files of many kinds: what it quotes of them may be a secret.
        is_told = isinstance(error, errors.BotoCoreError)
        reason = str(error).partition("\n")[0][:200] if is_told else type(error).__name__
        raise ConfigError(
            f"boto3 finds no credentials: {reason}",
            hint="check the profile, or log in again with the tool that made it",
        ) from None
    if frozen is None or not (frozen.access_key and frozen.secret_key):
        return found
    ours = AwsCredentials(frozen.access_key, frozen.secret_key, frozen.token)
    return Found(ours, found.region or session.region_name, found.endpoint)
