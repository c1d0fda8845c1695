"""An invented business register and what a day changes in it.

The same seed gives the same register. Rows are texts by field name, as a file holds them; None is null.
"""

from __future__ import annotations

import datetime as dt
import random

from gongyu_hub.demo import invention
from gongyu_hub.demo.residents import TODAY, Row

_CAPITALS = (5, 10, 20, 50, 100, 300, 1000)


class BusinessRegister:
    """The register as its owner keeps it."""

    def __init__(self, count: int, dice: random.Random) -> None:
        self._dice = dice
        self._serial = 0
        self.rows: dict[str, Row] = {}
        for _ in range(count):
            self._open(invention.day_between(dice, dt.date(1985, 1, 1), TODAY - dt.timedelta(days=1)))

    def pass_day(self) -> None:
        """Change about a tenth: closings, suspensions, moves, capital, staff; some leave the register, some are new."""
        dice, count = self._dice, len(self.rows)
        names = list(self.rows)
        for name in dice.sample(names, count // 12):
            self._change(self.rows[name])
        for name in dice.sample(names, count // 100):
            del self.rows[name]
        for _ in range(count // 80):
            self._open(TODAY)

    def _open(self, opened: dt.date) -> None:
        dice = self._dice
        self._serial += 1
        region, address = invention.place(dice)
        identity = invention.business_id(self._serial)
        status = dice.choices(("ACTIVE", "SUSPENDED", "CLOSED"), (88, 5, 7))[0]
        self.rows[identity] = {
            "business_id": identity,
            "trade_name": invention.trade_name(dice),
            "representative": invention.person_name(dice),
            "industry_code": invention.industry(dice),
            "region_code": region,
            "address": address,
            "opened": opened.isoformat(),
            "closed": invention.day_between(dice, opened, TODAY).isoformat() if status == "CLOSED" else None,
            "status": status,
            "taxation": dice.choices(("GENERAL", "SIMPLIFIED", "EXEMPT"), (70, 22, 8))[0],
            "capital": f"{dice.choice(_CAPITALS)}000000.{dice.choice(('00', '00', '50'))}" if dice.random() < 0.7 else None,
            "employees": str(int(dice.paretovariate(0.8))) if dice.random() < 0.9 else None,
            "updated_at": f"{opened}T10:00:00+09:00",
        }

    def _change(self, row: Row) -> None:
        dice = self._dice
        kind = dice.random()
        if kind < 0.2:
            row["status"], row["closed"] = "CLOSED", TODAY.isoformat()
        elif kind < 0.3:
            row["status"], row["closed"] = dice.choice(("ACTIVE", "SUSPENDED")), None
        elif kind < 0.5:
            row["region_code"], row["address"] = invention.place(dice)
        elif kind < 0.75:
            row["capital"] = f"{dice.choice(_CAPITALS)}000000.00" if dice.random() < 0.9 else None
        else:
            row["employees"] = str(int(dice.paretovariate(0.8)))
        row["updated_at"] = f"{TODAY}T{dice.randint(9, 17):02d}:{dice.randint(0, 59):02d}:00.{dice.randrange(10**6):06d}+09:00"
