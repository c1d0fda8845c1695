"""The resident register: households move, children are born, people die, go abroad, are corrected, leave and come back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np

from gongyu_producers.generate.calendar_days import DAY_MS, NO_DAY, day_number
from gongyu_producers.generate.cells import Cell, boolean_cell, choice_cell, day_cell, moment_cell, unless
from gongyu_producers.generate.dice import Dice, Indices, Mask
from gongyu_producers.generate.lives import LifeDay, Lives
from gongyu_producers.generate.people import BLOCK, GIVEN_NAMES, LARGEST_HOUSEHOLD, People, id_cell, may_leave, name_texts
from gongyu_producers.generate.places import address_cell, district_cell
from gongyu_producers.generate.table import CREATE, DELETE, UPDATE, Diary, Table
from gongyu_producers.generate.world import World

#: Of a million records on an average day. Moves: 2023, 6.1 million people in the year; half of the acts move a household of two.
_MOVES, _PHONES, _NAMES, _TRAVELS = 220.0, 60.0, 20.0, 25.0
_REMOVALS, _REGISTRATIONS, _REPEATS = 12.0, 12.0, 12.0
_WITH_HOUSEHOLD = 550_000

STATUSES = ("RESIDENT", "ABROAD", "UNKNOWN", "DECEASED")
_RESIDENT, _ABROAD, _UNKNOWN, _DECEASED = range(4)
_NATIONS = ("KR", "CN", "VN", "US", "UZ", "TH", "KH", "PH")
_NATION_WEIGHTS = (9600, 180, 60, 40, 40, 40, 20, 20)
_PHONES_IN_USE = 10_000_000
_NONE = -1
_REGISTERS_BEGIN = day_number(dt.date(2010, 1, 1))


class ResidentRegister:
    """Row n is resident n. `household` and `phone` are _NONE where null."""

    def __init__(self, world: World, records: int) -> None:
        self.people = People(world)
        self._world = world
        self._dice = Dice(world.seed, "resident")
        self._lives = Lives(self.people)
        self._removed: Indices = np.zeros(0, dtype=np.int64)
        self.table = Table(
            records, birth=np.int32, sex=np.int8, name=np.int16, place=np.uint64, household=np.int32, head=np.bool_,
            moved_in=np.int32, status=np.int8, nation=np.int8, phone=np.int32,
        )  # fmt: skip

    def fill(self, rows: Indices) -> None:
        people, dice, eve = self.people, self._dice, self._world.first_day - 1
        births, households = people.births(rows), people.households(rows)
        homeless = (people.household_sizes(rows) == 1) & dice.chance("no household", rows, 70_000)
        moved = eve - dice.below("years since the move", households, 20) * dice.below("days since the move", households, 365)
        registered = dice.between("registered", rows, np.maximum(births, _REGISTERS_BEGIN), eve)
        self.table.set(
            rows,
            birth=births,
            sex=people.sexes(rows),
            name=people.names(rows),
            place=people.places(rows),
            household=np.where(homeless, _NONE, households),
            head=rows == households,
            moved_in=np.where(dice.chance("never moved", households, 100_000), NO_DAY, np.maximum(moved, births)),
            status=dice.choose("status", rows, (95, 4, 1)),
            nation=dice.choose("nation", households, _NATION_WEIGHTS),
            phone=np.where(
                (eve - births > 9 * 365) & dice.chance("has a phone", rows, 900_000), dice.below("phone", rows, _PHONES_IN_USE), _NONE
            ),
            present=True,
            updated=registered * DAY_MS + 9 * 3_600_000 + dice.below("registered, time", rows, 32_400) * 1_000,
        )

    def live(self, diary: Diary) -> None:
        day = self._lives.live(diary.day)
        self._bear(diary, day)
        self._die(diary, day)
        self._move(diary)
        self._correct(diary)
        self._travel(diary)
        self._register_again(diary)
        self._remove(diary)
        repeated = diary.draw("repetition", self.table.rows, _REPEATS)
        diary.repeat("repetition", np.unique(repeated[self.table["present"][repeated]]))

    def cells(self, rows: Indices) -> Mapping[str, Cell]:
        at = {name: self.table[name][rows] for name in ("birth", "sex", "household", "phone", "place")}
        return {
            "resident_id": id_cell(rows, at["birth"], at["sex"], self._world.residents),
            "name": Cell("%s", (name_texts()[self.table["name"][rows]],)),
            "birth_date": day_cell(at["birth"]),
            "sex": choice_cell(at["sex"], "MF"),
            "region_code": district_cell(at["place"]),
            "address": address_cell(at["place"]),
            "household_id": unless(at["household"] == _NONE, Cell("H%09d", (at["household"],))),
            "household_head": boolean_cell(self.table["head"][rows]),
            "moved_in": day_cell(self.table["moved_in"][rows]),
            "status": choice_cell(self.table["status"][rows], STATUSES),
            "nationality": choice_cell(self.table["nation"][rows], _NATIONS),
            "phone": unless(at["phone"] == _NONE, Cell("010-0%03d-%04d", tuple(np.divmod(at["phone"], 10_000)))),
            "registered_at": moment_cell(self.table["updated"][rows]),
        }

    def _bear(self, diary: Diary, day: LifeDay) -> None:
        """Into the mother's household as it is now."""
        rows, table = self.table.extend(len(day.born)), self.table
        table.set(
            rows,
            birth=diary.day,
            sex=self.people.sexes(rows),
            name=self.people.names(rows),
            place=table["place"][day.mothers],
            household=table["household"][day.mothers],
            moved_in=diary.day,
            nation=table["nation"][day.mothers],
            phone=_NONE,
        )
        diary.note("birth", CREATE, rows)

    def _die(self, diary: Diary, day: LifeDay) -> None:
        """The next of the household becomes its head."""
        table = self.table
        table.set(day.dead, status=_DECEASED)
        diary.note("death", UPDATE, day.dead)
        heads = day.dead[table["head"][day.dead] & (table["household"][day.dead] != _NONE)]
        heads = heads[np.argsort(table["household"][heads], kind="stable")]
        members, of = self._members(table["household"][heads].astype(np.int64))
        first = np.unique(of, return_index=True)[1]
        successors = diary.free(members[first])
        table.set(heads[of[first]], head=False)
        table.set(successors, head=True)
        diary.note("new head of a household", UPDATE, successors)

    def _move(self, diary: Diary) -> None:
        table = self.table
        rows = self._alive(diary, diary.draw("move", table.rows, _MOVES))
        households = table["household"][rows].astype(np.int64)
        together = (households != _NONE) & (table["head"][rows] | diary.chance("with the household", rows, _WITH_HOUSEHOLD))
        self._move_households(diary, np.unique(households[together]))
        alone = diary.free(rows[~together])
        self._settle(diary, alone, alone)
        table.set(alone[table["household"][alone] != _NONE], head=True)
        table.set(alone, household=np.where(table["household"][alone] == _NONE, _NONE, alone))

    def _move_households(self, diary: Diary, households: Indices) -> None:
        """All members at the same moment; not where one of them has another change today."""
        members, of = self._members(households)
        busy = np.unique(of[self.table["touched"][members]])
        staying = np.isin(of, busy)
        self._settle(diary, members[~staying], households[of[~staying]])

    def _settle(self, diary: Diary, rows: Indices, households: Indices) -> None:
        self.table.set(rows, place=diary.words("new address", households), moved_in=diary.day)
        diary.note("move", UPDATE, rows, diary.moments(households))

    def _correct(self, diary: Diary) -> None:
        rows = self._alive(diary, diary.draw("phone", self.table.rows, _PHONES))
        number = diary.below("new phone", rows, _PHONES_IN_USE)
        self.table.set(
            rows, phone=np.where(diary.chance("phone given up", rows, 100_000) & (self.table["phone"][rows] != _NONE), _NONE, number)
        )
        diary.note("correction", UPDATE, rows)
        rows = self._alive(diary, diary.draw("name", self.table.rows, _NAMES))
        old = self.table["name"][rows].astype(np.int64)
        given = (old % GIVEN_NAMES + 1 + diary.below("new name", rows, GIVEN_NAMES - 1)) % GIVEN_NAMES
        self.table.set(rows, name=old // GIVEN_NAMES * GIVEN_NAMES + given)
        diary.note("correction", UPDATE, rows)

    def _travel(self, diary: Diary) -> None:
        rows = self._alive(diary, diary.draw("travel", self.table.rows, _TRAVELS))
        self.table.set(rows, status=np.where(self.table["status"][rows] == _ABROAD, _RESIDENT, _ABROAD))
        diary.note("abroad or back", UPDATE, rows)

    def _remove(self, diary: Diary) -> None:
        """Only those whom no other register names."""
        last = diary.draw("removal", self._world.residents // BLOCK, _REMOVALS * BLOCK) * BLOCK + BLOCK - 1
        rows = self._alive(diary, last[may_leave(last)])
        diary.note("removal", DELETE, rows)
        self._removed = np.concatenate([self._removed, rows])

    def _register_again(self, diary: Diary) -> None:
        count = min(diary.count("registration", self.table.rows, _REGISTRATIONS), len(self._removed))
        rows, self._removed = self._removed[:count], self._removed[count:]
        self.table.set(rows, status=_RESIDENT)
        diary.note("registered again", CREATE, rows)

    def _alive(self, diary: Diary, rows: Indices) -> Indices:
        return diary.free(rows, self.table["status"][rows] != _DECEASED)

    def _members(self, households: Indices) -> tuple[Indices, Indices]:
        """Who lives now in each of these households (in order, each once), alive, with the position of the household."""
        table, first_born = self.table, self._world.residents
        beside = households[:, None] + np.arange(LARGEST_HOUSEHOLD)
        within = (beside < first_born) & (table["household"][np.minimum(beside, table.rows - 1)] == households[:, None])
        born = np.arange(first_born, table.rows)
        born = born[np.isin(table["household"][born], households)]
        members = np.concatenate([beside[within], born])
        positions = np.concatenate([np.nonzero(within)[0], np.searchsorted(households, table["household"][born])])
        there = self._there(members)
        return members[there], positions[there]

    def _there(self, rows: Indices) -> Mask:
        return np.asarray(self.table["present"][rows] & (self.table["status"][rows] != _DECEASED))
