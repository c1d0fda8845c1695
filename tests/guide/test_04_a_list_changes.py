"""04. A list changes

A bank may see the tenancies of its customers, and of nobody else. Who its customers are is no field of the register: it is the bank's
*subject list*. The grant names the list, the operator keeps it with `gongyu-hub lists`, and from then on the list decides like any
field: a person who is added brings all of their tenancies at once (`c`), a person who is removed takes them away (`d`), and a change in
the register reaches the bank only while its tenant is on the list.

Subjects are read from files or from standard input, never from the command line: other users of a machine see command lines.
"""

from __future__ import annotations

import json

import pytest

from tests.guide.walk import Desk
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

POLICY = """
subscribers:
  bank-dasom: {title: {ko: 다솜은행, en: Dasom Bank}}
grants:
  - subscriber: bank-dasom
    grant: deposits
    information_type: tenancy
    fields: [tenancy_id, tenant_id, deposit]
    subjects: {list: customers}
    purpose: {code: loan-review, text: Deposits as collateral of customers' loans}
    legal_basis: {statute: Electronic Government Act, article: Article 36, valid_from: 2010-05-05}
"""
HEADER = "tenancy_id,tenant_id,address,deposit\n"
ROWS = ("T-1,P-1,Flat 1,100\n", "T-2,P-1,Flat 2,200\n", "T-3,P-2,Flat 3,300\n", "T-4,P-3,Flat 4,400\n")
LIST = "--type tenancy --subscriber bank-dasom --dir hub"
OWNER = "--types types --state-dir owner --profile hub/profiles/owner.housing-office.yaml"
PUBLISH = f"gongyu-owner publish tenancies.csv --type tenancy --snapshot {OWNER}"
RECEIVE = "gongyu-subscriber receive deposits --to sqlite:///deposits.db --exit-at-end --profile hub/profiles/subscriber.bank-dasom.yaml"


def test_who_is_on_the_list_decides_what_the_bank_has(desk: Desk) -> None:
    def has(*tenancies: tuple[str, int]) -> None:
        """The bank's table comes to be this."""

        def found() -> bool:
            desk.do(RECEIVE)
            return desk.table("deposits.db", "deposits", "tenancy_id, deposit") == sorted(tenancies)

        wait_until(found, 60, f"the bank has {tenancies}")

    desk.agree(POLICY)
    desk.write("tenancies.csv", HEADER + "".join(ROWS))
    desk.do(PUBLISH)
    desk.decided("tenancy", 4)
    has()  # nobody is on the list yet

    desk.write("customers.txt", "P-1\nP-3\n")
    put = json.loads(desk.do(f"gongyu-hub lists put customers customers.txt {LIST} --json").out)
    assert put["added"] == 2 and put["removed"] == 0
    has(("T-1", 100), ("T-2", 200), ("T-4", 400))

    # The register goes on: P-1 moves out of one flat, P-2 (no customer) gets a higher deposit, P-3 a lower one.
    desk.write("tenancies.csv", HEADER + ROWS[0] + "T-3,P-2,Flat 3,350\n" + "T-4,P-3,Flat 4,390\n")
    desk.do(f"{PUBLISH} --allow-deletes")
    has(("T-1", 100), ("T-4", 390))

    # P-3 is no customer any more, P-2 has become one.
    desk.write("gone.txt", "P-3\n")
    desk.write("new.txt", "P-2\n")
    desk.do(f"gongyu-hub lists remove customers gone.txt {LIST}")
    desk.do(f"gongyu-hub lists add customers new.txt {LIST}")
    has(("T-1", 100), ("T-3", 350))

    # The same list again changes nothing, and a line that is no subject stops nothing but itself: exit code 5 tells of it.
    desk.write("customers.txt", "P-1\nP-2\n")
    again = json.loads(desk.do(f"gongyu-hub lists put customers customers.txt {LIST} --json").out)
    assert (again["added"], again["removed"]) == (0, 0)
    desk.write("bad.txt", "P-4\nP-5\tnever\n")
    told = desk.type(f"gongyu-hub lists add customers bad.txt {LIST}")
    assert told.code == 5 and "line 2" in told.said
    shown = json.loads(desk.do(f"gongyu-hub lists show customers {LIST} --json").out)
    assert shown["entries"] == 3
