"""The pod: the containers of one run on one loopback-only network, behind one port with three implementations.

`port` holds the protocols and their contract; `docker`, `process` and `fake` implement them. The contract suite in
tests/pods runs against all three.
"""

from assesskit.pods.port import (
    Channel,
    Exit,
    Image,
    Limits,
    Output,
    Pod,
    PodRuntime,
    PodSpec,
    Program,
    Role,
    Service,
    ServiceSpec,
)

__all__ = [
    "Channel",
    "Exit",
    "Image",
    "Limits",
    "Output",
    "Pod",
    "PodRuntime",
    "PodSpec",
    "Program",
    "Role",
    "Service",
    "ServiceSpec",
]
