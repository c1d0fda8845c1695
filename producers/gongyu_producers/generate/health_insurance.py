"""The health insurance register: people begin and leave employment, with their dependants; children are born, people die.

One record is one qualification. A change of employment ends the current record and begins the next; a record that was begun
by mistake is deleted. Births and deaths are those of the resident register.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gongyu_producers.generate.calendar_days import DAY_MS, NO_DAY, day_of
from gongyu_producers.generate.cells import Cell, choice_cell, day_cell, moment_cell, number_cell, text_cell, unless
from gongyu_producers.generate.companies import Companies, business_id_cell
from gongyu_producers.generate.dice import Dice, Indices, Mask
from gongyu_producers.generate.lives import LifeDay, Lives
from gongyu_producers.generate.people import CHILD, LARGEST_HOUSEHOLD, SELF, People
from gongyu_producers.generate.places import district_cell
from gongyu_producers.generate.table import CREATE, DELETE, UPDATE, Diary, Table
from gongyu_producers.generate.world import World

#: Of a million records on an average day: about one employee in twelve changes in a quarter.
_LEAVE, _HIRE, _TRANSFER, _PREMIUMS, _MISTAKES = 260.0, 200.0, 160.0, 150.0, 12.0
#: Premiums of all employees are settled in April, those of the self-employed in November, a part on each day.
_SETTLED: Mapping[int, int] = {4: 0, 11: 2}
_SETTLING_DAYS = (10, 11, 12, 13, 14)

INSURED_AS = ("EMPLOYEE", "EMPLOYEE_DEPENDANT", "REGIONAL_HEAD", "REGIONAL_MEMBER", "MEDICAL_AID")
_EMPLOYEE, _DEPENDANT, _REGIONAL, _MEMBER, _AID = range(5)
_RELATIONS = ("SELF", "SPOUSE", "CHILD", "PARENT", "OTHER")
_OTHER_RELATION = 4
_BEGINS = ("EMPLOYMENT", "LEFT_EMPLOYMENT", "BIRTH", "DEPENDANCE", "RETURN", "OTHER")
_BY_EMPLOYMENT, _BY_LEAVING, _BY_BIRTH, _BY_DEPENDANCE, _BY_RETURN, _BY_OTHER = range(6)
_ENDS = ("LEFT_EMPLOYMENT", "EMPLOYMENT", "DEPENDANCE_ENDED", "DEATH", "EMIGRATION", "OTHER", "")
_END_LEFT, _END_EMPLOYED, _END_DEPENDANCE, _END_DEATH, _END_EMIGRATION, _END_OTHER, _OPEN = range(7)
_NONE = -1
_SCATTER = 15_485_863  # a prime beyond all counts of residents that are not its multiples
_PREMIUM_PER_MILLION = 35_450  # the employee's half of 7.09 %


class HealthInsuranceRegister:
    """The first rows are current records, the rest of those of the first day earlier ones; later come those of the days.

    `current` of each resident is the row of the record in force, or _NONE.
    """

    def __init__(self, world: World, records: int) -> None:
        self._people = People(world)
        self._companies = Companies(world)
        self._lives = Lives(self._people)
        self._world = world
        self._dice = Dice(world.seed, "health insurance")
        self._records = records
        self._insured = self._people.lasting()
        self._current = np.full(world.residents, _NONE, dtype=np.int32)
        self.table = Table(
            records, person=np.int32, sequence=np.int16, kind=np.int8, through=np.int32, relation=np.int8, workplace=np.int32,
            begin=np.int32, begun_by=np.int8, end=np.int32, ended_by=np.int8, income=np.int32, premium=np.int32,
        )  # fmt: skip

    def fill(self, rows: Indices) -> None:
        dice, people, eve = self._dice, self._people, self._world.first_day - 1
        earlier = rows >= self._insured
        persons = self._first_persons(np.where(earlier, rows - self._insured, rows))
        births = people.births(persons).astype(np.int64)
        kinds, through = self._first_kinds(persons)
        begin = np.maximum(births + 1, eve - dice.below("insured for, years", persons, 12) * dice.below("insured for, days", persons, 365))
        before = np.maximum(births, begin - dice.between("insured before, days", persons, 30, 3_000))
        old = dice.choose("insured before", persons, (50, 25, 25))
        old_kinds = np.where(old == 0, _EMPLOYEE, np.where(old == 1, _REGIONAL, _MEMBER))
        old_kinds = np.where(people.ages(persons, eve) < 25, _MEMBER, old_kinds)
        kinds = np.where(earlier, old_kinds, kinds)
        self._set(
            rows, persons, kinds, np.where(earlier, _NONE, through),
            self._reason(kinds), np.where(earlier, before, begin),
        )  # fmt: skip
        follows = ~earlier & (rows + self._insured < self._records)
        abroad = dice.chance("was abroad", persons, 30_000)
        self.table.set(rows, sequence=np.where(follows, 2, 1))
        self.table.set(rows[follows & abroad], begun_by=_BY_RETURN)
        gone = np.where(abroad, _END_EMIGRATION, np.where(kinds == _EMPLOYEE, _END_LEFT, _END_OTHER))
        self.table.set(rows, end=np.where(earlier, begin, NO_DAY), ended_by=np.where(earlier, gone, _OPEN))
        changed = np.where(earlier, begin, dice.between("updated", rows, begin, eve))
        self.table.set(rows, updated=changed * DAY_MS + 9 * 3_600_000 + dice.below("time", rows, 32_400_000))
        self._current[persons[~earlier]] = rows[~earlier]

    def live(self, diary: Diary) -> None:
        day = self._lives.live(diary.day)
        self._die(diary, day)
        self._bear(diary, day)
        self._leave(diary)
        self._hire(diary)
        self._transfer(diary)
        self._settle(diary)
        rows = diary.draw("wrong record", self.table.rows, _MISTAKES * 3)
        diary.note("wrong record", DELETE, diary.free(rows, self.table["end"][rows] != NO_DAY))

    def cells(self, rows: Indices) -> Mapping[str, Cell]:
        people, table = self._people, self.table
        at = {
            name: table[name][rows].astype(np.int64) for name in ("person", "kind", "through", "relation", "workplace", "income", "premium")
        }
        persons, through, workplaces = at["person"], at["through"], at["workplace"]
        with_head = np.isin(at["kind"], (_MEMBER, _AID))
        holders = np.where(through != _NONE, through, np.where(with_head, people.households(persons), persons))
        nobody, nowhere = through == _NONE, workplaces == _NONE
        workplace_names = self._companies.names(np.maximum(workplaces, 0))
        workplace_names[nowhere] = ""
        return {
            "resident_id": people.id_cell(persons),
            "sequence": number_cell(table["sequence"][rows]),
            "name": people.name_cell(persons),
            "insured_as": choice_cell(at["kind"], INSURED_AS),
            "certificate_no": Cell("8%010d", (holders + 1,)),
            "insured_through": unless(nobody, people.id_cell(np.maximum(through, 0))),
            "relation": choice_cell(at["relation"], _RELATIONS),
            "workplace_id": unless(nowhere, business_id_cell(workplaces)),
            "workplace_name": text_cell(workplace_names),
            "acquired_on": day_cell(table["begin"][rows]),
            "acquired_by": choice_cell(table["begun_by"][rows], _BEGINS),
            "lost_on": day_cell(table["end"][rows]),
            "lost_by": choice_cell(table["ended_by"][rows], _ENDS),
            "monthly_income": number_cell(at["income"], at["income"] == _NONE),
            "premium": number_cell(at["premium"], at["premium"] == _NONE),
            "region_code": district_cell(people.places(persons)),
            "updated_at": moment_cell(table["updated"][rows]),
        }

    def _first_persons(self, rows: Indices) -> Indices:
        """Whose current records the rows are: all lasting residents, scattered."""
        scatter = _SCATTER if self._insured % _SCATTER else 1
        return self._people.nth_lasting(rows * scatter % max(self._insured, 1))

    def _first_kinds(self, persons: Indices) -> tuple[Indices, Indices]:
        """How each resident is insured on the eve of the first day, and through whom."""
        people, dice = self._people, self._dice
        heads, relations = people.households(persons), people.relations(persons)
        through_head = (relations != SELF) & self._employed(heads)
        aided = dice.chance("medical aid", heads, 30_000)
        kinds = np.where(
            self._employed(persons), _EMPLOYEE, np.where(through_head, _DEPENDANT, np.where(relations == SELF, _REGIONAL, _MEMBER))
        )
        kinds = np.where(aided, _AID, kinds)
        return kinds, np.where(kinds == _DEPENDANT, heads, _NONE)

    def _employed(self, persons: Indices) -> Mask:
        ages = self._people.ages(persons, self._world.first_day)
        likely = np.where((ages >= 20) & (ages < 65), 620_000, np.where((ages >= 65) & (ages < 75), 200_000, 0))
        return self._dice.chance("employed", persons, likely)

    def _reason(self, kinds: Indices) -> Indices:
        return np.where(kinds == _EMPLOYEE, _BY_EMPLOYMENT, np.where(kinds == _DEPENDANT, _BY_DEPENDANCE, _BY_OTHER))

    def _set(self, rows: Indices, persons: Indices, kinds: Indices, through: Indices, begun_by: Indices, begin: Indices) -> None:
        """A record as it begins."""
        dice = self._dice
        alone = np.isin(kinds, (_EMPLOYEE, _REGIONAL))
        relations = self._people.relations(persons)
        relations = np.where((relations == CHILD) & dice.chance("grandchild or brother", persons, 40_000), _OTHER_RELATION, relations)
        skew = dice.below("income", rows, 1_000) * dice.below("income, smaller", rows, 1_000)
        income = np.where(kinds == _EMPLOYEE, (2_090_000 + skew * 12) // 10_000 * 10_000, _NONE)
        self.table.set(
            rows,
            person=persons,
            kind=kinds,
            through=through,
            relation=np.where(alone, SELF, relations),
            workplace=np.where(kinds == _EMPLOYEE, self._workplaces(rows), _NONE),
            begin=begin,
            begun_by=begun_by,
            end=NO_DAY,
            ended_by=_OPEN,
            income=income,
            premium=np.where(
                kinds == _EMPLOYEE, _premium(income), np.where(kinds == _REGIONAL, dice.between("premium", rows, 1_978, 35_000) * 10, _NONE)
            ),
            present=True,
        )

    def _workplaces(self, rows: Indices) -> Indices:
        companies = self._companies
        return companies.nth_lasting(self._dice.below("workplace", rows, companies.lasting()))

    def _die(self, diary: Diary, day: LifeDay) -> None:
        rows = self._current_rows(day.dead)
        members, _ = self._dependants(rows)
        self._end(diary, "death", rows, _END_DEATH, diary.moments(rows))
        self._change(diary, "dependance ended", members, _MEMBER, _NONE, (_END_DEPENDANCE, _BY_OTHER), diary.moments(members))

    def _bear(self, diary: Diary, day: LifeDay) -> None:
        """Insured through the head of the household or the mother, if one of them is employed."""
        table = self.table
        self._current = np.concatenate([self._current, np.full(len(day.born), _NONE, dtype=np.int32)])
        known = self._current[day.mothers] != _NONE
        born, mothers = day.born[known], day.mothers[known]
        through = np.full(len(born), _NONE, dtype=np.int64)
        for holders in (mothers, self._people.households(mothers)):
            rows = self._current[holders]
            through = np.where((rows != _NONE) & (table["kind"][np.maximum(rows, 0)] == _EMPLOYEE), holders, through)
        rows = table.extend(len(born))
        kinds = np.where(through == _NONE, _MEMBER, _DEPENDANT)
        self._set(rows, born, kinds, through, np.full(len(born), _BY_BIRTH), np.full(len(born), diary.day))
        table.set(rows, sequence=1, relation=CHILD)
        self._current[born] = rows
        diary.note("birth", CREATE, rows)

    def _leave(self, diary: Diary) -> None:
        """Dependants are insured with the household from then on."""
        rows = self._of_kind(diary, "leaving", _LEAVE * 3, (_EMPLOYEE,))
        members, of = self._dependants(rows)
        busy = np.zeros(len(rows), dtype=np.bool_)
        busy[of[self.table["touched"][members]]] = True
        members, of, moments = members[~busy[of]], of[~busy[of]], diary.moments(rows)
        self._change(diary, "left employment", rows[~busy], _REGIONAL, _NONE, (_END_LEFT, _BY_LEAVING), moments[~busy])
        self._change(diary, "dependance ended", members, _MEMBER, _NONE, (_END_DEPENDANCE, _BY_OTHER), moments[of] + 2)

    def _hire(self, diary: Diary) -> None:
        rows = self._of_kind(diary, "hiring", _HIRE * 4, (_REGIONAL, _MEMBER, _DEPENDANT))
        ages = self._people.ages(self.table["person"][rows].astype(np.int64), diary.day)
        rows = rows[(ages >= 19) & (ages < 65)]
        self._change(diary, "employment", rows, _EMPLOYEE, _NONE, (_END_EMPLOYED, _BY_EMPLOYMENT), diary.moments(rows))

    def _transfer(self, diary: Diary) -> None:
        rows = self._of_kind(diary, "new workplace", _TRANSFER * 3, (_EMPLOYEE,))
        self._change(diary, "new workplace", rows, _EMPLOYEE, _NONE, (_END_LEFT, _BY_EMPLOYMENT), diary.moments(rows))

    def _settle(self, diary: Diary) -> None:
        """Single premiums all year, those of everyone in the month of settlement."""
        table, today = self.table, day_of(diary.day)
        rows = self._of_kind(diary, "premium", _PREMIUMS * 2, (_EMPLOYEE, _REGIONAL))
        if today.month in _SETTLED and today.day in _SETTLING_DAYS:
            share = table["person"] % len(_SETTLING_DAYS) == _SETTLING_DAYS.index(today.day)
            everyone = np.flatnonzero((table["kind"] == _SETTLED[today.month]) & (table["end"] == NO_DAY) & share)
            rows = diary.free(np.concatenate([rows, everyone]))
        factor = 101 + diary.below("factor", rows, 8)
        income = table["income"][rows].astype(np.int64)
        raised = np.where(income == _NONE, _NONE, np.minimum(income * factor // 100, 1_000_000_000))
        premium = np.where(income == _NONE, table["premium"][rows].astype(np.int64) * factor // 100, _premium(raised))
        table.set(rows, income=raised, premium=premium)
        diary.note("premium", UPDATE, rows)

    def _change(self, diary: Diary, event: str, rows: Indices, kind: int, through: int, reasons: tuple[int, int], moments: Indices) -> None:
        """End these current records and begin the next ones a moment later."""
        ended_by, begun_by = reasons
        persons = self.table["person"][rows].astype(np.int64)
        sequences = self.table["sequence"][rows]
        self._end(diary, event, rows, ended_by, moments)
        new = self.table.extend(len(rows))
        same = np.ones(len(rows), dtype=np.int64)
        self._set(new, persons, same * kind, same * through, same * begun_by, same * diary.day)
        self.table.set(new, sequence=sequences + 1)
        self._current[persons] = new
        diary.note(event, CREATE, new, moments + 1)

    def _end(self, diary: Diary, event: str, rows: Indices, reason: int, moments: Indices) -> None:
        self.table.set(rows, end=diary.day, ended_by=reason)
        self._current[self.table["person"][rows]] = _NONE
        diary.note(event, UPDATE, rows, moments)

    def _current_rows(self, persons: Indices) -> Indices:
        rows = self._current[persons].astype(np.int64)
        return np.compress(rows != _NONE, rows)

    def _of_kind(self, diary: Diary, event: str, per_million: float, kinds: tuple[int, ...]) -> Indices:
        rows = diary.draw(event, self.table.rows, per_million)
        return diary.free(rows, np.isin(self.table["kind"][rows], kinds) & (self.table["end"][rows] == NO_DAY))

    def _dependants(self, rows: Indices) -> tuple[Indices, Indices]:
        """Current records of those insured through the persons of these records, with the position of the latter."""
        table, first_born = self.table, self._world.residents
        holders = table["person"][rows].astype(np.int64)
        homes = self._people.households(holders)
        beside = homes[:, None] + np.arange(LARGEST_HOUSEHOLD)
        current = self._current[np.minimum(beside, len(self._current) - 1)]
        within = (beside < first_born) & (current != _NONE) & (table["through"][np.maximum(current, 0)] == holders[:, None])
        found, of = current[within].astype(np.int64), np.nonzero(within)[0]
        born = self._current_rows(np.arange(first_born, len(self._current)))
        order = np.argsort(holders)
        at = np.searchsorted(holders, table["through"][born], sorter=order) if len(holders) else np.zeros(len(born), dtype=np.int64)
        at = order[np.minimum(at, len(holders) - 1)] if len(holders) else at
        mine = table["through"][born] == holders[at] if len(holders) else np.zeros(len(born), dtype=np.bool_)
        return np.concatenate([found, born[mine]]), np.concatenate([of, at[mine]])


def _premium(income: Indices) -> Indices:
    """The employee's share, whole tens of won."""
    return np.where(income == _NONE, _NONE, income * _PREMIUM_PER_MILLION // 10_000_000 * 10)
