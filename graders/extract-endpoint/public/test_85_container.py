"""The image that was built from the Dockerfile, and what it is built from."""

from __future__ import annotations

import pytest

from assesskit.checks import container, dockerfile
from assesskit.checks.submitted import Submitted

FOLDER = "service/"


@pytest.mark.criterion("container.non-root")
def test_the_service_does_not_run_as_root(image) -> None:
    """The image names a user other than root."""
    container.expect_not_root(image)


@pytest.mark.criterion("container.slim")
def test_the_image_holds_what_the_service_needs_and_no_more(image, facts, evidence) -> None:
    """Nothing that only its making needed, and not much over its base."""
    container.expect_nothing_left_over(image)
    container.expect_small(image, facts["image_mb"], evidence)


@pytest.mark.criterion("container.pinned")
def test_images_and_packages_are_pinned(submitted) -> None:
    """Base images by tag or digest, packages by version."""
    own = {name.removeprefix(FOLDER): data for name, data in submitted.files.items() if name.startswith(FOLDER)}
    dockerfile.expect_pinned(Submitted(own, submitted.left_out))
