
-- ---------------------------------------------------------------------------
-- Re-pseudonymisation: after a release's key was changed, the pseudonyms that
-- a DBA's own tables hold are turned into current ones, in batches that are
-- committed one by one, and taken up again where an interruption left them.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.renewed_pseudonym(pseudonym caredata.pseudonym, domain integer)
	RETURNS caredata.pseudonym
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 10
	AS 'MODULE_PATHNAME', 'caredata_renewed_pseudonym';
REVOKE ALL ON FUNCTION caredata.renewed_pseudonym(caredata.pseudonym, integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.renewed_pseudonym(caredata.pseudonym, integer) IS
	'The pseudonym of the same person or record under the newest key of its domain; NULL for one that no readable generation made';

CREATE TABLE caredata.pseudonym_column (
	relation        regclass NOT NULL,
	column_name     name NOT NULL,
	domain_id       integer NOT NULL REFERENCES caredata.domain ON DELETE CASCADE,
	registered_by   name[] NOT NULL,
	registered_at   timestamptz NOT NULL DEFAULT now(),
	generation      integer,
	next_page       bigint NOT NULL DEFAULT 0,
	pass            integer NOT NULL DEFAULT 0,
	renewed_in_pass bigint NOT NULL DEFAULT 0,
	renewed         bigint NOT NULL DEFAULT 0,
	unresolved      bigint NOT NULL DEFAULT 0,
	started_at      timestamptz,
	finished_at     timestamptz,
	PRIMARY KEY (relation, column_name)
);
COMMENT ON TABLE caredata.pseudonym_column IS
	'Columns of other tables that hold pseudonyms of a domain, and how far turning them into current ones has come';
COMMENT ON COLUMN caredata.pseudonym_column.generation IS
	'Newest generation when the running or last pass began';
COMMENT ON COLUMN caredata.pseudonym_column.next_page IS
	'Page of the table at which the next batch begins';
COMMENT ON COLUMN caredata.pseudonym_column.pass IS
	'Passes over the table so far; the work is done when one finds nothing to renew';
COMMENT ON COLUMN caredata.pseudonym_column.unresolved IS
	'Values, in the running or last pass, that no readable generation made; they are left as they are';
SELECT pg_catalog.pg_extension_config_dump('caredata.pseudonym_column', '');

CREATE FUNCTION caredata.register_pseudonym_column(relation regclass, column_name name, domain integer)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
DECLARE
	who name[] := caredata.requester();
	kind "char";
	persistence "char";
	field pg_attribute;
BEGIN
	SELECT c.relkind, c.relpersistence INTO kind, persistence FROM pg_class c
	WHERE c.oid = register_pseudonym_column.relation;
	IF kind IS NULL OR kind <> 'r' OR persistence = 't' THEN
		RAISE EXCEPTION 'not an ordinary table'
			USING ERRCODE = 'wrong_object_type',
				  HINT = 'Register a table that is not temporary; of a partitioned table, each partition.';
	END IF;
	SELECT a.* INTO field FROM pg_attribute a
	WHERE a.attrelid = register_pseudonym_column.relation
	  AND a.attname = register_pseudonym_column.column_name AND a.attnum > 0 AND NOT a.attisdropped;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'column "%" of table % does not exist', register_pseudonym_column.column_name, register_pseudonym_column.relation
			USING ERRCODE = 'undefined_column';
	END IF;
	IF field.atttypid <> 'caredata.pseudonym'::regtype OR field.attgenerated <> '' THEN
		RAISE EXCEPTION 'column "%" of table % is not of type pseudonym', register_pseudonym_column.column_name, register_pseudonym_column.relation
			USING ERRCODE = 'datatype_mismatch',
				  HINT = 'ALTER TABLE ... ALTER COLUMN ... TYPE caredata.pseudonym; a generated column follows what it is made of.';
	END IF;
	IF NOT has_column_privilege(who[cardinality(who)], register_pseudonym_column.relation,
								field.attnum, 'UPDATE') THEN
		RAISE EXCEPTION 'permission denied for table %', register_pseudonym_column.relation
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'Who registers a column must be allowed to change it.';
	END IF;
	IF NOT EXISTS (SELECT FROM caredata.domain d WHERE d.domain_id = register_pseudonym_column.domain) THEN
		RAISE EXCEPTION 'pseudonym domain % does not exist', coalesce(register_pseudonym_column.domain::text, 'NULL')
			USING ERRCODE = 'undefined_object',
				  HINT = 'Give the number of the release; key_status() lists them.';
	END IF;
	IF EXISTS (SELECT FROM caredata.pseudonym_column p
			   WHERE p.relation = register_pseudonym_column.relation
				 AND p.column_name = register_pseudonym_column.column_name) THEN
		RAISE EXCEPTION 'column "%" of table % is already registered', register_pseudonym_column.column_name, register_pseudonym_column.relation
			USING ERRCODE = 'duplicate_object',
				  HINT = 'pseudonym_columns() lists what is.';
	END IF;
	INSERT INTO caredata.pseudonym_column (relation, column_name, domain_id, registered_by)
	VALUES (register_pseudonym_column.relation, register_pseudonym_column.column_name,
			register_pseudonym_column.domain, who);
END
$body$;
REVOKE ALL ON FUNCTION caredata.register_pseudonym_column(regclass, name, integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.register_pseudonym_column(regclass, name, integer) IS
	'Records that a column of one of your own tables holds pseudonyms of a release, so that repseudonymise() can renew them';

CREATE FUNCTION caredata.unregister_pseudonym_column(relation regclass, column_name name)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
BEGIN
	DELETE FROM caredata.pseudonym_column p
	WHERE p.relation = unregister_pseudonym_column.relation
	  AND p.column_name = unregister_pseudonym_column.column_name;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the column is not registered'
			USING ERRCODE = 'undefined_object',
				  HINT = 'pseudonym_columns() lists what is.';
	END IF;
END
$body$;
REVOKE ALL ON FUNCTION caredata.unregister_pseudonym_column(regclass, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.unregister_pseudonym_column(regclass, name) IS
	'Forgets a column that register_pseudonym_column() recorded; the table is not touched';

CREATE FUNCTION caredata.pseudonym_columns()
	RETURNS TABLE (relation regclass, column_name name, domain_id integer, name name,
				   generation integer, pages_done bigint, pages bigint, pass integer,
				   renewed bigint, unresolved bigint, started_at timestamptz, finished_at timestamptz)
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 20
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT p.relation, p.column_name, p.domain_id, d.name, p.generation, p.next_page,
		   pg_catalog.pg_relation_size(p.relation) / pg_catalog.current_setting('block_size')::bigint,
		   p.pass, p.renewed, p.unresolved, p.started_at, p.finished_at
	FROM caredata.pseudonym_column p
	JOIN caredata.domain d ON d.domain_id = p.domain_id
	ORDER BY p.relation::text, p.column_name;
END;
REVOKE ALL ON FUNCTION caredata.pseudonym_columns() FROM PUBLIC;
COMMENT ON FUNCTION caredata.pseudonym_columns() IS
	'The registered columns, and how far repseudonymise() has come with each';

-- The next batch: its first page, or none when the work is done. Keeps the row
-- locked until the batch is committed, so that two runs do not do it twice.
CREATE FUNCTION caredata.begin_pseudonym_batch(
	relation regclass, column_name name, OUT domain integer, OUT first_page bigint)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
DECLARE
	state caredata.pseudonym_column;
	newest integer;
	pages bigint;
BEGIN
	SELECT p.* INTO state FROM caredata.pseudonym_column p
	WHERE p.relation = begin_pseudonym_batch.relation
	  AND p.column_name = begin_pseudonym_batch.column_name
	FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the column is not registered'
			USING ERRCODE = 'undefined_object',
				  HINT = 'Register it with register_pseudonym_column().';
	END IF;
	SELECT max(k.generation) INTO newest FROM caredata.domain_key k WHERE k.domain_id = state.domain_id;
	pages := pg_relation_size(state.relation) / current_setting('block_size')::bigint;

	IF state.started_at IS NULL OR state.finished_at IS NOT NULL THEN
		-- a new run
		state.generation := newest;
		state.next_page := 0;
		state.pass := 1;
		state.renewed_in_pass := 0;
		state.renewed := 0;
		state.unresolved := 0;
		state.started_at := clock_timestamp();
		state.finished_at := NULL;
	ELSIF state.next_page >= pages THEN
		IF state.renewed_in_pass = 0 AND state.generation IS NOT DISTINCT FROM newest THEN
			state.finished_at := clock_timestamp();
		ELSE
			-- rows that others changed meanwhile may have moved behind us
			state.generation := newest;
			state.next_page := 0;
			state.pass := state.pass + 1;
			state.renewed_in_pass := 0;
			state.unresolved := 0;
		END IF;
	END IF;
	UPDATE caredata.pseudonym_column p
	SET generation = state.generation, next_page = state.next_page, pass = state.pass,
		renewed_in_pass = state.renewed_in_pass, renewed = state.renewed, unresolved = state.unresolved,
		started_at = state.started_at, finished_at = state.finished_at
	WHERE p.relation = state.relation AND p.column_name = state.column_name;
	IF state.finished_at IS NULL THEN
		domain := state.domain_id;
		first_page := state.next_page;
	END IF;
END
$body$;
REVOKE ALL ON FUNCTION caredata.begin_pseudonym_batch(regclass, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.begin_pseudonym_batch(regclass, name) IS
	'Where the next batch of repseudonymise() begins; NULL when nothing is left to do';

CREATE FUNCTION caredata.end_pseudonym_batch(
	relation regclass, column_name name, next_page bigint, renewed bigint, unresolved bigint)
	RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	UPDATE caredata.pseudonym_column p
	SET next_page = end_pseudonym_batch.next_page,
		renewed_in_pass = p.renewed_in_pass + end_pseudonym_batch.renewed,
		renewed = p.renewed + end_pseudonym_batch.renewed,
		unresolved = p.unresolved + end_pseudonym_batch.unresolved
	WHERE p.relation = end_pseudonym_batch.relation
	  AND p.column_name = end_pseudonym_batch.column_name;
END;
REVOKE ALL ON FUNCTION caredata.end_pseudonym_batch(regclass, name, bigint, bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION caredata.end_pseudonym_batch(regclass, name, bigint, bigint, bigint) IS
	'Records how far repseudonymise() has come';

-- With the rights of the caller: their table, their triggers.
CREATE FUNCTION caredata.repseudonymise_batch(relation regclass, column_name name, batch_pages integer)
	RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	batch record;
	last_page bigint;
	pages text;
	renewed bigint;
	unresolved bigint;
BEGIN
	IF batch_pages IS NULL OR batch_pages < 1 THEN
		RAISE EXCEPTION 'a batch must have at least one page'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'pseudonyms are renewed in READ COMMITTED transactions only'
			USING ERRCODE = 'invalid_transaction_state',
				  HINT = 'Set default_transaction_isolation to read committed.';
	END IF;
	IF row_security_active(relation) THEN
		RAISE EXCEPTION 'row security hides rows of table % from you', relation
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'Let its owner do it.';
	END IF;
	SELECT * INTO batch FROM caredata.begin_pseudonym_batch(relation, column_name);
	IF batch.first_page IS NULL THEN
		RETURN false;
	END IF;
	last_page := least(batch.first_page + batch_pages, 4294967295);
	pages := format('%I IS NOT NULL AND ctid >= ''(%s,0)'' AND ctid < ''(%s,0)''',
					column_name, batch.first_page, last_page);
	EXECUTE format('SELECT count(*) FROM ONLY %s WHERE %s AND caredata.renewed_pseudonym(%I, %s) IS NULL',
				   relation, pages, column_name, batch.domain) INTO unresolved;
	EXECUTE format('UPDATE ONLY %1$s SET %2$I = caredata.renewed_pseudonym(%2$I, %3$s)'
				   ' WHERE %4$s AND caredata.renewed_pseudonym(%2$I, %3$s) OPERATOR(caredata.<>) %2$I',
				   relation, column_name, batch.domain, pages);
	GET DIAGNOSTICS renewed = ROW_COUNT;
	PERFORM caredata.end_pseudonym_batch(relation, column_name, last_page, renewed, unresolved);
	RETURN true;
END
$body$;
REVOKE ALL ON FUNCTION caredata.repseudonymise_batch(regclass, name, integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.repseudonymise_batch(regclass, name, integer) IS
	'One batch of repseudonymise(); false when nothing is left to do';

-- A routine that pins its search path may not COMMIT: so every name in this
-- one is qualified, and there is no operator.
CREATE PROCEDURE caredata.repseudonymise(relation regclass, column_name name, batch_pages integer DEFAULT 1000)
	LANGUAGE plpgsql
AS $body$
DECLARE
	going_on boolean;
BEGIN
	LOOP
		going_on := caredata.repseudonymise_batch(repseudonymise.relation, repseudonymise.column_name,
												  repseudonymise.batch_pages);
		COMMIT;
		EXIT WHEN going_on IS NOT TRUE;
	END LOOP;
END
$body$;
REVOKE ALL ON PROCEDURE caredata.repseudonymise(regclass, name, integer) FROM PUBLIC;
COMMENT ON PROCEDURE caredata.repseudonymise(regclass, name, integer) IS
	'Turns the pseudonyms in a registered column into current ones, so many pages at a time, each batch committed; called again after an interruption it goes on where it was';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.renewed_pseudonym(caredata.pseudonym,integer)'),
	('caredata_admin', 'caredata.register_pseudonym_column(regclass,name,integer)'),
	('caredata_admin', 'caredata.unregister_pseudonym_column(regclass,name)'),
	('caredata_admin', 'caredata.pseudonym_columns()'),
	('caredata_admin', 'caredata.begin_pseudonym_batch(regclass,name)'),
	('caredata_admin', 'caredata.end_pseudonym_batch(regclass,name,bigint,bigint,bigint)'),
	('caredata_admin', 'caredata.repseudonymise_batch(regclass,name,integer)'),
	('caredata_admin', 'caredata.repseudonymise(regclass,name,integer)');
