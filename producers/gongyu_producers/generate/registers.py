"""The types that can be generated: how large each register is beside the population, and what makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gongyu_producers.generate.business import BusinessRegister
from gongyu_producers.generate.companies import MOST_BUSINESSES
from gongyu_producers.generate.health_insurance import HealthInsuranceRegister
from gongyu_producers.generate.land_building import LandBuildingRegister
from gongyu_producers.generate.local_tax import LocalTaxRegister
from gongyu_producers.generate.people import MOST_RESIDENTS
from gongyu_producers.generate.resident import ResidentRegister
from gongyu_producers.generate.table import Register
from gongyu_producers.generate.vehicle import VehicleRegister
from gongyu_producers.generate.world import World

MOST_RECORDS = 20_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A type: `make(world, records)`, and its records for each hundred residents, about as in Korea."""

    make: Callable[[World, int], Register]
    per_hundred_residents: int
    most: int = MOST_RECORDS


KINDS: Mapping[str, Kind] = {
    "resident": Kind(ResidentRegister, 100, MOST_RESIDENTS),
    "business": Kind(BusinessRegister, 20, MOST_BUSINESSES),
    "local-tax": Kind(LocalTaxRegister, 200),
    "land-building": Kind(LandBuildingRegister, 120),
    "vehicle": Kind(VehicleRegister, 50),
    "health-insurance": Kind(HealthInsuranceRegister, 140),
}
