"""Tables of the control plane's database.

What is public once it is published (schema ids, grant versions, epochs) is frozen in its row as the very bytes that
are published, so a repeated start publishes the same bytes.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Table(DeclarativeBase):
    """Root of the mapped tables."""


class Setting(Table):
    """One value of the database itself: schema_version, cluster_id, listen port."""

    __tablename__ = "setting"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class SchemaText(Table):
    """A schema. AUTOINCREMENT: SQLite never gives an id again, even when the row with the highest one is gone."""

    __tablename__ = "schema_text"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy's declared form
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    digest: Mapped[bytes] = mapped_column(unique=True)
    text: Mapped[str]


class Subject(Table):
    """A registry subject and the topic whose readers may read it."""

    __tablename__ = "subject"
    name: Mapped[str] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(index=True)


class SubjectVersion(Table):
    """Version n of a subject is this schema."""

    __tablename__ = "subject_version"
    __table_args__ = (UniqueConstraint("subject", "schema_id"),)
    subject: Mapped[str] = mapped_column(ForeignKey("subject.name"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    schema_id: Mapped[int] = mapped_column(ForeignKey("schema_text.id"), index=True)


class KnownType(Table):
    """An information type with its topics made. `definition` is what the hub depends on, as JSON."""

    __tablename__ = "information_type"
    name: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(index=True)
    topic: Mapped[str] = mapped_column(unique=True)
    partitions: Mapped[int]
    definition: Mapped[str]


class KnownGrant(Table):
    """A grant with its topic. The number of partitions is frozen with the topic."""

    __tablename__ = "grant"
    subscriber: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    information_type: Mapped[str] = mapped_column(ForeignKey("information_type.name"), index=True)
    topic: Mapped[str] = mapped_column(unique=True)
    partitions: Mapped[int]


class GrantVersionRow(Table):
    """One immutable version of a grant: the bytes published to `hub.policy`."""

    __tablename__ = "grant_version"
    __table_args__ = (ForeignKeyConstraint(["subscriber", "grant"], ["grant.subscriber", "grant.name"]),)
    subscriber: Mapped[str] = mapped_column(primary_key=True)
    grant: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    information_type: Mapped[str] = mapped_column(index=True)
    record: Mapped[bytes]
    published: Mapped[bool] = mapped_column(default=False)


class EpochRow(Table):
    """One epoch of a type: the manifest's bytes. It exists from the decision on; `published` follows."""

    __tablename__ = "epoch"
    information_type: Mapped[str] = mapped_column(ForeignKey("information_type.name"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    record: Mapped[bytes]
    published: Mapped[bool] = mapped_column(default=False)


class ActRow(Table):
    """Why an epoch exists that no policy file asked for: who decided it, when, and what. Added in format 2."""

    __tablename__ = "act"
    __table_args__ = (ForeignKeyConstraint(["information_type", "epoch"], ["epoch.information_type", "epoch.epoch"]),)
    information_type: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    at_ms: Mapped[int] = mapped_column(BigInteger)
    who: Mapped[str]
    what: Mapped[str]


class ListedType(Table):
    """A type with subject lists: the bytes that announce them on `hub.policy`. Added in format 2, as are the tables of lists below."""

    __tablename__ = "listed_type"
    information_type: Mapped[str] = mapped_column(ForeignKey("information_type.name"), primary_key=True)
    record: Mapped[bytes]
    published: Mapped[bool] = mapped_column(default=False)


class SubjectList(Table):
    """A subscriber's list of subjects of one information type."""

    __tablename__ = "subject_list"
    __table_args__ = (UniqueConstraint("information_type", "subscriber", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    information_type: Mapped[str] = mapped_column(ForeignKey("listed_type.information_type"))
    subscriber: Mapped[str]
    name: Mapped[str]


class ListEntry(Table):
    """A subject on a list, or one whose removal the hub has yet to read.

    `subject`: as the key of the owner topic. `until_ms`: the first moment at which it is no longer on the list. `change`: 0 where
    the topic of subject lists says the same, else the number of the change that it has to be told; of a removal that it was
    told, that number negated.
    """

    __tablename__ = "list_entry"
    __table_args__ = (
        Index("list_entry_change", "change", text("removed DESC"), sqlite_where=text("change > 0"), postgresql_where=text("change > 0")),
        Index("list_entry_told", "change", sqlite_where=text("change < 0"), postgresql_where=text("change < 0")),
        Index("list_entry_until", "until_ms", sqlite_where=text("until_ms IS NOT NULL"), postgresql_where=text("until_ms IS NOT NULL")),
        {"sqlite_with_rowid": False},
    )
    list_id: Mapped[int] = mapped_column(ForeignKey("subject_list.id"), primary_key=True)
    subject: Mapped[bytes] = mapped_column(primary_key=True)
    until_ms: Mapped[int | None] = mapped_column(BigInteger)
    removed: Mapped[bool]
    change: Mapped[int] = mapped_column(BigInteger)


class UploadedEntry(Table):
    """An entry of a file on its way into a list; gone when the list has taken it, or at the next start."""

    __tablename__ = "uploaded_entry"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's declared form
    upload: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[bytes] = mapped_column(primary_key=True)
    until_ms: Mapped[int | None] = mapped_column(BigInteger)


class Credential(Table):
    """A Kafka user's password, hashed with argon2, for log-ins here."""

    __tablename__ = "credential"
    user: Mapped[str] = mapped_column(primary_key=True)
    password_hash: Mapped[str]


class Organisation(Table):
    """An owner, a subscriber or both. `kind`: NULL until somebody says it. Added in revision 0004, as all below."""

    __tablename__ = "organisation"
    name: Mapped[str] = mapped_column(primary_key=True)
    title_ko: Mapped[str]
    title_en: Mapped[str]
    kind: Mapped[str | None]
    owner: Mapped[bool]
    subscriber: Mapped[bool]
    status: Mapped[str]
    version: Mapped[int]


class Account(Table):
    """A person or a machine that logs in with tokens. `roles`: their names, spaces between; without an organisation the hub's own."""

    __tablename__ = "account"
    id: Mapped[str] = mapped_column(primary_key=True)
    organisation: Mapped[str | None] = mapped_column(ForeignKey("organisation.name"), index=True)
    kind: Mapped[str]
    name: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    roles: Mapped[str]
    status: Mapped[str]
    version: Mapped[int]


class Token(Table):
    """A bearer token: the part that may be seen, and the argon2 hash of the whole. `used_ms`: the hour in which it was used last."""

    __tablename__ = "token"
    id: Mapped[str] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    hash: Mapped[str]
    made_ms: Mapped[int] = mapped_column(BigInteger)
    expires_ms: Mapped[int] = mapped_column(BigInteger)
    revoked_ms: Mapped[int | None] = mapped_column(BigInteger)
    used_ms: Mapped[int | None] = mapped_column(BigInteger)


class HistoryRow(Table):
    """A change of an organisation, account or token: before and after as JSON. `organisation`: whose officers may read it."""

    __tablename__ = "history"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy's declared form
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at_ms: Mapped[int] = mapped_column(BigInteger)
    who: Mapped[str]
    what: Mapped[str]
    object: Mapped[str]
    name: Mapped[str]
    organisation: Mapped[str | None] = mapped_column(index=True)
    reason: Mapped[str | None]
    before: Mapped[str | None]
    after: Mapped[str]


class KeptAnswer(Table):
    """What a request with an idempotency key was answered, without secrets; kept for a day."""

    __tablename__ = "kept_answer"
    account: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    at_ms: Mapped[int] = mapped_column(BigInteger, index=True)
    status: Mapped[int]
    headers: Mapped[str]
    body: Mapped[str]
