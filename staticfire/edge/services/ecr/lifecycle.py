"""Lifecycle policies: read and checked, and which images of a repository they expire.

By AWS's rules: an image is expired by one rule or none; what a rule of higher priority selects by its tags, no other
rule expires; rules of lower priority count it all the same. What an index lists goes only with the index.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from staticfire.edge.aws.calls import AwsError

from .records import EcrRecord

DAY = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class LifecycleRule:
    priority: int
    tag_status: str
    prefixes: tuple[str, ...]
    patterns: tuple[str, ...]
    count_type: str
    number: int

    def selects(self, image: EcrRecord) -> bool:
        tags = image.get("imageTags") or []
        if self.tag_status == "untagged":
            return not tags
        if self.tag_status == "any":
            return True
        return (
            bool(tags)
            and all(any(tag.startswith(prefix) for tag in tags) for prefix in self.prefixes)
            and all(any(fnmatch.fnmatchcase(tag, pattern) for tag in tags) for pattern in self.patterns)
        )


def read_policy(text: str) -> list[LifecycleRule]:
    """By priority; raises InvalidParameterException."""
    try:
        document = orjson.loads(text)
        rules = [_rule(rule) for rule in document["rules"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _invalid(f"the policy is not as its schema says: {error}") from error
    priorities = [rule.priority for rule in rules]
    if not rules or len(set(priorities)) != len(priorities):
        raise _invalid("rules need a rulePriority of their own, and there must be one")
    rules.sort(key=lambda rule: rule.priority)
    if any(rule.tag_status == "any" for rule in rules[:-1]):
        raise _invalid("a rule with tagStatus 'any' must have the lowest priority")
    return rules


def _rule(rule: Mapping[str, Any]) -> LifecycleRule:
    selection = rule["selection"]
    status, count_type = selection["tagStatus"], selection["countType"]
    prefixes, patterns = selection.get("tagPrefixList") or (), selection.get("tagPatternList") or ()
    if rule["action"] != {"type": "expire"}:
        raise ValueError(f"the action {rule['action']} is not available here: `expire` is")
    if status not in ("tagged", "untagged", "any"):
        raise ValueError(f"tagStatus {status!r}")
    if (status == "tagged") != bool(prefixes or patterns) or (prefixes and patterns):
        raise ValueError("tagStatus 'tagged' has a tagPrefixList or a tagPatternList, and no other has")
    if count_type not in ("imageCountMoreThan", "sinceImagePushed"):
        raise ValueError(f"countType {count_type!r} is not available here")
    if (count_type == "sinceImagePushed") != (selection.get("countUnit") == "days"):
        raise ValueError("countUnit 'days' goes with sinceImagePushed")
    number, priority = selection["countNumber"], rule["rulePriority"]
    if not isinstance(number, int) or number < 1 or not isinstance(priority, int) or priority < 1:
        raise ValueError("countNumber and rulePriority are whole numbers from 1 on")
    return LifecycleRule(priority, status, tuple(map(str, prefixes)), tuple(map(str, patterns)), count_type, number)


def expired(rules: Sequence[LifecycleRule], images: Sequence[EcrRecord], now: float) -> Iterator[tuple[EcrRecord, int]]:
    """Images with the priority of the rule that expires them."""
    listed = {digest for image in images for digest in image["_manifests"]}
    newest_first = sorted(images, key=lambda image: image["imagePushedAt"], reverse=True)
    settled: set[str] = set()
    for rule in rules:
        selected = [image for image in newest_first if rule.selects(image) and image["imageDigest"] not in listed]
        if rule.count_type == "imageCountMoreThan":
            over = selected[rule.number :]
        else:
            over = [image for image in selected if image["imagePushedAt"] < now - rule.number * DAY]
        for image in over:
            if image["imageDigest"] not in settled:
                yield image, rule.priority
        settled |= {image["imageDigest"] for image in selected}


def _invalid(why: str) -> AwsError:
    return AwsError(
        400,
        "InvalidParameterException",
        "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation "
        f"failure: {why}'",
    )
