-- ---------------------------------------------------------------------------
-- Releases in force: what an approved release makes in the database, and how
-- it is suspended, resumed and ended.
--
-- An active release is a reader role, a definer role, a schema of plain views
-- owned by the definer, and one policy on every permitted care table. The
-- views choose and treat columns and restrict no row; the policies restrict
-- rows. No setting of a session takes part.
-- ---------------------------------------------------------------------------

-- ------------------------------------------------------------ treatments
-- Pure functions of their argument, open to everybody: they know no more than
-- their caller. None is LEAKPROOF, for a condition on a treated column is not
-- what makes an index work.

CREATE FUNCTION caredata.year_of(day date) RETURNS smallint
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN CASE WHEN pg_catalog.isfinite(day) THEN EXTRACT(year FROM day)::smallint END;
COMMENT ON FUNCTION caredata.year_of(date) IS
	'Treatment year: the calendar year of a date';

CREATE FUNCTION caredata.month_of(day date) RETURNS date
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN CASE WHEN pg_catalog.isfinite(day)
		THEN day - (EXTRACT(day FROM day)::integer - 1) END;
COMMENT ON FUNCTION caredata.month_of(date) IS
	'Treatment month: the first day of the month of a date';

CREATE FUNCTION caredata.age_band(birth_year smallint, on_day date) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN CASE
		WHEN NOT pg_catalog.isfinite(on_day) THEN NULL
		WHEN EXTRACT(year FROM on_day)::integer < birth_year THEN NULL
		WHEN EXTRACT(year FROM on_day)::integer - birth_year >= 90 THEN '90+'
		ELSE pg_catalog.to_char((EXTRACT(year FROM on_day)::integer - birth_year) / 5 * 5, 'FM00')
			|| '-'
			|| pg_catalog.to_char((EXTRACT(year FROM on_day)::integer - birth_year) / 5 * 5 + 4, 'FM00')
		END;
COMMENT ON FUNCTION caredata.age_band(smallint, date) IS
	'Treatment age_band: five-year band, 00-04 to 85-89 and 90+, of the age reached in the year of the day; NULL before birth';

-- The text of one column of a release's view. The handle is written out only
-- here and in activate_release(). A place is looked up for each row and not
-- joined: a merge join would show the rows in the order of the finer code, and
-- so tell it, and a nested loop would tell EXPLAIN ANALYZE who shares one.
CREATE FUNCTION caredata.treated_column(
	release_id  integer,
	column_name name,
	treatment   text,
	result_name name,
	source_setting text)
	RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	value text := format('t.%I', column_name);
BEGIN
	-- The row is shown by its dataset's setting, the value by its own.
	IF source_setting IS NOT NULL THEN
		value := format('CASE WHEN caredata.visible(t.person_id, %L::caredata.release_ref, %L) THEN %s END',
						release_id, source_setting, value);
	END IF;
	CASE treatment
		WHEN 'keep' THEN
			RETURN format('%s AS %I', value, result_name);
		WHEN 'year' THEN
			RETURN format('caredata.year_of(%s) AS %I', value, result_name);
		WHEN 'month' THEN
			RETURN format('caredata.month_of(%s) AS %I', value, result_name);
		WHEN 'shift' THEN
			RETURN format('caredata.shifted_date(%s, t.person_id, %L::caredata.release_ref) AS %I',
						  value, release_id, result_name);
		WHEN 'age_band' THEN
			RETURN format('caredata.age_band(%s, CURRENT_DATE) AS %I', value, result_name);
		WHEN 'msoa' THEN
			RETURN format('(SELECT area.msoa_code FROM care.lsoa area WHERE area.lsoa_code = %s) AS %I',
						  value, result_name);
		WHEN 'district' THEN
			RETURN format('(SELECT area.local_authority_code FROM care.lsoa area WHERE area.lsoa_code = %s) AS %I',
						  value, result_name);
		WHEN 'record_pid' THEN
			RETURN format('caredata.record_pid(%s, %L::caredata.release_ref) AS %I',
						  value, release_id, result_name);
	END CASE;
END
$$;
REVOKE ALL ON FUNCTION caredata.treated_column(integer, name, text, name, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.treated_column(integer, name, text, name, text) IS
	'One column of a release''s view, in SQL: the treatments are written here and can be nothing else';

-- Also what check() compares a view with.
CREATE FUNCTION caredata.release_view_query(release_id integer, dataset name) RETURNS text
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT format('SELECT caredata.pid(t.person_id, %L::caredata.release_ref) AS pid%s FROM care.%I t',
				  release_view_query.release_id,
				  string_agg(', ' || caredata.treated_column(rc.release_id, c.column_name, rc.treatment,
															 coalesce(t.result_name, c.column_name), c.source_setting),
							 '' ORDER BY rc.version, c.position),
				  release_view_query.dataset)
	FROM caredata.release_column rc
	JOIN caredata.dataset_column c ON c.dataset = rc.dataset AND c.column_name = rc.column_name
	JOIN caredata.treatment t ON t.treatment = rc.treatment
	WHERE rc.release_id = release_view_query.release_id
	  AND rc.dataset = release_view_query.dataset
	HAVING count(*) > 0;
END;
REVOKE ALL ON FUNCTION caredata.release_view_query(integer, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.release_view_query(integer, name) IS
	'What a release''s view of a dataset shows, in SQL; NULL for a dataset that is not permitted';

-- ------------------------------------------------------------- activation

-- A care table is released only if nothing but policies for named roles lets
-- anyone see a row of it, by the table or by a partition.
CREATE FUNCTION caredata.check_row_security(care_table regclass) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	open_table regclass;
BEGIN
	SELECT c.oid INTO open_table
	FROM pg_class c
	WHERE (c.oid = care_table
		   OR c.oid IN (SELECT p.relid FROM pg_partition_tree(care_table) p))
	  AND (NOT c.relrowsecurity OR NOT c.relforcerowsecurity
		   OR EXISTS (SELECT FROM pg_policy p
					  WHERE p.polrelid = c.oid AND p.polpermissive
						AND 0::oid = ANY (p.polroles)))
	ORDER BY c.oid
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'table "%" is not protected by row security', open_table
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = 'A care table and all its partitions need row security enabled and forced, and no policy for PUBLIC.',
				  HINT = 'ALTER TABLE ... ENABLE ROW LEVEL SECURITY and FORCE ROW LEVEL SECURITY; drop policies made by hand.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.check_row_security(regclass) FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_row_security(regclass) IS
	'Raises unless a care table and all its partitions have row security enabled, forced and closed to PUBLIC';

-- A code that is in no reference table would give a population without people
-- and an analyst who wonders why.
CREATE FUNCTION caredata.check_population(kind text, codes text[]) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	missing text;
BEGIN
	CASE kind
		WHEN 'everyone' THEN
			RETURN;
		WHEN 'commissioner' THEN
			SELECT string_agg(c, ', ' ORDER BY c) INTO missing FROM unnest(codes) c
			WHERE NOT EXISTS (SELECT FROM care.commissioner k WHERE k.commissioner_code = c);
		WHEN 'practice' THEN
			SELECT string_agg(c, ', ' ORDER BY c) INTO missing FROM unnest(codes) c
			WHERE NOT EXISTS (SELECT FROM care.practice k WHERE k.practice_code = c);
		WHEN 'lsoa' THEN
			SELECT string_agg(c, ', ' ORDER BY c) INTO missing FROM unnest(codes) c
			WHERE NOT EXISTS (SELECT FROM care.lsoa k WHERE k.lsoa_code = c);
		WHEN 'msoa' THEN
			SELECT string_agg(c, ', ' ORDER BY c) INTO missing FROM unnest(codes) c
			WHERE NOT EXISTS (SELECT FROM care.lsoa k WHERE k.msoa_code = c);
		WHEN 'district' THEN
			SELECT string_agg(c, ', ' ORDER BY c) INTO missing FROM unnest(codes) c
			WHERE NOT EXISTS (SELECT FROM care.lsoa k WHERE k.local_authority_code = c);
		WHEN 'cohort' THEN
			SELECT string_agg(c, ', ' ORDER BY c) INTO missing FROM unnest(codes) c
			WHERE NOT EXISTS (SELECT FROM caredata.cohort k WHERE k.name = c);
	END CASE;
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'population of the release is not known'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = format('Table %s has no row for: %s.',
								  CASE WHEN kind IN ('msoa', 'district') THEN 'care.lsoa'
									   WHEN kind = 'cohort' THEN 'caredata.cohort'
									   ELSE 'care.' || kind END, missing),
				  HINT = 'Load the reference table or import the cohort first, or discard the release and draft it with codes that exist.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.check_population(text, text[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_population(text, text[]) IS
	'Raises unless every code of a population is in its reference table';

-- CREATE POLICY needs its table for itself. Waiting in line for it would hold
-- up every reader that comes after, for as long as the longest statement of
-- those before; and, with the sets locked, a load that is about to refresh
-- them could wait for us while we wait for it. So this does not wait in line,
-- but tries again and again: for lock_timeout, or ten seconds if none is set.
CREATE FUNCTION caredata.lock_care_tables(datasets name[]) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tables text;
	patience interval := coalesce(nullif(current_setting('lock_timeout')::interval, interval '0'),
								  interval '10 seconds');
	give_up_at timestamptz := clock_timestamp() + patience;
BEGIN
	SELECT string_agg(DISTINCT format('ONLY care.%I', d), ', ') INTO tables
	FROM unnest(datasets) d;
	IF tables IS NULL THEN
		RETURN;
	END IF;

	LOOP
		BEGIN
			EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE NOWAIT', tables);
			RETURN;
		EXCEPTION WHEN lock_not_available THEN
			EXIT WHEN clock_timestamp() > give_up_at;
		END;
		PERFORM pg_sleep(0.1);
	END LOOP;
	RAISE EXCEPTION 'care tables are in use'
		USING ERRCODE = 'lock_not_available',
			  DETAIL = 'Making or amending a release needs each of its tables for a moment without any other statement on it.',
			  HINT = 'Nothing was changed. Try again when loads, long queries and vacuums are done, or with a longer lock_timeout.';
END
$$;
REVOKE ALL ON FUNCTION caredata.lock_care_tables(name[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.lock_care_tables(name[]) IS
	'Locks care tables against everybody, or gives up after lock_timeout or ten seconds';

CREATE FUNCTION caredata.make_release_view(release_id integer, dataset name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	schema name := (SELECT r.name FROM caredata.release r
					WHERE r.release_id = make_release_view.release_id);
	reader name := schema || '_reader';
	definer name := schema || '_definer';
	kept boolean := to_regclass(format('%I.%I', schema, make_release_view.dataset)) IS NOT NULL;
	read_columns text;
	field record;
BEGIN
	PERFORM caredata.check_row_security(format('care.%I', make_release_view.dataset)::regclass);
	SELECT string_agg(format(', %I', rc.column_name), '' ORDER BY rc.column_name) INTO read_columns
	FROM caredata.release_column rc
	WHERE rc.release_id = make_release_view.release_id AND rc.dataset = make_release_view.dataset;
	EXECUTE format('REVOKE SELECT ON care.%I FROM %I', make_release_view.dataset, definer);
	EXECUTE format('GRANT SELECT (person_id%s) ON care.%I TO %I',
				   read_columns, make_release_view.dataset, definer);

	-- Columns are added behind those that there are, so that what readers have
	-- built on the view stays.
	EXECUTE format('CREATE %s VIEW %I.%I AS %s', CASE WHEN kept THEN 'OR REPLACE' END,
				   schema, make_release_view.dataset,
				   caredata.release_view_query(make_release_view.release_id, make_release_view.dataset));
	EXECUTE format('COMMENT ON VIEW %I.%I IS %L', schema, make_release_view.dataset,
				   (SELECT d.description FROM caredata.dataset d
					WHERE d.dataset = make_release_view.dataset));
	EXECUTE format('COMMENT ON COLUMN %I.%I.pid IS %L', schema, make_release_view.dataset,
				   'Pseudonym of the person in this release; the same in all its views, and in no other release');
	FOR field IN
		SELECT rc.shown_as, rc.treatment, rc.description, t.description AS shown, c.source_setting
		FROM caredata.release_columns(make_release_view.release_id) rc
		JOIN caredata.treatment t ON t.treatment = rc.treatment
		JOIN caredata.dataset_column c ON c.dataset = rc.dataset AND c.column_name = rc.column_name
		WHERE rc.dataset = make_release_view.dataset
	LOOP
		EXECUTE format('COMMENT ON COLUMN %I.%I.%I IS %L',
					   schema, make_release_view.dataset, field.shown_as,
					   concat_ws('; ', field.description,
								 'shown: ' || CASE WHEN field.treatment <> 'keep' THEN field.shown END,
								 'empty for people whose rows of setting ' || field.source_setting
								 || ' the release does not show'));
		-- PostgreSQL runs the functions of a view as the reader.
		IF field.treatment = 'shift' THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION caredata.shifted_date(date, integer, caredata.release_ref) TO %I',
						   reader);
		END IF;
	END LOOP;

	IF NOT kept THEN
		EXECUTE format('ALTER VIEW %I.%I OWNER TO %I', schema, make_release_view.dataset, definer);
		PERFORM caredata.lock_table(format('%I.%I', schema, make_release_view.dataset)::regclass);
		EXECUTE format('GRANT SELECT ON %I.%I TO %I', schema, make_release_view.dataset, reader);
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.make_release_view(integer, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.make_release_view(integer, name) IS
	'Makes the view of a dataset in a release, with what its definer and readers need for it, or adds columns to it';

CREATE FUNCTION caredata.make_release_policy(release_id integer, dataset name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	schema name := (SELECT r.name FROM caredata.release r
					WHERE r.release_id = make_release_policy.release_id);
BEGIN
	EXECUTE format('CREATE POLICY %I ON care.%I AS PERMISSIVE FOR SELECT TO %I'
				   ' USING (caredata.visible(person_id, %L::caredata.release_ref, %L))',
				   schema, make_release_policy.dataset, schema || '_definer',
				   make_release_policy.release_id::text,
				   (SELECT d.setting FROM caredata.dataset d
					WHERE d.dataset = make_release_policy.dataset));
END
$$;
REVOKE ALL ON FUNCTION caredata.make_release_policy(integer, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.make_release_policy(integer, name) IS
	'Makes the policy by which the definer of a release sees the rows of a care table that the release may show';

CREATE FUNCTION caredata.activate_release(release integer) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	approved caredata.release;
	agreement caredata.agreement;
	handle text;
	reader name;
	definer name;
	datasets name[];
	permitted name;
	routine text;
BEGIN
	-- Two activations would both rewrite the privileges of the same functions.
	-- The table is one that nobody writes, so nothing else waits.
	LOCK TABLE caredata.treatment IN SHARE ROW EXCLUSIVE MODE;
	approved := caredata.lock_release(activate_release.release, 'approved');
	SELECT a.* INTO agreement FROM caredata.agreement a
	WHERE a.agreement_id = approved.agreement_id;
	handle := approved.release_id::text;
	reader := approved.name || '_reader';
	definer := approved.name || '_definer';
	datasets := ARRAY(SELECT DISTINCT rc.dataset FROM caredata.release_column rc
					  WHERE rc.release_id = approved.release_id ORDER BY rc.dataset);

	PERFORM caredata.check_not_barred(agreement.organisation_code);
	IF approved.ends_on < caredata.today() THEN
		RAISE EXCEPTION 'term of release "%" is over', approved.name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Draft a new release.';
	END IF;
	PERFORM caredata.check_release_name_free(approved.name);
	PERFORM caredata.check_population(approved.population_kind, approved.population_codes);

	EXECUTE format('CREATE ROLE %I NOLOGIN', reader);
	EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', definer);
	EXECUTE format('COMMENT ON ROLE %I IS %L', reader,
				   format('Readers of release %s of agreement %s', approved.name, agreement.reference));
	EXECUTE format('COMMENT ON ROLE %I IS %L', definer,
				   format('Owner of the views of release %s; to be granted to nobody', approved.name));
	UPDATE caredata.domain d SET reader_role = reader WHERE d.domain_id = approved.release_id;

	-- The only table of places that a treatment looks into.
	EXECUTE format('GRANT SELECT ON care.lsoa TO %I', definer);

	EXECUTE format('CREATE SCHEMA %I', approved.name);
	EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', approved.name);
	EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', approved.name, reader);
	EXECUTE format('COMMENT ON SCHEMA %I IS %L', approved.name,
				   format('%s. %s for %s (%s), agreement %s, from %s to %s',
						  rtrim(approved.purpose, '. '), initcap(approved.identifiability),
						  agreement.organisation_name, agreement.organisation_code,
						  agreement.reference, approved.starts_on, approved.ends_on));

	FOREACH permitted IN ARRAY datasets LOOP
		PERFORM caredata.make_release_view(approved.release_id, permitted);
	END LOOP;

	-- PostgreSQL runs the functions of views and policies as the reader.
	FOREACH routine IN ARRAY ARRAY[
		'caredata.pid(integer, caredata.release_ref)',
		'caredata.person_of(caredata.pseudonym, caredata.release_ref)',
		'caredata.current_pid(caredata.pseudonym, caredata.release_ref)',
		'caredata.request_reidentification(integer, text, caredata.pseudonym[])',
		'caredata.reidentify(integer)',
		'caredata.record_pid(bigint, caredata.release_ref)',
		'caredata.record_pid(text, caredata.release_ref)',
		'caredata.visible(integer, caredata.release_ref, text)',
		'caredata.release_effect(integer)',
		'caredata.release_effect(name)']
	LOOP
		EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', routine::regprocedure, reader);
	END LOOP;
	-- The way for a reader from a pseudonym of an older key to the current one.
	EXECUTE format('CREATE FUNCTION %I.current_pid(pseudonym caredata.pseudonym)'
				   ' RETURNS caredata.pseudonym LANGUAGE sql STABLE STRICT PARALLEL SAFE'
				   ' RETURN caredata.current_pid(pseudonym, %L::caredata.release_ref)',
				   approved.name, handle);
	EXECUTE format('COMMENT ON FUNCTION %I.current_pid IS %L', approved.name,
				   'The current pseudonym for one that was made before the release''s key was changed; NULL for any other value');
	EXECUTE format('REVOKE ALL ON FUNCTION %I.current_pid FROM PUBLIC', approved.name);
	EXECUTE format('ALTER FUNCTION %I.current_pid OWNER TO %I', approved.name, definer);
	EXECUTE format('GRANT EXECUTE ON FUNCTION %I.current_pid TO %I', approved.name, reader);

	PERFORM caredata.set_release_state(approved.release_id, 'active');
	PERFORM caredata.build_visible_sets(approved.release_id);

	-- Last, so that readers of other releases are held up for a moment only.
	PERFORM caredata.lock_care_tables(datasets);
	FOREACH permitted IN ARRAY datasets LOOP
		PERFORM caredata.make_release_policy(approved.release_id, permitted);
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION caredata.activate_release(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.activate_release(integer) IS
	'Puts an approved release in force: its roles, schema, views, policies and visible sets, all or nothing. Grant the reader role to people next';

-- -------------------------------------------------------------- lifecycle

CREATE FUNCTION caredata.suspend_release(release integer, reason text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM caredata.lock_release(suspend_release.release, 'active');
	PERFORM caredata.set_release_state(suspend_release.release, 'suspended', suspend_release.reason);
END
$$;
REVOKE ALL ON FUNCTION caredata.suspend_release(integer, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.suspend_release(integer, text) IS
	'Stops an active release; every statement that starts after the commit is refused';

CREATE FUNCTION caredata.resume_release(release integer, reason text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM caredata.lock_release(resume_release.release, 'suspended');
	PERFORM caredata.check_not_barred(a.organisation_code)
	FROM caredata.release r
	JOIN caredata.agreement a ON a.agreement_id = r.agreement_id
	WHERE r.release_id = resume_release.release;
	PERFORM caredata.set_release_state(resume_release.release, 'active', resume_release.reason);
	PERFORM caredata.build_visible_sets(resume_release.release);
END
$$;
REVOKE ALL ON FUNCTION caredata.resume_release(integer, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.resume_release(integer, text) IS
	'Puts a suspended release in force again; a guardian decides that';

CREATE FUNCTION caredata.end_release(release integer, reason text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM caredata.lock_release(end_release.release, 'approved', 'active', 'suspended');
	PERFORM caredata.set_release_state(end_release.release, 'ended', end_release.reason);
END
$$;
REVOKE ALL ON FUNCTION caredata.end_release(integer, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.end_release(integer, text) IS
	'Ends a release for good; its schema stays, so that a reader is told so instead of finding nothing';

CREATE FUNCTION caredata.record_destruction(release integer, destroyed_on date, certificate text)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	ended caredata.release;
BEGIN
	ended := caredata.lock_release(record_destruction.release, 'ended');
	IF coalesce(btrim(record_destruction.certificate), '') = ''
	   OR record_destruction.destroyed_on IS NULL
	   OR NOT isfinite(record_destruction.destroyed_on)
	   OR record_destruction.destroyed_on < ended.starts_on
	   OR record_destruction.destroyed_on > caredata.today() THEN
		RAISE EXCEPTION 'a destruction needs its certificate and a day between the start of the release and today'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the day that the organisation''s certificate of destruction states, and the reference of the certificate.';
	END IF;
	UPDATE caredata.release r
	SET state = 'destroyed', destroyed_on = record_destruction.destroyed_on,
		destruction_certificate = btrim(record_destruction.certificate)
	WHERE r.release_id = ended.release_id;
	PERFORM caredata.set_release_state(ended.release_id, 'destroyed',
		format('destroyed on %s, certificate %s',
			   to_char(record_destruction.destroyed_on, 'YYYY-MM-DD'), btrim(record_destruction.certificate)));
END
$$;
REVOKE ALL ON FUNCTION caredata.record_destruction(integer, date, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.record_destruction(integer, date, text) IS
	'Puts down that the organisation certified the destruction of what it took from an ended release: the day and the reference of the certificate';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_guardian', 'caredata.record_destruction(integer,date,text)'),
	('caredata_admin', 'caredata.activate_release(integer)'),
	('caredata_admin', 'caredata.suspend_release(integer,text)'),
	('caredata_admin', 'caredata.end_release(integer,text)'),
	('caredata_guardian', 'caredata.suspend_release(integer,text)'),
	('caredata_guardian', 'caredata.resume_release(integer,text)'),
	('caredata_guardian', 'caredata.end_release(integer,text)');

