"""What a server must be before state is trusted to it: read from INFO alone, so that no CONFIG right is needed."""

from collections.abc import Mapping
from typing import cast

from diptych.serve.stores.calls import Call
from diptych.serve.stores.errors import StoreRefused
from diptych.serve.stores.protocol import ServerReport

LEAST_VERSION = (7, 0)
"""The first version with PEXPIREAT GT and NX."""
SECTIONS = ("server", "memory", "persistence", "replication", "cluster")


async def inspect(call: Call) -> ServerReport:
    """Refuse a server that evicts keys, is a cluster, a replica or too old; else report on it."""
    replies = await call.ask_all([("PING",), *(("INFO", section) for section in SECTIONS)])
    facts = _facts(b"\n".join(cast(list[bytes], replies[1:])))
    _refuse_eviction(facts, call.where)
    _refuse_shape(facts, call.where)
    return ServerReport(
        where=call.where.removeprefix("the store at "),
        name=_name(facts),
        version=_version(facts),
        eviction_policy=facts.get("maxmemory_policy", ""),
        max_memory=int(facts.get("maxmemory", "0")),
        append_only=facts.get("aof_enabled") == "1",
        snapshots=facts.get("rdb_last_bgsave_time_sec", "-1") != "-1",
        replicas=int(facts.get("connected_slaves", "0")),
    )


def _facts(info: bytes) -> dict[str, str]:
    lines = info.decode("utf-8", "replace").splitlines()
    return {name: value for name, colon, value in (line.partition(":") for line in lines) if colon}


def _name(facts: Mapping[str, str]) -> str:
    return facts.get("server_name", "redis")


def _version(facts: Mapping[str, str]) -> str:
    return facts.get("valkey_version") or facts.get("redis_version", "unknown")


def _refuse_eviction(facts: Mapping[str, str], where: str) -> None:
    policy = facts.get("maxmemory_policy", "")
    if policy != "noeviction":
        raise StoreRefused(
            f"{where} has maxmemory-policy {policy or 'unknown'!r}: when memory runs short it drops keys in silence, "
            "and an entity would come back with half its history. Set it to noeviction (CONFIG SET maxmemory-policy "
            "noeviction, and the same in the server's configuration file or parameter group), and let an alarm watch "
            "the memory instead"
        )


def _refuse_shape(facts: Mapping[str, str], where: str) -> None:
    if facts.get("cluster_enabled") == "1" or facts.get("redis_mode") == "cluster":
        raise StoreRefused(f"{where} runs in cluster mode, which this store does not serve: use a server without it")
    if facts.get("role") == "slave":
        raise StoreRefused(f"{where} is a replica: point the store's URL at the primary")
    compatible = facts.get("redis_version", "0.0")
    if tuple(int(part) for part in compatible.split(".")[:2]) < LEAST_VERSION:
        raise StoreRefused(
            f"{where} is {_name(facts)} {_version(facts)}: needed is Valkey, or Redis "
            f"{LEAST_VERSION[0]}.{LEAST_VERSION[1]} or later (PEXPIREAT with GT and NX)"
        )
