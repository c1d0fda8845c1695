-- The control plane's database as version 0.1.0 made it (format 1): one type, one grant, one epoch.
PRAGMA application_id=1735288697;
BEGIN TRANSACTION;
CREATE TABLE credential (
	user VARCHAR NOT NULL, 
	password_hash VARCHAR NOT NULL, 
	PRIMARY KEY (user)
);
CREATE TABLE epoch (
	information_type VARCHAR NOT NULL, 
	epoch INTEGER NOT NULL, 
	record BLOB NOT NULL, 
	published BOOLEAN NOT NULL, 
	PRIMARY KEY (information_type, epoch), 
	FOREIGN KEY(information_type) REFERENCES information_type (name)
);
INSERT INTO "epoch" VALUES('dog',1,X'7B22696E666F726D6174696F6E5F74797065223A22646F67222C2265706F6368223A312C227075626C69736865645F6D73223A313730303030303030303030302C226F776E6572223A226B656E6E656C222C22746F706963223A226F776E65722E6B656E6E656C2E646F67222C2273746174655F746F706963223A226875622E73746174652E646F67222C22706172746974696F6E73223A342C226B65795F6669656C6473223A5B22646F675F6964225D2C227375626A6563745F6669656C6473223A5B22646F675F6964225D2C2276657273696F6E5F6669656C64223A6E756C6C2C227375626A6563745F6B65795F736368656D615F6964223A312C227772697465725F736368656D615F696473223A5B325D2C226772616E7473223A5B7B2273756273637269626572223A22766574222C226772616E74223A22616C6C222C2276657273696F6E223A312C227374617465223A22616374697665222C22636F70795F6E756D626572223A317D5D7D',1);
CREATE TABLE grant (
	subscriber VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	information_type VARCHAR NOT NULL, 
	topic VARCHAR NOT NULL, 
	partitions INTEGER NOT NULL, 
	PRIMARY KEY (subscriber, name), 
	FOREIGN KEY(information_type) REFERENCES information_type (name), 
	UNIQUE (topic)
);
INSERT INTO "grant" VALUES('vet','all','dog','grant.vet.all',4);
CREATE TABLE grant_version (
	subscriber VARCHAR NOT NULL, 
	grant VARCHAR NOT NULL, 
	version INTEGER NOT NULL, 
	information_type VARCHAR NOT NULL, 
	record BLOB NOT NULL, 
	published BOOLEAN NOT NULL, 
	PRIMARY KEY (subscriber, grant, version), 
	FOREIGN KEY(subscriber, grant) REFERENCES grant (subscriber, name)
);
INSERT INTO "grant_version" VALUES('vet','all',1,'dog',X'7B2273756273637269626572223A22766574222C226772616E74223A22616C6C222C2276657273696F6E223A312C22696E666F726D6174696F6E5F74797065223A22646F67222C226669656C6473223A5B22646F675F6964222C226E616D65225D2C22726F7773223A6E756C6C2C22707572706F7365223A7B22636F6465223A2263617265222C2274657874223A2243617265206F6620646F6773227D2C226C6567616C5F6261736973223A7B2273746174757465223A22446F6720416374222C2261727469636C65223A2237222C2276616C69645F66726F6D223A22323032302D30312D3031222C2276616C69645F746F223A6E756C6C7D2C2276616C69645F66726F6D223A6E756C6C2C2276616C69645F746F223A6E756C6C2C22746F706963223A226772616E742E7665742E616C6C222C22706172746974696F6E73223A342C226B65795F736368656D615F6964223A312C22766965775F736368656D615F696473223A7B2232223A337D7D',1);
CREATE TABLE information_type (
	name VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	topic VARCHAR NOT NULL, 
	partitions INTEGER NOT NULL, 
	definition VARCHAR NOT NULL, 
	PRIMARY KEY (name), 
	UNIQUE (topic)
);
INSERT INTO "information_type" VALUES('dog','kennel','owner.kennel.dog',4,'{"owner": "kennel", "key": ["dog_id"], "subject": ["dog_id"], "version": null, "partitions": 4, "record": {"type": "record", "name": "Dog", "namespace": "test.kennel", "fields": [{"name": "dog_id", "type": "string"}, {"name": "name", "type": "string"}, {"name": "born", "type": {"type": "int", "logicalType": "date"}}, {"name": "weight", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}], "default": null}, {"name": "town", "type": ["null", "string"], "default": null}]}}');
CREATE TABLE schema_text (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	digest BLOB NOT NULL, 
	text VARCHAR NOT NULL, 
	UNIQUE (digest)
);
INSERT INTO "schema_text" VALUES(1,X'F958B25899DE9F273E336BAFA59254DD499133613A0295D5CA1015287A4A3BF0','{"type":"record","name":"Key","namespace":"gongyu.kennel.dog","fields":[{"name":"dog_id","type":"string"}]}');
INSERT INTO "schema_text" VALUES(2,X'FB3FA9F0E5B5839C5480BCBA6EFB84C57BA4B812E08900F5AD79D2D5342643C7','{"type":"record","name":"Change","namespace":"gongyu.kennel.dog.owner","fields":[{"name":"before","type":["null",{"type":"record","name":"Dog","namespace":"test.kennel","fields":[{"name":"dog_id","type":"string"},{"name":"name","type":"string"},{"name":"born","type":{"type":"int","logicalType":"date"}},{"name":"weight","type":["null",{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}],"default":null},{"name":"town","type":["null","string"],"default":null}]}],"default":null},{"name":"after","type":["null","test.kennel.Dog"],"default":null},{"name":"op","type":"string","doc":"c create, u update, d delete, r read (copy), m marker"},{"name":"ts_ms","type":"long","doc":"when the owner published the change; milliseconds since 1970 UTC"},{"name":"source","type":{"type":"record","name":"Source","fields":[{"name":"name","type":"string","doc":"identity of the source that counts `position`"},{"name":"position","type":"long"},{"name":"act","type":["null","string"],"default":null,"doc":"groups the changes of one act"}]}}]}');
INSERT INTO "schema_text" VALUES(3,X'4E53D782E87B1EE4A99DE79BE7F3369A8D7EB8ECCE258B7708C87EAF112B6390','{"type":"record","name":"Change","namespace":"gongyu.view.vet.all","fields":[{"name":"before","type":["null",{"type":"record","name":"View","namespace":"gongyu.view.vet.all","fields":[{"name":"dog_id","type":"string"},{"name":"name","type":"string"}]}],"default":null},{"name":"after","type":["null","gongyu.view.vet.all.View"],"default":null},{"name":"op","type":"string","doc":"c create, u update, d delete, r read (copy), m marker"},{"name":"ts_ms","type":"long","doc":"when the owner published the change; milliseconds since 1970 UTC"},{"name":"source","type":{"type":"record","name":"Source","fields":[{"name":"partition","type":"int","doc":"of the owner''s message"},{"name":"offset","type":"long","doc":"of the owner''s message"},{"name":"reason","type":["null","string"],"default":null},{"name":"act","type":["null","string"],"default":null}]}},{"name":"copy","type":["null",{"type":"record","name":"Copy","fields":[{"name":"phase","type":{"type":"enum","name":"Phase","symbols":["begin","end"]}},{"name":"number","type":"long","doc":"the grant''s copy number"},{"name":"partition","type":"int","doc":"the owner topic''s partition that this copy covers"},{"name":"bucket","type":["null","int"],"default":null}]}],"default":null,"doc":"set in markers only"}],"doc":"Care of dogs","gongyu.subscriber":"vet","gongyu.grant":"all","gongyu.version":1,"gongyu.owner":"kennel","gongyu.informationType":"dog","gongyu.purpose":{"code":"care","text":"Care of dogs"},"gongyu.legalBasis":{"statute":"Dog Act","article":"7","valid_from":"2020-01-01","valid_to":null},"gongyu.validFrom":null,"gongyu.validTo":null}');
CREATE TABLE setting (
	name VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "setting" VALUES('schema_version','1');
INSERT INTO "setting" VALUES('port','4711');
INSERT INTO "setting" VALUES('cluster_id','cluster');
CREATE TABLE subject (
	name VARCHAR NOT NULL, 
	topic VARCHAR NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "subject" VALUES('owner.kennel.dog-key','owner.kennel.dog');
INSERT INTO "subject" VALUES('owner.kennel.dog-value','owner.kennel.dog');
INSERT INTO "subject" VALUES('grant.vet.all-key','grant.vet.all');
INSERT INTO "subject" VALUES('grant.vet.all-value','grant.vet.all');
CREATE TABLE subject_version (
	subject VARCHAR NOT NULL, 
	version INTEGER NOT NULL, 
	schema_id INTEGER NOT NULL, 
	PRIMARY KEY (subject, version), 
	UNIQUE (subject, schema_id), 
	FOREIGN KEY(subject) REFERENCES subject (name), 
	FOREIGN KEY(schema_id) REFERENCES schema_text (id)
);
INSERT INTO "subject_version" VALUES('owner.kennel.dog-key',1,1);
INSERT INTO "subject_version" VALUES('owner.kennel.dog-value',1,2);
INSERT INTO "subject_version" VALUES('grant.vet.all-key',1,1);
INSERT INTO "subject_version" VALUES('grant.vet.all-value',1,3);
CREATE INDEX ix_subject_topic ON subject (topic);
CREATE INDEX ix_information_type_owner ON information_type (owner);
CREATE INDEX ix_subject_version_schema_id ON subject_version (schema_id);
CREATE INDEX ix_grant_information_type ON grant (information_type);
CREATE INDEX ix_grant_version_information_type ON grant_version (information_type);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('schema_text',3);
COMMIT;
