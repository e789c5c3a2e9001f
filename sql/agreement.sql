-- ---------------------------------------------------------------------------
-- Agreements and purposes: who may use what, why, on which legal basis, until
-- when, and who approved it. One purpose of one agreement is a release.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.agreement (
	agreement_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	reference         text NOT NULL UNIQUE,
	title             text NOT NULL,
	organisation_code text NOT NULL,
	organisation_name text NOT NULL,
	starts_on         date NOT NULL,
	ends_on           date NOT NULL,
	created_by        name NOT NULL,
	created_at        timestamptz NOT NULL DEFAULT now(),
	CHECK (starts_on <= ends_on)
);
COMMENT ON TABLE caredata.agreement IS
	'Data sharing agreements: one organisation, one term, one or more purposes';

CREATE TABLE caredata.release (
	release_id        integer PRIMARY KEY REFERENCES caredata.domain,
	agreement_id      integer NOT NULL REFERENCES caredata.agreement,
	name              name NOT NULL UNIQUE,
	purpose           text NOT NULL,
	legal_basis       text NOT NULL,
	identifiability   text NOT NULL DEFAULT 'pseudonymised'
		CHECK (identifiability IN ('identifiable', 'pseudonymised', 'anonymised')),
	population_kind   text NOT NULL DEFAULT 'everyone'
		CHECK (population_kind IN ('everyone', 'commissioner', 'practice', 'lsoa')),
	population_codes  text[] NOT NULL DEFAULT '{}',
	no_nhs_number     text NOT NULL DEFAULT 'withhold'
		CHECK (no_nhs_number IN ('withhold', 'allow')),
	exemption         text,
	exemption_evidence text,
	state             text NOT NULL DEFAULT 'draft'
		CHECK (state IN ('draft', 'approved', 'active', 'suspended', 'ended')),
	starts_on         date NOT NULL,
	ends_on           date NOT NULL,
	created_by        name[] NOT NULL,
	created_at        timestamptz NOT NULL DEFAULT now(),
	approved_by       name[],
	approved_at       timestamptz,
	CHECK (starts_on <= ends_on),
	CHECK (state = 'draft' OR approved_by IS NOT NULL),
	CHECK ((exemption IS NULL) = (exemption_evidence IS NULL))
);
COMMENT ON TABLE caredata.release IS
	'Releases: one purpose of one agreement, which is a reader role, a schema of views and a pseudonym domain';
COMMENT ON COLUMN caredata.release.release_id IS
	'Also the pseudonym domain and the value of the release handle';
COMMENT ON COLUMN caredata.release.name IS
	'Schema of the release''s views; its roles are <name>_reader and <name>_definer';
COMMENT ON COLUMN caredata.release.created_by IS
	'Session user and acting role of the author; neither may approve';

CREATE TABLE caredata.release_column (
	release_id   integer NOT NULL REFERENCES caredata.release ON DELETE CASCADE,
	dataset      name NOT NULL,
	column_name  name NOT NULL,
	treatment    text NOT NULL,
	PRIMARY KEY (release_id, dataset, column_name),
	FOREIGN KEY (dataset, column_name) REFERENCES caredata.dataset_column
);
COMMENT ON TABLE caredata.release_column IS
	'Columns that a release permits and how each is treated; a column not listed is not released';

CREATE TRIGGER catalog_changed
	AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON caredata.release
	FOR EACH STATEMENT EXECUTE FUNCTION caredata.catalog_changed();

