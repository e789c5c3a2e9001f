-- ---------------------------------------------------------------------------
-- Datasets: what can be landed, stored and released, described by data.
-- A dataset is a landing table of text, a care table of typed fields, and the
-- columns that lead from one to the other.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.dataset (
	dataset           name PRIMARY KEY,
	setting           text NOT NULL
		CHECK (setting IN ('gp', 'hospital', 'community', 'social_care', 'registry')),
	title             text NOT NULL,
	key_columns       name[] NOT NULL,
	partition_column  name,
	event_date_column name,
	description       text NOT NULL
);
COMMENT ON TABLE caredata.dataset IS
	'Datasets that can be landed, stored and released; one row makes one landing table and one care table';
COMMENT ON COLUMN caredata.dataset.setting IS
	'Care setting the rows come from; objection rules and visible sets depend on it';
COMMENT ON COLUMN caredata.dataset.key_columns IS
	'Care columns that together name one source record; a record landed again replaces the stored one';
COMMENT ON COLUMN caredata.dataset.partition_column IS
	'Date column whose financial year (1 April to 31 March) partitions the care table; NULL for one table';
COMMENT ON COLUMN caredata.dataset.event_date_column IS
	'Date on which the recorded care happened';

CREATE TABLE caredata.dataset_column (
	dataset      name NOT NULL REFERENCES caredata.dataset ON DELETE CASCADE,
	position     smallint NOT NULL CHECK (position > 0),
	column_name  name NOT NULL,
	role         text NOT NULL DEFAULT 'data'
		CHECK (role IN ('data', 'nhs_number', 'date_of_birth', 'sex',
						'postcode', 'local_patient_id', 'source_organisation')),
	stored       boolean NOT NULL DEFAULT true,
	field_type   text NOT NULL
		CHECK (field_type IN ('smallint', 'integer', 'bigint', 'float8', 'text',
							  'date', 'time', 'boolean', 'nhs_number', 'postcode')),
	format       text
		CHECK (format IN ('icd10', 'opcs4', 'ods', 'lsoa', 'snomed', 'clinical',
						  'sex', 'ethnic_category')),
	mandatory    boolean NOT NULL DEFAULT false,
	code_list    text,
	treatment    text NOT NULL DEFAULT 'keep',
	description  text NOT NULL,
	PRIMARY KEY (dataset, column_name),
	UNIQUE (dataset, position)
);
COMMENT ON TABLE caredata.dataset_column IS
	'Fields of each dataset in file order: how they are read, linked on, stored and released';
COMMENT ON COLUMN caredata.dataset_column.role IS
	'What linkage uses the field for; data for everything else';
COMMENT ON COLUMN caredata.dataset_column.stored IS
	'Whether the field becomes a column of the care table; identifiers never do';
COMMENT ON COLUMN caredata.dataset_column.format IS
	'Code grammar that a text field must satisfy';
COMMENT ON COLUMN caredata.dataset_column.code_list IS
	'Name of the code list whose codes alone are valid; NULL for any';
COMMENT ON COLUMN caredata.dataset_column.treatment IS
	'Treatment that a release applies unless it is told another';

