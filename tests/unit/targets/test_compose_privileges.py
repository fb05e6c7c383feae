"""What the containers of compose.yaml may do: no more than docs/isolation.md says, and the edge alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[3]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]
NAMESPACES = {"clone", "clone3", "mount", "mount_setattr", "pivot_root", "umount2", "unshare"}
# What Docker documents as refused by its own filter, but for those seven.
REFUSED = {
    *("acct", "add_key", "bpf", "clock_settime", "delete_module", "finit_module", "init_module", "io_uring_setup"),
    *("ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "mbind", "move_pages"),
    *("open_by_handle_at", "perf_event_open", "quotactl", "reboot", "request_key", "setns", "settimeofday", "stime"),
    *("swapoff", "swapon", "sysfs", "syslog", "userfaultfd", "ustat", "vm86", "fsopen", "fsmount", "move_mount"),
    *("open_tree", "chroot", "sethostname", "fanotify_init"),
}


def names_allowed() -> dict[str, list[Any]]:
    profile = json.loads((PROJECT / "docker" / "seccomp.json").read_text())
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    rules = profile["syscalls"]
    assert {rule["action"] for rule in rules} == {"SCMP_ACT_ALLOW"}
    return {name: rule.get("args", []) for rule in rules for name in rule["names"]}


def test_the_filter_allows_namespaces_and_nothing_else_that_dockers_refuses() -> None:
    allowed = names_allowed()
    assert allowed.keys() >= NAMESPACES
    assert not allowed.keys() & REFUSED
    assert allowed["socket"]
    assert allowed["personality"]


@pytest.mark.parametrize("name", SERVICES)
def test_nobody_has_a_privilege_and_the_edge_alone_has_another_filter(name: str) -> None:
    service = SERVICES[name]
    assert not {"privileged", "cap_add", "pid", "devices", "userns_mode"} & service.keys()
    assert "no-new-privileges:true" in service["security_opt"]
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))
    others = [option for option in service["security_opt"] if option != "no-new-privileges:true"]
    if name == "edge":
        assert service["cap_drop"] == ["ALL"]
        assert [option.partition("=")[0] for option in others] == ["seccomp", "apparmor", "systempaths"]
    else:
        assert others == []
