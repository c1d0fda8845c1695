"""A grant's treatments made ready for the engine.

Enters a grant version, the fields of its record and the pseudonym key; leaves a `Treated` for each treated field, by index. Raises
FatalError where one does not fit, or where the key is missing or another one: the control plane has checked all of
it, so what does not fit here must not be decided by.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from gongyu_hub.engine.treatments import How, Treated
from gongyu_hub.engine.value_ranges import RANGES
from gongyu_hub.policy.constants import encode_constant
from gongyu_hub.policy.pseudonyms import PseudonymKey
from gongyu_hub.policy.records import GrantVersion
from gongyu_hub.policy.treatments import Generalise, Treatment, misfit
from gongyu_schemas.errors import FatalError
from gongyu_schemas.fields import Field, Kind

_UNITS_OF_DAY = {Kind.DATE: 1, Kind.TIMESTAMP_MILLIS: 86_400_000, Kind.LOCAL_TIMESTAMP_MILLIS: 86_400_000}
_MICROS_OF_DAY = 86_400_000_000
_FLOAT_BYTES = {Kind.FLOAT: 4, Kind.DOUBLE: 8}


def compile_treatments(
    version: GrantVersion, fields: tuple[Field, ...], key_fields: tuple[str, ...], key: PseudonymKey | None
) -> Mapping[int, Treated]:
    """Empty where the grant treats nothing."""
    name = f"{version.subscriber}/{version.grant}"
    secret = _require_key(version, name, key)
    places = {field.name: index for index, field in enumerate(fields)}
    treated: dict[int, Treated] = {}
    for of_field, content in version.treatments.items():
        try:
            treatment, index = Treatment.model_validate(content), places[of_field]
        except (ValidationError, KeyError):
            raise FatalError(f"{name}: this version does not know the treatment of {of_field!r}, or not that field") from None
        wrong = misfit(fields[index], treatment, is_key=of_field in key_fields)
        if wrong is not None or of_field not in version.fields:
            raise FatalError(f"{name}: the treatment of {of_field!r} does not fit: {'it is not granted' if wrong is None else wrong.what}")
        treated[index] = _compile(version, treatment, index, fields[index], secret)
    return treated


def _require_key(version: GrantVersion, name: str, key: PseudonymKey | None) -> PseudonymKey | None:
    """The grant names the key that it was decided with: pseudonyms of another one would be other people's."""
    needed = any("pseudonymise" in content for content in version.treatments.values())
    if not needed:
        return None
    if key is None:
        raise FatalError(
            f"{name} shows pseudonyms, and this worker has no key for them: copy secrets/pseudonym.key of the control plane's folder "
            "into this worker's (mode 0600), or name it with --pseudonym-key"
        )
    if key.check != version.pseudonym_key:
        raise FatalError(f"{name} shows pseudonyms of another key than this worker has: copy the control plane's secrets/pseudonym.key")
    return key


def _compile(version: GrantVersion, treatment: Treatment, index: int, field: Field, key: PseudonymKey | None) -> Treated:
    branch = field.null_branch
    if treatment.mask is not None:
        return Treated(How.MASK, index, branch, treatment.mask.keep_first, treatment.mask.keep_last)
    if treatment.null is not None:
        return Treated(How.CONSTANT, index, branch, constant=bytes([2 * max(branch, 0)]))  # made nullable: null is branch 0
    if treatment.constant is not None:
        union = b"" if branch < 0 else bytes([2 * (1 - branch)])
        return Treated(How.CONSTANT, index, branch, constant=union + encode_constant(field, treatment.constant))
    if treatment.generalise is not None:
        return _compile_generalise(treatment.generalise, index, field)
    if treatment.pseudonymise is None or key is None:
        raise FatalError(f"{version.subscriber}/{version.grant}: this version does not know the treatment of {field.name!r}")
    number = treatment.pseudonymise.key_version
    secret = key.derive(version.subscriber, version.information_type, field.name, number)
    return Treated(How.PSEUDONYM, index, branch, number, int(field.kind in (Kind.STRING, Kind.UUID)), secret=secret)


def _compile_generalise(how: Generalise, index: int, field: Field) -> Treated:
    branch = field.null_branch
    if how.to is not None:
        unit = _UNITS_OF_DAY.get(field.kind, _MICROS_OF_DAY)
        return Treated(How.MONTH if how.to == "month" else How.YEAR, index, branch, unit)
    if how.prefix is not None:
        return Treated(How.PREFIX, index, branch, how.prefix)
    width = how.range or 0
    if field.kind is Kind.DECIMAL:
        return Treated(How.DECIMAL_RANGE, index, branch, width * 10**field.scale, field.precision)
    if field.kind in _FLOAT_BYTES:
        return Treated(How.FLOAT_RANGE, index, branch, width, _FLOAT_BYTES[field.kind])
    return Treated(How.RANGE, index, branch, width, lowest=RANGES[field.kind][0])
