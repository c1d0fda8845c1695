"""An invented resident register and a day of changes in it.

The same seed gives the same register and the same day. Rows are texts by field name, as a file holds them; None is null.
A day is a list of (op, row): c a birth or a new registration, u a new image, d by key alone.
"""

from __future__ import annotations

import datetime as dt
import enum
import random
from collections import Counter
from collections.abc import Callable, Mapping

from gongyu_hub.demo import invention

Row = dict[str, str | None]
Change = tuple[str, Row]

#: The day that the demo plays; a constant, so that a seed means the same register tomorrow.
TODAY = dt.date(2026, 3, 2)
_OLDEST = dt.date(1931, 1, 1)
_ZONE = "+09:00"


class Event(enum.Enum):
    """What happens to people."""

    MOVE = "move"
    CORRECTION = "correction"
    BIRTH = "birth"
    DEATH = "death"
    ABROAD = "abroad or back"
    REMOVAL = "removal"
    REGISTRATION = "registered again"
    REPETITION = "published again without a change"


_SHARES: Mapping[Event, int] = {
    Event.MOVE: 44,
    Event.CORRECTION: 20,
    Event.BIRTH: 9,
    Event.DEATH: 7,
    Event.ABROAD: 8,
    Event.REMOVAL: 4,
    Event.REGISTRATION: 4,
    Event.REPETITION: 4,
}


class ResidentRegister:
    """The register as its owner keeps it; `events` counts what has happened."""

    def __init__(self, count: int, dice: random.Random) -> None:
        self._dice = dice
        self._serial = 0
        self._moment = dt.datetime.combine(TODAY, dt.time(9))
        self.rows: dict[str, Row] = {}
        self._removed: list[Row] = []
        self.events: Counter[Event] = Counter()
        while len(self.rows) < count:
            self._settle_household(min(dice.choice((1, 1, 2, 3, 4)), count - len(self.rows)))
        self._ids = list(self.rows)

    def day(self, changes: int) -> list[Change]:
        """The next changes, in order."""
        acts = self._acts()
        events = self._dice.choices(list(_SHARES), list(_SHARES.values()), k=changes)
        return [self._act(event, acts[event]) for event in events]

    def _act(self, event: Event, act: Callable[[], Change]) -> Change:
        self._moment += dt.timedelta(milliseconds=self._dice.randint(1, 3000))
        if event is Event.REGISTRATION and not self._removed:
            event, act = Event.REMOVAL, self._remove
        self.events[event] += 1
        return act()

    def _acts(self) -> Mapping[Event, Callable[[], Change]]:
        return {
            Event.MOVE: self._move,
            Event.CORRECTION: self._correct,
            Event.BIRTH: self._bear,
            Event.DEATH: self._die,
            Event.ABROAD: self._travel,
            Event.REMOVAL: self._remove,
            Event.REGISTRATION: self._register_again,
            Event.REPETITION: lambda: ("u", dict(self._someone())),
        }

    def _settle_household(self, size: int) -> None:
        dice = self._dice
        region, address = invention.place(dice)
        household = f"H{dice.randrange(10**9):09d}"
        moved_in = invention.day_between(dice, dt.date(1995, 1, 1), TODAY) if dice.random() < 0.9 else None
        for member in range(size):
            row = self._person(invention.day_between(dice, _OLDEST, TODAY - dt.timedelta(days=30)))
            row["region_code"], row["address"] = region, address
            row["household_id"] = household if dice.random() < 0.97 else None
            row["household_head"] = "true" if member == 0 else "false"
            row["moved_in"] = None if moved_in is None else moved_in.isoformat()
            row["registered_at"] = f"{invention.day_between(dice, dt.date(2010, 1, 1), TODAY)}T{dice.randint(9, 17):02d}:30:00{_ZONE}"

    def _person(self, birth: dt.date) -> Row:
        dice = self._dice
        sex = dice.choice("MF")
        self._serial += 1
        row: Row = {
            "resident_id": invention.resident_id(birth, sex, self._serial),
            "name": invention.person_name(dice),
            "birth_date": birth.isoformat(),
            "sex": sex,
            "region_code": None,
            "address": None,
            "household_id": None,
            "household_head": "false",
            "moved_in": None,
            "status": dice.choices(("RESIDENT", "ABROAD", "UNKNOWN"), (95, 4, 1))[0],
            "nationality": "KR" if dice.random() < 0.96 else dice.choice(("CN", "VN", "US", "UZ")),
            "phone": invention.phone(dice) if dice.random() < 0.85 else None,
            "registered_at": None,
        }
        self.rows[str(row["resident_id"])] = row
        return row

    def _someone(self) -> Row:
        while True:
            row = self.rows.get(self._dice.choice(self._ids))
            if row is not None and row["status"] != "DECEASED":
                return row

    def _updated(self, row: Row, **changed: str | None) -> Change:
        row.update(changed)
        row["registered_at"] = f"{self._moment.isoformat(timespec='milliseconds')}{_ZONE}"
        return "u", dict(row)

    def _move(self) -> Change:
        region, address = invention.place(self._dice)
        return self._updated(self._someone(), region_code=region, address=address, moved_in=TODAY.isoformat())

    def _correct(self) -> Change:
        row, dice = self._someone(), self._dice
        if dice.random() < 0.6:
            return self._updated(row, phone=invention.phone(dice) if dice.random() < 0.9 else None)
        return self._updated(row, name=invention.person_name(dice))

    def _bear(self) -> Change:
        parent = dict(self._someone())
        child = self._person(TODAY)
        inherited = {name: parent[name] for name in ("region_code", "address", "household_id")}
        _, row = self._updated(child, **inherited, moved_in=TODAY.isoformat(), status="RESIDENT", phone=None)
        self._ids.append(str(row["resident_id"]))
        return "c", row

    def _die(self) -> Change:
        return self._updated(self._someone(), status="DECEASED")

    def _travel(self) -> Change:
        row = self._someone()
        return self._updated(row, status="RESIDENT" if row["status"] == "ABROAD" else "ABROAD")

    def _remove(self) -> Change:
        row = self._someone()
        del self.rows[str(row["resident_id"])]
        self._removed.append(row)
        return "d", {"resident_id": row["resident_id"]}

    def _register_again(self) -> Change:
        row = self._removed.pop(self._dice.randrange(len(self._removed)))
        self.rows[str(row["resident_id"])] = row
        _, registered = self._updated(row, status="RESIDENT")
        return "c", registered
