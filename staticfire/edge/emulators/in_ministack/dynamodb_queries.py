"""DynamoDB's Query and Scan read what they answer, not all that a partition or a table holds.

MiniStack sorts a whole partition at each Query, and a whole table at each page of a Scan. Here the keys of what was
read once are kept in order beside the items, and kept so by each write. What is kept is of keys alone and is checked
against the items whenever it is used: where somebody changed these otherwise, it is made anew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache, partial
from threading import get_ident
from types import ModuleType
from typing import Any, NamedTuple

from .dynamodb_conditions import EXPRESSION, TOP, bounds_of, key_clauses, remember_operands, within

# So many partitions are kept in order, the ones used last; one this small is sorted each time.
PARTITIONS = 4096
SMALL = 8
NUMBER = 200  # longer texts are looked at by MiniStack

# In the place of an index's name: keys in the order of their texts, as a Scan has them.
TEXTS = 1


_QUERIED = (
    "    members = _index_members(table).get(index_name) if index_name else None\n    if members is not None:\n",
    "    ordered = None\n"
    "    if key_cond and not key_conditions and not multi_key:\n"
    "        ordered = _ordered(table, index_name, pk_name, sk_name, pk_val, key_cond, eav, ean, esk, scan_forward)\n"
    "    members = _index_members(table).get(index_name) if index_name and ordered is None else None\n"
    "    if ordered is not None:\n"
    "        candidates = []\n"
    "    elif members is not None:\n",
)
_PAGE_OF_QUERY = (
    "    candidates, has_more = _paginate_evaluated_items(candidates, limit, table, index_name)\n",
    "    candidates, has_more = _paginate_evaluated_items(\n"
    "        candidates if ordered is None else ordered, limit, table, index_name)\n",
)
_SCANNED = (
    "    all_items = []\n"
    '    for pk in sorted(table["items"].keys()):\n'
    '        for sk in sorted(table["items"][pk].keys()):\n'
    '            all_items.append(table["items"][pk][sk])\n'
    "\n"
    "    if index_name:\n",
    "    all_items = _all_in_order(table, None if index_name else esk)\n"
    "    if index_name:\n        all_items = list(all_items)\n",
)
_SEGMENT = (
    "        all_items = [it for it in all_items if _seg_match(it)]\n",
    "        all_items = (it for it in all_items if _seg_match(it))\n",
)
# An index is read whole. Without one, nothing before the cursor was read.
_CURSOR_OF_SCAN = (
    "            all_items = _apply_exclusive_start_key(\n                all_items, esk,",
    "            all_items = _apply_exclusive_start_key(\n                list(all_items), esk,",
)
_NO_CURSOR = (
    "        else:\n            all_items = _apply_exclusive_start_key_scan(all_items, esk, table)\n",
    "",
)


Place = tuple[int, Any, Any]  # of a table: its index and the partition there


class Order(NamedTuple):
    """The keys of a partition in order, and the dict of MiniStack's that they are the keys of."""

    source: Any
    keys: Any  # a SortedList of tuples: what is sorted by, then the item's place


# Functions that ours stand in for.
_WRITTEN_FOR = {
    "_extract_pk_from_condition": "ccfbde309b059f99",
    "_key_condition_av": "0d23e2b069f4b944",
    "_index_order_keys": "4428816c83c94eed",
    "_index_order_value": "abc461692ef9678e",
}


def correct(upstream: ModuleType) -> None:
    from ministack.services import dynamodb

    upstream.unchanged(dynamodb, _WRITTEN_FOR)
    remember_operands(dynamodb)
    orders = Orders(dynamodb)
    upstream.edit(dynamodb, "_query", _QUERIED, _PAGE_OF_QUERY, _ordered=orders.query)
    upstream.edit(dynamodb, "_scan", _SCANNED, _SEGMENT, _CURSOR_OF_SCAN, _NO_CURSOR, _all_in_order=orders.scan)
    # What changes items and what forgets them; the lines that count are upstream's.
    upstream.edit(
        dynamodb,
        "_set_item",
        (
            '    table["items"].setdefault(pk_val, {})[sk_val] = item\n',
            '    table["items"].setdefault(pk_val, {})[sk_val] = item\n'
            "    if old_item is None:\n"
            "        _item_came(table, pk_val, sk_val, item)\n",
        ),
        _item_came=orders.came,
    )
    upstream.edit(
        dynamodb,
        "_remove_item",
        (
            "    if old_item is not None:\n        _index_item(",
            "    if old_item is not None:\n        _item_went(table, pk_val, sk_val, old_item)\n        _index_item(",
        ),
        _item_went=orders.went,
    )
    upstream.edit(
        dynamodb,
        "_index_item",
        (
            "            partitions.setdefault(partition, {})[(base_pk, base_sk)] = None\n",
            "            partitions.setdefault(partition, {})[(base_pk, base_sk)] = None\n"
            "            _entry_changed(table, name, partition, base_pk, base_sk, item, True)\n",
        ),
        (
            "            partitions[partition].pop((base_pk, base_sk), None)\n",
            "            partitions[partition].pop((base_pk, base_sk), None)\n"
            "            _entry_changed(table, name, partition, base_pk, base_sk, item, False)\n",
        ),
        _entry_changed=orders.entry_changed,
    )
    for name, before in (
        ("reset", "        _tables.clear()\n"),
        ("_items_replaced", "    _update_counts(table)\n"),
        ("_delete_table", "    deleted = _tables.pop(name)\n"),
    ):
        indent = before[: len(before) - len(before.lstrip())]
        upstream.edit(
            dynamodb,
            name,
            (before, f"{before}{indent}_forget_orders_{name}()\n"),
            **{f"_forget_orders_{name}": orders.forget},
        )


class Orders:
    """Keys in order, by table, index and partition; made when a Query first needs them."""

    def __init__(self, dynamodb: Any) -> None:
        from sortedcontainers import SortedList

        self._upstream = dynamodb
        self._sorted = SortedList
        # Calls are answered in one thread. Others (items expire, tables are imported) change no order: it is made anew.
        self._thread = get_ident()
        self._kept: OrderedDict[Place, Order] = OrderedDict()
        self._tables: set[int] = set()  # with orders, once at least: most writes are to tables without
        self._clauses = lru_cache(1024)(partial(key_clauses, dynamodb))

    def forget(self) -> None:
        # In this sequence no order is ever kept of a table whose writes are passed over.
        self._tables.clear()
        self._kept.clear()

    # --- Query

    def query(
        self,
        table: Any,
        index: str | None,
        hash_name: str,
        range_name: str | None,
        partition: Any,
        condition: str,
        values: Any,
        names: Any,
        cursor: Any,
        forward: bool,
    ) -> Iterator[Any] | None:
        """The items in order, read one by one; None where MiniStack's own way is to answer."""
        if index is None and range_name is None:
            return None  # one item at most
        clauses = self._clauses(condition) if len(condition) <= EXPRESSION else None
        if clauses is None:
            return None
        bounds: tuple[Any, Any] = (None, None)
        for clause in clauses:
            name = names.get(clause.name, clause.name) if clause.name.startswith("#") else clause.name
            operands = [values.get(value) for value in clause.values]
            kind = self._upstream._get_attr_type(table, name)
            if any(not isinstance(one, dict) or list(one) != [kind] for one in operands):
                return None
            if name == hash_name and clause.operator == "=":
                if self._upstream._extract_key_val(operands[0]) != partition:
                    return None
            elif name == range_name and range_name:
                sorted_by = [self._upstream._sort_key_value(one, kind) for one in operands]
                bounds = bounds_of(clause.operator, sorted_by)
            else:
                return None
        source = self._source(table, index, partition)
        if source is None:
            return iter(())
        keys = self._order(table, index, partition, source, range_name)
        start, stop = within(keys, bounds)
        if cursor:
            at = self._sorted_by(table, cursor, self._order_keys(table, range_name))
            if forward:
                start = max(start, keys.bisect_right((*at, TOP)))
            else:
                stop = min(stop, keys.bisect_left(at))
        items = table["items"]
        entries = keys.islice(start, stop, reverse=not forward) if start < stop else ()
        # One that expired at this moment, in MiniStack's thread for that, is passed over.
        there = (items.get(pk, {}).get(sk) for *_, (pk, sk) in entries)
        return (item for item in there if item is not None)

    # --- Scan

    def scan(self, table: Any, cursor: Any) -> Iterator[Any]:
        """All items after the cursor, by their keys' texts, as MiniStack has them; read one by one."""
        items = table["items"]
        keys = self._texts(table, None, items)
        first = after = None
        start = 0
        if cursor and table["pk_name"] in cursor:
            extract = self._upstream._extract_key_val
            first = extract(cursor.get(table["pk_name"], {}))
            after = extract(cursor.get(table["sk_name"], {})) if table["sk_name"] else None
            start = keys.bisect_left(first)
        for pk in keys.islice(start):
            partition = items[pk]
            texts = sorted(partition) if len(partition) <= SMALL else self._texts(table, pk, partition)
            begin = 0
            if pk == first:
                begin = len(texts) if after is None else bisect_right(texts, after)
            for at in range(begin, len(texts)):
                yield partition[texts[at]]

    # --- keys in order

    def _texts(self, table: Any, partition: Any, source: Any) -> Any:
        """The keys of a table's partitions, or of a partition's items, as texts."""
        place = (id(table), TEXTS, partition)
        order = self._kept.get(place)
        if order is None or order.source is not source or len(order.keys) != len(source):
            order = Order(source, self._sorted(source))
            self._keep(place, order)
        return order.keys

    def _source(self, table: Any, index: str | None, partition: Any) -> Any:
        if index is None:
            return table["items"].get(partition)
        return self._upstream._index_members(table).get(index, {}).get(partition)

    def _order(self, table: Any, index: str | None, partition: Any, source: Any, range_name: str | None) -> Any:
        place = (id(table), index, partition)
        order = self._kept.get(place)
        if order is not None and order.source is source and len(order.keys) == len(source):
            with suppress(KeyError):  # another thread dropped it just now
                self._kept.move_to_end(place)
            return order.keys
        names = self._order_keys(table, range_name)
        places = ((partition, sk) for sk in source) if index is None else source
        items = table["items"]
        keys = self._sorted((*self._sorted_by(table, items[pk][sk], names), (pk, sk)) for pk, sk in places)
        if len(keys) > SMALL:
            self._keep(place, Order(source, keys))
        return keys

    def _keep(self, place: Place, order: Order) -> None:
        self._kept[place] = order
        self._tables.add(place[0])
        while len(self._kept) > PARTITIONS:
            self._drop(next(iter(self._kept)))

    def _drop(self, place: Place) -> None:
        self._kept.pop(place, None)

    def _order_keys(self, table: Any, range_name: str | None) -> list[tuple[str, str]]:
        names: list[tuple[str, str]] = self._upstream._index_order_keys(table, range_name)
        return names

    def _sorted_by(self, table: Any, item: Any, names: list[tuple[str, str]]) -> tuple[Any, ...]:
        """As MiniStack's `_index_order_value`, which is asked for what is not a plain text or number."""
        values: list[Any] = []
        for name, kind in names:
            content = item[name].get(kind) if name in item else None
            if type(content) is str and kind == "S":
                values.append(content)
            elif type(content) is str and kind == "N" and len(content) < NUMBER:
                values.append(Decimal(content))
            else:
                values.append(self._upstream._index_order_value(item, name, kind))
        return tuple(values)

    # --- writes

    def came(self, table: Any, pk: Any, sk: Any, item: Any) -> None:
        self._changed(table, pk, sk, item, 1)

    def went(self, table: Any, pk: Any, sk: Any, item: Any) -> None:
        self._changed(table, pk, sk, item, -1)

    def _changed(self, table: Any, pk: Any, sk: Any, item: Any, by: int) -> None:
        if id(table) not in self._tables:
            return
        if get_ident() != self._thread:
            for place in ((id(table), TEXTS, None), (id(table), TEXTS, pk), (id(table), None, pk)):
                self._drop(place)
            return
        everything = self._kept.get((id(table), TEXTS, None))
        if everything is not None and len(everything.keys) != len(everything.source):
            (everything.keys.add if by > 0 else everything.keys.discard)(pk)
        texts = self._kept.get((id(table), TEXTS, pk))
        if texts is not None:
            (texts.keys.add if by > 0 else texts.keys.discard)(sk)
            if not texts.keys:
                self._drop((id(table), TEXTS, pk))
        place = (id(table), None, pk)
        self._put(table, place, table["sk_name"], item, (pk, sk), by)

    def entry_changed(self, table: Any, index: str, partition: Any, pk: Any, sk: Any, item: Any, add: bool) -> None:
        """An item of an index came or went."""
        if id(table) not in self._tables:
            return
        place = (id(table), index, partition)
        if get_ident() != self._thread:
            self._drop(place)
        elif place in self._kept:
            _, ranges = self._upstream._index_key_lists(self._upstream._index_def(table, index))
            self._put(table, place, ranges[0] if ranges else None, item, (pk, sk), 1 if add else -1)

    def _put(self, table: Any, place: Place, range_name: str | None, item: Any, at: tuple[Any, Any], by: int) -> None:
        order = self._kept.get(place)
        if order is None:
            return
        entry = (*self._sorted_by(table, item, self._order_keys(table, range_name)), at)
        if by > 0:
            order.keys.add(entry)
        else:
            order.keys.discard(entry)
        if not order.keys:
            self._drop(place)
