-- ---------------------------------------------------------------------------
-- Amendments: other columns or datasets for a release that is in force. What
-- is proposed changes nothing until a person who wrote none of it approves;
-- then all of it is in force at once, as the next version of the release.
--
-- Purpose, population, term and exemption are not amended: those are another
-- release, with other pseudonyms.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.release_amendment (
	amendment_id  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	release_id    integer NOT NULL REFERENCES caredata.release ON DELETE CASCADE,
	version       integer NOT NULL CHECK (version > 1),
	created_by    name[] NOT NULL,
	created_at    timestamptz NOT NULL DEFAULT now(),
	approved_by   name[],
	approved_at   timestamptz,
	UNIQUE (release_id, version),
	CHECK (NOT created_by && approved_by),
	CHECK ((approved_by IS NULL) = (approved_at IS NULL))
);
COMMENT ON TABLE caredata.release_amendment IS
	'Amendments of releases; one that nobody has approved yet is proposed only, and there is one of those for a release at most';
COMMENT ON COLUMN caredata.release_amendment.version IS
	'Version of the release that it makes';

CREATE TABLE caredata.release_amendment_column (
	amendment_id  integer NOT NULL REFERENCES caredata.release_amendment ON DELETE CASCADE,
	dataset       name NOT NULL,
	column_name   name NOT NULL,
	treatment     text NOT NULL REFERENCES caredata.treatment,
	PRIMARY KEY (amendment_id, dataset, column_name),
	FOREIGN KEY (dataset, column_name) REFERENCES caredata.dataset_column
);
COMMENT ON TABLE caredata.release_amendment_column IS
	'Columns that an amendment permits, treats otherwise, or takes out (treatment drop)';
SELECT pg_catalog.pg_extension_config_dump('caredata.release_amendment', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.release_amendment_amendment_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.release_amendment_column', '');

CREATE FUNCTION caredata.amendment_columns(release integer)
	RETURNS TABLE (dataset name, column_name name, treatment text,
				   proposed_treatment text, description text)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 20
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT m.dataset, m.column_name, rc.treatment, m.treatment, c.description
	FROM caredata.release_amendment a
	JOIN caredata.release_amendment_column m ON m.amendment_id = a.amendment_id
	JOIN caredata.dataset_column c ON c.dataset = m.dataset AND c.column_name = m.column_name
	LEFT JOIN caredata.release_column rc
		ON rc.release_id = a.release_id AND rc.dataset = m.dataset AND rc.column_name = m.column_name
	WHERE a.release_id = amendment_columns.release AND a.approved_at IS NULL
	ORDER BY m.dataset, c.position;
END;
REVOKE ALL ON FUNCTION caredata.amendment_columns(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.amendment_columns(integer) IS
	'What the proposed amendment of a release would change, column by column; treatment is NULL where the column is not released now, drop where it would be no more';

CREATE FUNCTION caredata.amended_columns(release_id integer)
	RETURNS TABLE (dataset name, column_name name, treatment text)
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT coalesce(m.dataset, rc.dataset), coalesce(m.column_name, rc.column_name),
		   coalesce(m.proposed_treatment, rc.treatment)
	FROM (SELECT r.dataset, r.column_name, r.treatment FROM caredata.release_column r
		  WHERE r.release_id = amended_columns.release_id) rc
	FULL JOIN caredata.amendment_columns(amended_columns.release_id) m
		ON m.dataset = rc.dataset AND m.column_name = rc.column_name
	WHERE coalesce(m.proposed_treatment, rc.treatment) <> 'drop';
END
$$;
REVOKE ALL ON FUNCTION caredata.amended_columns(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.amended_columns(integer) IS
	'Columns that a release would permit with its proposed amendment';

CREATE FUNCTION caredata.amend_column(
	release_id integer, dataset name, column_name name, treatment text)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	amendment integer;
	present text;
BEGIN
	SELECT a.amendment_id INTO amendment FROM caredata.release_amendment a
	WHERE a.release_id = amend_column.release_id AND a.approved_at IS NULL;
	IF NOT FOUND THEN
		INSERT INTO caredata.release_amendment AS a (release_id, version, created_by)
		SELECT r.release_id, r.version + 1, caredata.requester()
		FROM caredata.release r WHERE r.release_id = amend_column.release_id
		RETURNING a.amendment_id INTO amendment;
	END IF;
	UPDATE caredata.release_amendment a
	SET created_by = (SELECT array_agg(DISTINCT b ORDER BY b)
					  FROM unnest(a.created_by || caredata.requester()) b)
	WHERE a.amendment_id = amendment AND NOT caredata.requester() <@ a.created_by;

	DELETE FROM caredata.release_amendment_column m
	WHERE m.amendment_id = amendment AND m.dataset = amend_column.dataset
	  AND m.column_name = amend_column.column_name;
	SELECT rc.treatment INTO present FROM caredata.release_column rc
	WHERE rc.release_id = amend_column.release_id AND rc.dataset = amend_column.dataset
	  AND rc.column_name = amend_column.column_name;
	-- as it is now: nothing to amend
	IF coalesce(present, 'drop') <> amend_column.treatment THEN
		INSERT INTO caredata.release_amendment_column (amendment_id, dataset, column_name, treatment)
		VALUES (amendment, amend_column.dataset, amend_column.column_name, amend_column.treatment);
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.amend_column(integer, name, name, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.amend_column(integer, name, name, text) IS
	'Puts a column into the proposed amendment of a release; part of permit_column()';

CREATE FUNCTION caredata.amendment_fingerprint(release integer) RETURNS text
	LANGUAGE sql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT encode(sha256(convert_to(
		jsonb_build_array(
			caredata.release_fingerprint(a.release_id),
			to_jsonb(a) - 'created_at',
			(SELECT jsonb_agg(to_jsonb(m) ORDER BY m.dataset, m.column_name)
			 FROM caredata.release_amendment_column m
			 WHERE m.amendment_id = a.amendment_id))::text, 'UTF8')), 'hex')
	FROM caredata.release_amendment a
	WHERE a.release_id = amendment_fingerprint.release AND a.approved_at IS NULL;
END;
REVOKE ALL ON FUNCTION caredata.amendment_fingerprint(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.amendment_fingerprint(integer) IS
	'SHA-256 of all that the approval of an amendment is about: the release as it is, and what would change; NULL where nothing is proposed';

CREATE FUNCTION caredata.discard_amendment(release integer) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	DELETE FROM caredata.release_amendment a
	WHERE a.release_id = discard_amendment.release AND a.approved_at IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no amendment of this release is proposed'
			USING ERRCODE = 'no_data_found',
				  HINT = 'permit_dataset() and permit_column() on an active release propose one.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.discard_amendment(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.discard_amendment(integer) IS
	'Throws the proposed amendment of a release away';

CREATE FUNCTION caredata.approve_amendment(
	release             integer,
	fingerprint         text DEFAULT NULL,
	accept_differencing text DEFAULT NULL)
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	target caredata.release;
	parent caredata.agreement;
	amendment caredata.release_amendment;
	changed record;
	new_datasets name[] := '{}';
	gone_datasets name[] := '{}';
	each_dataset name;
BEGIN
	-- As for an activation: one at a time, and one of an organisation.
	LOCK TABLE caredata.treatment IN SHARE ROW EXCLUSIVE MODE;
	target := caredata.lock_release(approve_amendment.release, 'active', 'suspended');
	SELECT a.* INTO parent FROM caredata.agreement a
	WHERE a.agreement_id = target.agreement_id;
	PERFORM a.agreement_id FROM caredata.agreement a
	WHERE a.organisation_code = parent.organisation_code
	ORDER BY a.agreement_id FOR UPDATE;
	PERFORM caredata.check_not_barred(parent.organisation_code);

	SELECT a.* INTO amendment FROM caredata.release_amendment a
	WHERE a.release_id = target.release_id AND a.approved_at IS NULL
	  AND EXISTS (SELECT FROM caredata.release_amendment_column m
				  WHERE m.amendment_id = a.amendment_id);
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no amendment of release "%" is proposed', target.name
			USING ERRCODE = 'no_data_found',
				  HINT = 'permit_dataset() and permit_column() on an active release propose one.';
	END IF;
	IF target.created_by || parent.created_by || amendment.created_by && caredata.requester() THEN
		RAISE EXCEPTION 'amendment of release "%" cannot be approved by one of the authors', target.name
			USING ERRCODE = 'insufficient_privilege',
				  DETAIL = 'Neither the login nor the role it acts as may have written the agreement, the release or the amendment.',
				  HINT = 'Another guardian has to approve, with a login of their own.';
	END IF;
	IF approve_amendment.fingerprint <> caredata.amendment_fingerprint(target.release_id) THEN
		RAISE EXCEPTION 'amendment of release "%" is not the one that was read', target.name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = 'The release or the amendment has changed since its fingerprint was taken.',
				  HINT = 'Read it again with amendment_columns().';
	END IF;

	FOR changed IN
		SELECT m.dataset,
			   bool_and(rc.column_name IS NULL) AS only_adds,
			   EXISTS (SELECT FROM caredata.release_column o
					   WHERE o.release_id = target.release_id AND o.dataset = m.dataset) AS was_shown,
			   EXISTS (SELECT FROM caredata.amended_columns(target.release_id) n
					   WHERE n.dataset = m.dataset) AS is_shown
		FROM caredata.release_amendment_column m
		LEFT JOIN caredata.release_column rc
			ON rc.release_id = target.release_id AND rc.dataset = m.dataset
		   AND rc.column_name = m.column_name
		WHERE m.amendment_id = amendment.amendment_id
		GROUP BY m.dataset
		ORDER BY m.dataset
	LOOP
		-- A column that changes or goes cannot be replaced in its place.
		IF changed.was_shown AND NOT changed.only_adds THEN
			BEGIN
				EXECUTE format('DROP VIEW %I.%I', target.name, changed.dataset);
			EXCEPTION WHEN dependent_objects_still_exist THEN
				RAISE EXCEPTION 'other objects rest on view "%"."%"', target.name, changed.dataset
					USING ERRCODE = 'dependent_objects_still_exist',
						  HINT = 'The amendment takes a column out or treats it otherwise, which makes the view anew. Ask the readers to drop what they built on it.';
			END;
		END IF;

		DELETE FROM caredata.release_column rc
		USING caredata.release_amendment_column m
		WHERE m.amendment_id = amendment.amendment_id AND m.dataset = changed.dataset
		  AND rc.release_id = target.release_id AND rc.dataset = m.dataset
		  AND rc.column_name = m.column_name;
		INSERT INTO caredata.release_column (release_id, dataset, column_name, treatment, version)
		SELECT target.release_id, m.dataset, m.column_name, m.treatment, amendment.version
		FROM caredata.release_amendment_column m
		WHERE m.amendment_id = amendment.amendment_id AND m.dataset = changed.dataset
		  AND m.treatment <> 'drop';

		IF changed.is_shown THEN
			PERFORM caredata.make_release_view(target.release_id, changed.dataset);
		ELSE
			EXECUTE format('REVOKE SELECT ON care.%I FROM %I', changed.dataset, target.name || '_definer');
		END IF;
		IF NOT changed.was_shown THEN
			new_datasets := new_datasets || changed.dataset;
		ELSIF NOT changed.is_shown THEN
			gone_datasets := gone_datasets || changed.dataset;
		END IF;
	END LOOP;

	IF NOT EXISTS (SELECT FROM caredata.release_column rc WHERE rc.release_id = target.release_id) THEN
		RAISE EXCEPTION 'release "%" would permit nothing', target.name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'End it instead.';
	END IF;
	PERFORM caredata.check_shifted_dates(target.release_id);
	PERFORM caredata.check_differencing(target.release_id, approve_amendment.accept_differencing);

	UPDATE caredata.release_amendment a
	SET approved_by = caredata.requester(), approved_at = now()
	WHERE a.amendment_id = amendment.amendment_id;
	UPDATE caredata.release r SET version = amendment.version
	WHERE r.release_id = target.release_id;
	PERFORM caredata.set_release_state(target.release_id, target.state,
		format('version %s: amendment %s approved', amendment.version, amendment.amendment_id));

	PERFORM caredata.lock_care_tables(new_datasets || gone_datasets);
	FOREACH each_dataset IN ARRAY new_datasets LOOP
		PERFORM caredata.make_release_policy(target.release_id, each_dataset);
	END LOOP;
	FOREACH each_dataset IN ARRAY gone_datasets LOOP
		EXECUTE format('DROP POLICY %I ON care.%I', target.name, each_dataset);
	END LOOP;
	RETURN amendment.version;
END
$$;
REVOKE ALL ON FUNCTION caredata.approve_amendment(integer, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.approve_amendment(integer, text, text) IS
	'Approves the proposed amendment of a release and puts it in force at once, all or nothing; refused to the authors of the release and of the amendment. Returns the new version of the release';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin',    'caredata.amendment_columns(integer)'),
	('caredata_admin',    'caredata.amendment_fingerprint(integer)'),
	('caredata_admin',    'caredata.discard_amendment(integer)'),
	('caredata_guardian', 'caredata.amendment_columns(integer)'),
	('caredata_guardian', 'caredata.amendment_fingerprint(integer)'),
	('caredata_guardian', 'caredata.approve_amendment(integer,text,text)'),
	('caredata_auditor',  'caredata.amendment_columns(integer)'),
	('caredata_auditor',  'caredata.amendment_fingerprint(integer)');
