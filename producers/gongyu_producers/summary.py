"""What a run did, for people and (`--json`) for programs. Holds counts; keys only where --dry-run asks for them."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of a run. rows = created + updated + deleted by row (plain mode) + unchanged + rejected."""

    file: Path
    information_type: str
    topic: str
    snapshot: bool
    dry_run: bool
    act: str | None
    bytes: int
    rows: int
    created: int
    updated: int
    deleted: int
    unchanged: int
    rejected: int
    deletes_withheld: int
    seconds: float
    rejects_file: Path | None = None
    notes: tuple[str, ...] = ()
    keys: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def as_json(self) -> str:
        return json.dumps(dataclasses.asdict(self) | {"rows_per_second": self.rows_per_second}, default=str, ensure_ascii=False)

    @property
    def rows_per_second(self) -> int:
        return round(self.rows / self.seconds) if self.seconds > 0 else 0

    def as_text(self) -> str:
        """A few lines for people."""
        done = "would publish" if self.dry_run else "published"
        changes = self.created + self.updated + self.deleted
        rates = f"{self.rows_per_second:,} rows/s, {self.bytes / 1e6 / max(self.seconds, 1e-3):,.1f} MB/s"
        lines = [
            f"{self.topic}: {done} {changes:,} changes from {self.rows:,} rows in {self.seconds:.1f} s ({rates})",
            f"  created {self.created:,}  updated {self.updated:,}  deleted {self.deleted:,}  unchanged {self.unchanged:,}",
            f"  rejected {self.rejected:,}",
        ]
        if self.deletes_withheld:
            lines.append(f"  {self.deletes_withheld:,} deletes withheld: a row's key is unreadable, so it may be any of these records")
        lines += [f"  {note}" for note in self.notes]
        for op, keys in self.keys.items():
            lines += [f"  {op}: " + json.dumps(key, ensure_ascii=False) for key in keys]
        if self.rejects_file is not None:
            lines.append(f"  rejected rows: {self.rejects_file}")
        return "\n".join(lines)
