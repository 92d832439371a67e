"""What a container may do, as the engine's create call wants it; and the comparison with what the engine made of it.

The pod's network belongs to its pause container and has nothing but loopback; every other container joins it.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from docker.types import LogConfig, Ulimit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import docker
    from docker.types import Mount

    from assesskit.pods.port import Limits, Role

MIB = 1024 * 1024
PAUSE_UID = 65534
SHM_MB = 16
INODES_PER_MB = 256
OOM_SCORE: Mapping[str, int] = {"submission": 900, "dependency": 700, "reference": 700, "grader": 500}
NO_HEALTHCHECK = {"Test": ["NONE"]}
COMPARED = (
    "AutoRemove",
    "Binds",
    "CapAdd",
    "CapDrop",
    "Devices",
    "Init",
    "IpcMode",
    "Memory",
    "NanoCpus",
    "NetworkMode",
    "OomScoreAdj",
    "PidMode",
    "PidsLimit",
    "Privileged",
    "ReadonlyRootfs",
    "SecurityOpt",
    "ShmSize",
    "Tmpfs",
    "Ulimits",
    "UsernsMode",
    "UTSMode",
)


def _security() -> list[str]:
    return ["no-new-privileges", f"seccomp={(files('assesskit.pods') / 'seccomp.json').read_text()}"]


def pause_flags(api: docker.APIClient, names: Iterable[str], mounts: list[Mount]) -> dict[str, Any]:
    """Host configuration of a pause container: it owns the network and holds the volumes, and only sleeps."""
    return api.create_host_config(
        network_mode="none",
        dns=["127.0.0.1"],
        extra_hosts=dict.fromkeys(["pod", *names], "127.0.0.1"),
        sysctls={"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv4.ip_unprivileged_port_start": "0"},
        mounts=mounts,
        mem_limit=16 * MIB,
        memswap_limit=16 * MIB,
        pids_limit=8,
        log_config=LogConfig(type="none", config={}),
        **_common(),
    )


def service_flags(api: docker.APIClient, pause: str, role: Role, limits: Limits, mounts: list[Mount]) -> dict[str, Any]:
    """Host configuration of a container that joins the network of `pause`.

    /tmp and shared memory are memory too, and so are kept below half of the limit.
    """
    shm = min(SHM_MB, limits.memory_mb // 8)
    tmp = max(1, min(limits.tmp_mb, limits.memory_mb // 2 - shm))
    half_log = f"{max(1, limits.log_mb * 1024 // 2)}k"
    return api.create_host_config(
        network_mode=f"container:{pause}",
        mounts=mounts,
        mem_limit=limits.memory_mb * MIB,
        memswap_limit=limits.memory_mb * MIB,
        nano_cpus=int(limits.cpus * 1e9),
        pids_limit=limits.pids,
        oom_score_adj=OOM_SCORE[role],
        shm_size=shm * MIB,
        tmpfs={"/tmp": f"size={tmp}m,nr_inodes={tmp * INODES_PER_MB},mode=1777,nosuid,nodev,exec"},  # noqa: S108  inside the container
        ulimits=[
            Ulimit(name=name, soft=value, hard=value)
            for name, value in {
                "nofile": limits.files,
                "fsize": limits.file_mb * MIB,
                "core": 0,
                "memlock": 64 * 1024,
                "msgqueue": 0,
            }.items()
        ],
        log_config=LogConfig(type="local", config={"max-size": half_log, "max-file": "2", "compress": "false"}),
        **_common(),
    )


def _common() -> dict[str, Any]:
    return {
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": _security(),
        "ipc_mode": "private",
        "init": True,
        "restart_policy": {"Name": "no"},
    }


def differences(asked: Mapping[str, Any], user: str, made: Mapping[str, Any]) -> list[str]:
    """Compare an inspected container with what was asked for; return every difference as a sentence.

    `asked` is the host configuration, `made` the engine's inspection. A mount nobody asked for is what a VOLUME of the
    image leaves behind.
    """
    found = [
        f"{key} is {made['HostConfig'].get(key)!r} instead of {asked.get(key)!r}"
        for key in COMPARED
        if (made["HostConfig"].get(key) or None) != (asked.get(key) or None)
    ]
    wanted = {mount["Target"] for mount in asked.get("Mounts", [])}
    mounted = {mount["Destination"] for mount in made["Mounts"]}
    found += [f"{path} is a volume nobody asked for (VOLUME in the image)" for path in sorted(mounted - wanted)]
    found += [f"{path} is not mounted" for path in sorted(wanted - mounted)]
    if made["Config"]["User"] != user:
        found.append(f"it runs as {made['Config']['User']!r} instead of {user!r}")
    if made["Config"].get("Healthcheck") not in (None, NO_HEALTHCHECK):
        found.append("it has a health check")
    return found
