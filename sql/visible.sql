-- ---------------------------------------------------------------------------
-- Visible sets: for each release and care setting, an allow-list bitmap over
-- person_id that changes in the transaction of the objection, and the policy
-- function that reads it.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.visible_set (
	set_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	release_id  integer NOT NULL REFERENCES caredata.release ON DELETE CASCADE,
	kinds       text[] NOT NULL,
	version     bigint NOT NULL,
	UNIQUE (release_id, kinds)
);
COMMENT ON TABLE caredata.visible_set IS
	'One allow-list of persons per release and combination of objection kinds that applies';
COMMENT ON COLUMN caredata.visible_set.kinds IS
	'Objection kinds that withhold a person from this set, sorted';
COMMENT ON COLUMN caredata.visible_set.version IS
	'Changes with every change of the set; never used twice';

CREATE TABLE caredata.visible_setting (
	release_id  integer NOT NULL REFERENCES caredata.release ON DELETE CASCADE,
	setting     text NOT NULL,
	set_id      integer NOT NULL REFERENCES caredata.visible_set ON DELETE CASCADE,
	PRIMARY KEY (release_id, setting)
);
COMMENT ON TABLE caredata.visible_setting IS
	'Which visible set holds for rows of a care setting in a release';

CREATE TABLE caredata.visible_chunk (
	set_id   integer NOT NULL REFERENCES caredata.visible_set ON DELETE CASCADE,
	chunk    integer NOT NULL CHECK (chunk >= 0),
	version  bigint NOT NULL,
	bits     bytea NOT NULL CHECK (pg_catalog.octet_length(bits) = 4096),
	PRIMARY KEY (set_id, chunk)
);
ALTER TABLE caredata.visible_chunk ALTER COLUMN bits SET STORAGE PLAIN;
COMMENT ON TABLE caredata.visible_chunk IS
	'Bits of a visible set: chunk c holds persons 32768c to 32768c+32767, bit i of byte b is person 8b+i';

CREATE SEQUENCE caredata.visible_version AS bigint;

