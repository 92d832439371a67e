"""The image that was built from the Dockerfile, and what it is built from."""

from __future__ import annotations

import pytest

from assesskit.checks import container, dockerfile


@pytest.mark.criterion("container.multi-stage")
def test_nothing_is_left_over_from_the_build(image) -> None:
    """The image holds what runs, and nothing that only its making needed."""
    container.expect_nothing_left_over(image)


@pytest.mark.criterion("container.non-root")
def test_the_image_names_a_user(image) -> None:
    """USER is somebody other than root."""
    container.expect_not_root(image)


@pytest.mark.criterion("container.slim")
def test_the_image_is_not_much_larger_than_its_base(image, facts, evidence) -> None:
    """Everything over the base image, all layers together."""
    container.expect_small(image, facts["image_mb"], evidence)


@pytest.mark.criterion("container.pinned")
def test_images_and_packages_are_pinned(submitted) -> None:
    """Base images by tag or digest, packages by version."""
    dockerfile.expect_pinned(submitted)
