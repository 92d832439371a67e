"""Which files of a submission are key files, by name or by how they begin, or hold tokens of the usual services, line
by line as detect-secrets knows them. Its guesses by entropy are left out: they find what is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any

from assesskit.kits.selecting import Selected

_NAME = re.compile(
    r"\.env(\.(?!example$|sample$|template$|dist$).*)?|id_(rsa|dsa|ecdsa|ed25519)|\.netrc|\.pypirc|\.pgpass|\.git-credentials"
)
_PRIVATE_KEY = re.compile(rb"\s*-----BEGIN ([A-Z]+ )?PRIVATE KEY-----")
"""What a key file begins with. A key inside a test is made up, and part of the work."""
_PLUGINS = {
    "artifactory": "ArtifactoryDetector",
    "aws": "AWSKeyDetector",
    "azure_storage_key": "AzureStorageKeyDetector",
    "discord": "DiscordBotTokenDetector",
    "github_token": "GitHubTokenDetector",
    "gitlab_token": "GitLabTokenDetector",
    "mailchimp": "MailchimpDetector",
    "npm": "NpmDetector",
    "openai": "OpenAIDetector",
    "pypi_token": "PypiTokenDetector",
    "sendgrid": "SendGridDetector",
    "slack": "SlackDetector",
    "square_oauth": "SquareOAuthDetector",
    "stripe": "StripeDetector",
    "telegram_token": "TelegramBotTokenDetector",
    "twilio": "TwilioKeyDetector",
}
MAX_LINE = 4096
"""Characters. What is longer was written by a program, and no token is looked for in the rest of it."""


def secrets_in(file: Selected) -> Iterator[str]:
    """What looks secret about a file, each as ``'path'`` or ``'path': line N, what it is``; no secret is repeated."""
    if _NAME.fullmatch(PurePosixPath(file.path).name):
        yield repr(file.path)
        return
    if _PRIVATE_KEY.match(file.data):
        yield f"{file.path!r}: a private key"
        return
    if b"\0" in file.data[:8192]:
        return
    for number, line in enumerate(file.data.decode("utf-8", "replace").splitlines(), start=1):
        start = line[:MAX_LINE]
        found = {str(secret.type) for plugin in _plugins() for secret in plugin.analyze_line("", start, number)}
        yield from (f"{file.path!r}: line {number}, {kind}" for kind in sorted(found))


@cache
def _plugins() -> tuple[Any, ...]:
    return tuple(getattr(import_module(f"detect_secrets.plugins.{name}"), kind)() for name, kind in _PLUGINS.items())
