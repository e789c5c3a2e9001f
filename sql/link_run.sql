-- ---------------------------------------------------------------------------
-- The report of a run: every training and every linking of a model leaves its
-- counts, what its blocking rules brought and what was doubtful. While it runs,
-- other sessions see what it is doing.
--
-- The functions write for a caller who may not write these tables: they take
-- values, never a relation.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.link_run (
	run_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	model_id     integer NOT NULL REFERENCES caredata.link_model,
	operation    text NOT NULL CHECK (operation IN ('train', 'link')),
	left_table   text NOT NULL,
	right_table  text,
	run_by       name NOT NULL DEFAULT session_user,
	started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
	finished_at  timestamptz,
	left_records bigint,
	right_records bigint,
	sampled_pairs bigint,
	compared_pairs bigint,
	links        bigint,
	expected_matches double precision
);
COMMENT ON TABLE caredata.link_run IS
	'Every training and every linking, with its counts';
COMMENT ON COLUMN caredata.link_run.right_table IS
	'NULL where a table was linked with itself';
COMMENT ON COLUMN caredata.link_run.expected_matches IS
	'Of a training: how many pairs of one person the model takes the tables to have';

CREATE TABLE caredata.link_run_rule (
	run_id        bigint NOT NULL REFERENCES caredata.link_run,
	rule          smallint NOT NULL,
	pairs         bigint NOT NULL,
	new_pairs     bigint,
	links         bigint,
	skipped_blocks bigint NOT NULL,
	skipped_pairs bigint NOT NULL,
	PRIMARY KEY (run_id, rule)
);
COMMENT ON TABLE caredata.link_run_rule IS
	'What each blocking rule of a run brought, and what was skipped';
COMMENT ON COLUMN caredata.link_run_rule.pairs IS
	'Pairs in the blocks of the rule, those of skipped blocks too';
COMMENT ON COLUMN caredata.link_run_rule.new_pairs IS
	'Of a training: pairs compared under this rule, that no earlier one of its purpose had brought';
COMMENT ON COLUMN caredata.link_run_rule.links IS
	'Of a linking: links that this rule was the first to bring';
COMMENT ON COLUMN caredata.link_run_rule.rule IS
	'Place of the rule in the model; 0 where all pairs were compared without blocking';

CREATE TABLE caredata.link_run_block (
	run_id        bigint NOT NULL REFERENCES caredata.link_run,
	rule          smallint NOT NULL,
	left_records  bigint NOT NULL,
	right_records bigint NOT NULL,
	pairs         bigint NOT NULL,
	example_id    text NOT NULL
);
COMMENT ON TABLE caredata.link_run_block IS
	'Blocks of a run that were too large to be compared, the hundred largest of each rule';
COMMENT ON COLUMN caredata.link_run_block.example_id IS
	'The first record of the left table in the block';

CREATE TABLE caredata.link_run_warning (
	run_id     bigint NOT NULL REFERENCES caredata.link_run,
	warning    text NOT NULL,
	comparison text,
	level      smallint,
	detail     text NOT NULL
);
COMMENT ON TABLE caredata.link_run_warning IS
	'What was doubtful in a run, by name';

SELECT pg_catalog.pg_extension_config_dump('caredata.link_run', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_run_run_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_run_rule', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_run_block', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_run_warning', '');

INSERT INTO caredata.role_grant (role_name, routine)
SELECT r.role_name, t.relation
FROM (VALUES ('caredata_admin'), ('caredata_linker'), ('caredata_auditor')) AS r (role_name),
	 (VALUES ('caredata.link_run'), ('caredata.link_run_rule'), ('caredata.link_run_block'),
			 ('caredata.link_run_warning')) AS t (relation);

CREATE FUNCTION caredata.begin_link_run(model integer, operation text, left_table text,
										right_table text) RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
	INSERT INTO caredata.link_run (model_id, operation, left_table, right_table)
	VALUES ($1, $2, $3, $4) RETURNING run_id
$function$;
REVOKE ALL ON FUNCTION caredata.begin_link_run(integer, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.begin_link_run(integer, text, text, text) IS
	'Begins the report of a run; internal to train_link_model() and link()';

CREATE FUNCTION caredata.end_link_run(run bigint, left_records bigint, right_records bigint,
	sampled_pairs bigint, compared_pairs bigint, links bigint, expected_matches double precision)
	RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
	UPDATE caredata.link_run r
	SET finished_at = clock_timestamp(), left_records = $2, right_records = $3,
		sampled_pairs = $4, compared_pairs = $5, links = $6, expected_matches = $7
	WHERE r.run_id = $1 AND r.finished_at IS NULL
$function$;
REVOKE ALL ON FUNCTION caredata.end_link_run(bigint, bigint, bigint, bigint, bigint, bigint, double precision) FROM PUBLIC;
COMMENT ON FUNCTION caredata.end_link_run(bigint, bigint, bigint, bigint, bigint, bigint, double precision) IS
	'Ends the report of a run; internal to train_link_model() and link()';

CREATE FUNCTION caredata.report_link_rule(run bigint, rule integer, pairs bigint, new_pairs bigint,
	links bigint, skipped_blocks bigint, skipped_pairs bigint) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
	INSERT INTO caredata.link_run_rule SELECT r.run_id, $2, $3, $4, $5, $6, $7
	FROM caredata.link_run r WHERE r.run_id = $1 AND r.finished_at IS NULL
$function$;
REVOKE ALL ON FUNCTION caredata.report_link_rule(bigint, integer, bigint, bigint, bigint, bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION caredata.report_link_rule(bigint, integer, bigint, bigint, bigint, bigint, bigint) IS
	'Adds a blocking rule to the report of a run; internal to train_link_model() and link()';

CREATE FUNCTION caredata.report_link_block(run bigint, rule integer, left_records bigint,
	right_records bigint, pairs bigint, example_id text) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
	INSERT INTO caredata.link_run_block SELECT r.run_id, $2, $3, $4, $5, $6
	FROM caredata.link_run r WHERE r.run_id = $1 AND r.finished_at IS NULL
$function$;
REVOKE ALL ON FUNCTION caredata.report_link_block(bigint, integer, bigint, bigint, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.report_link_block(bigint, integer, bigint, bigint, bigint, text) IS
	'Adds a skipped block to the report of a run; internal to train_link_model() and link()';

CREATE FUNCTION caredata.warn_of_link(run bigint, warning text, comparison text, level integer,
									  detail text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	INSERT INTO caredata.link_run_warning
	SELECT r.run_id, warn_of_link.warning, warn_of_link.comparison, warn_of_link.level,
		warn_of_link.detail
	FROM caredata.link_run r WHERE r.run_id = run AND r.finished_at IS NULL;
	RAISE WARNING '%: %', warning, detail;
END
$function$;
REVOKE ALL ON FUNCTION caredata.warn_of_link(bigint, text, text, integer, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.warn_of_link(bigint, text, text, integer, text) IS
	'Adds a warning to the report of a run, and raises it; internal to train_link_model() and link()';

/*
 * What a run is doing, for other sessions to see: the application name of this
 * one, which pg_stat_activity shows, until the transaction ends.
 */
CREATE FUNCTION caredata.show_link_progress(step text) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
	SELECT set_config('application_name', left('caredata: ' || $1, 63), true)
$function$;
REVOKE ALL ON FUNCTION caredata.show_link_progress(text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.show_link_progress(text) IS
	'Shows in pg_stat_activity what a run is doing; internal to train_link_model() and link()';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.begin_link_run(integer, text, text, text)'),
	('caredata_linker', 'caredata.end_link_run(bigint, bigint, bigint, bigint, bigint, bigint, double precision)'),
	('caredata_linker', 'caredata.report_link_rule(bigint, integer, bigint, bigint, bigint, bigint, bigint)'),
	('caredata_linker', 'caredata.report_link_block(bigint, integer, bigint, bigint, bigint, text)'),
	('caredata_linker', 'caredata.warn_of_link(bigint, text, text, integer, text)'),
	('caredata_linker', 'caredata.show_link_progress(text)');
