-- What the program of format 2 did to a file of format 1.
BEGIN TRANSACTION;
CREATE TABLE act (
    information_type VARCHAR NOT NULL, epoch INTEGER NOT NULL, at_ms INTEGER NOT NULL, who VARCHAR NOT NULL, what VARCHAR NOT NULL,
    PRIMARY KEY (information_type, epoch),
    FOREIGN KEY(information_type, epoch) REFERENCES epoch (information_type, epoch)
);
CREATE TABLE listed_type (
    information_type VARCHAR NOT NULL, record BLOB NOT NULL, published BOOLEAN NOT NULL, PRIMARY KEY (information_type),
    FOREIGN KEY(information_type) REFERENCES information_type (name)
);
CREATE TABLE subject_list (
    id INTEGER NOT NULL, information_type VARCHAR NOT NULL, subscriber VARCHAR NOT NULL, name VARCHAR NOT NULL, PRIMARY KEY (id),
    UNIQUE (information_type, subscriber, name), FOREIGN KEY(information_type) REFERENCES listed_type (information_type)
);
CREATE TABLE list_entry (
    list_id INTEGER NOT NULL, subject BLOB NOT NULL, until_ms INTEGER, removed BOOLEAN NOT NULL, change INTEGER NOT NULL,
    PRIMARY KEY (list_id, subject), FOREIGN KEY(list_id) REFERENCES subject_list (id)
) WITHOUT ROWID;
CREATE INDEX list_entry_change ON list_entry (change, removed DESC) WHERE change > 0;
CREATE INDEX list_entry_told ON list_entry (change) WHERE change < 0;
CREATE INDEX list_entry_until ON list_entry (until_ms) WHERE until_ms IS NOT NULL;
CREATE TABLE uploaded_entry (
    upload VARCHAR NOT NULL, subject BLOB NOT NULL, until_ms INTEGER, PRIMARY KEY (upload, subject)
) WITHOUT ROWID;
UPDATE setting SET value = '2' WHERE name = 'schema_version';
COMMIT;
