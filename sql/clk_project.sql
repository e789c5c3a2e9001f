-- ---------------------------------------------------------------------------
-- Linkage projects: a schema of CLKs, how they are hardened, a secret of its
-- own, a purpose and a term, drafted by one person and approved by another; and
-- the CLKs of records in a project.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.clk_risk (
	risk        text PRIMARY KEY,
	acceptable  boolean NOT NULL,
	description text NOT NULL,
	source      text NOT NULL
);
COMMENT ON TABLE caredata.clk_risk IS
	'What makes CLKs of a project easier to attack; a project with one is refused, or made only when it is accepted by name';
COMMENT ON COLUMN caredata.clk_risk.acceptable IS
	'Whether who drafts a project may accept it, for the guardian who approves to see';
INSERT INTO caredata.clk_risk VALUES
	('low entropy', false, 'What is hashed has too few different values: whoever gets CLKs can tell by their frequency whose they are',
		'Christen et al., Pattern-Mining based Cryptanalysis of Bloom Filters, 2018'),
	('reused secret', false, 'Another project has the same secret: CLKs of the two can be matched, and both help an attacker',
		'clkhash issue 40'),
	('short secret', true, 'The shared secret has less than 16 bytes: it can be found by trying',
		'RFC 5869, section 4.4'),
	('unhardened', true, 'No salting, folding or flipping: patterns of frequent tokens can be found in many CLKs',
		'Christen et al. 2018: up to 20.7 % of records were re-identified'),
	('double hashing', true, 'doubleHash has no more than l² patterns for a token, which a published attack tells apart; blakeHash has none such',
		'Niedermeyer et al. 2014; Kroll and Steinmetzer 2015'),
	('few bits', true, 'Less than 1,024 bits before folding: tokens share bits so often that linkage suffers, or are so few that they stand out',
		'Schnell, Bachteler and Reiher 2009');

CREATE TABLE caredata.clk_project (
	name             name PRIMARY KEY CHECK (name <> ''),
	schema_id        integer NOT NULL REFERENCES caredata.clk_schema,
	domain_id        integer NOT NULL UNIQUE REFERENCES caredata.domain,
	shared           boolean NOT NULL,
	secret           name UNIQUE REFERENCES caredata.compat_secret ON DELETE SET NULL,
	salt_feature     text,
	salt_part        text NOT NULL CHECK (salt_part IN ('whole', 'year')),
	balanced         boolean NOT NULL,
	flip_probability double precision NOT NULL CHECK (flip_probability >= 0 AND flip_probability < 1),
	invalid_values   text NOT NULL CHECK (invalid_values IN ('refuse', 'leave out')),
	accepted_risks   text[] NOT NULL,
	purpose          text NOT NULL CHECK (purpose <> ''),
	ends_on          date NOT NULL,
	requested_by     name[] NOT NULL,
	requested_at     timestamptz NOT NULL DEFAULT now(),
	approved_by      name[],
	approved_at      timestamptz,
	ended_by         name[],
	ended_at         timestamptz,
	reason           text,
	CHECK (NOT requested_by && approved_by)
);
COMMENT ON TABLE caredata.clk_project IS
	'Linkages on CLKs: schema, hardening, where the secret comes from, purpose and term; who asked and who approved';
COMMENT ON COLUMN caredata.clk_project.domain_id IS
	'Pseudonym domain whose key decides about flips, and makes the secret of a project that is not shared';
COMMENT ON COLUMN caredata.clk_project.shared IS
	'Whether the secret was agreed upon with another party';
COMMENT ON COLUMN caredata.clk_project.secret IS
	'Name of the shared secret; NULL when it was dropped, or there is none';
COMMENT ON COLUMN caredata.clk_project.salt_feature IS
	'Feature whose value goes into every token of a record';
COMMENT ON COLUMN caredata.clk_project.salt_part IS
	'How much of it: the whole, or the year, its first four characters';
COMMENT ON COLUMN caredata.clk_project.balanced IS
	'Whether the complement is appended and the whole permuted, so that every CLK has as many ones';
COMMENT ON COLUMN caredata.clk_project.flip_probability IS
	'Probability with which a bit is replaced by a random one, which is the same one as often';
COMMENT ON COLUMN caredata.clk_project.reason IS 'Why it was ended';

SELECT pg_catalog.pg_extension_config_dump('caredata.clk_project', '');

-- A rule of thumb, in bits: what a value tells at most, and for names a good
-- deal less than their length.
CREATE FUNCTION caredata.clk_schema_entropy(schema_id integer) RETURNS double precision
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT coalesce(sum(CASE f.format
		WHEN 'enum' THEN log(2, greatest(cardinality(f.enum_values), 1))
		WHEN 'date' THEN 15
		WHEN 'integer' THEN least(13, log(2, greatest(f.maximum::numeric - f.minimum::numeric + 1, 1)))
		ELSE 10 END), 0)
	FROM caredata.clk_feature f
	WHERE f.schema_id = clk_schema_entropy.schema_id AND NOT f.ignored;
END;
REVOKE ALL ON FUNCTION caredata.clk_schema_entropy(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.clk_schema_entropy(integer) IS
	'Roughly how many bits the hashed fields of a schema tell of a person: 10 for a name, 15 for a date, the logarithm of what an enum or a bounded integer can be';

-- Tokens of a usual value where the schema says bits per token.
CREATE FUNCTION caredata.clk_schema_fill(schema_id integer) RETURNS double precision
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT 1 - exp(-sum(f.bits * CASE f.strategy
		WHEN 'bitsPerFeature' THEN 1
		ELSE CASE f.comparison
			WHEN 'exact' THEN 1
			WHEN 'numeric' THEN 2 * f.resolution + 1
			ELSE f.n - 1 + CASE f.format WHEN 'enum' THEN 1 WHEN 'integer' THEN 5 ELSE 8 END END
		END)::double precision / (s.bits::bigint << s.xor_folds))
	FROM caredata.clk_schema s JOIN caredata.clk_feature f ON f.schema_id = s.schema_id
	WHERE s.schema_id = clk_schema_fill.schema_id AND NOT f.ignored
	GROUP BY s.schema_id;
END;
REVOKE ALL ON FUNCTION caredata.clk_schema_fill(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.clk_schema_fill(integer) IS
	'Roughly what share of the bits will be ones, before folding, when no value is missing';

CREATE FUNCTION caredata.clk_risks(schema_id integer, secret name, salt_feature text, flip_probability double precision)
	RETURNS SETOF text
	LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 3
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT r.risk FROM caredata.clk_schema s
	CROSS JOIN LATERAL (VALUES
		(1, 'low entropy', caredata.clk_schema_entropy(s.schema_id) < 20),
		(2, 'reused secret', EXISTS (SELECT FROM caredata.clk_project p
			WHERE p.secret IS NOT NULL AND caredata.same_compat_secret(p.secret, clk_risks.secret))),
		(3, 'short secret', (SELECT octet_length(c.wrapped_secret) < 41 + 16 FROM caredata.compat_secret c
			WHERE c.name = clk_risks.secret)),
		(4, 'unhardened', s.xor_folds = 0 AND clk_risks.salt_feature IS NULL AND clk_risks.flip_probability < 0.02),
		(5, 'double hashing', EXISTS (SELECT FROM caredata.clk_feature f
			WHERE f.schema_id = s.schema_id AND f.hash = 'doubleHash')),
		(6, 'few bits', s.bits::bigint << s.xor_folds < 1024)) r(ordinal, risk, present)
	WHERE s.schema_id = clk_risks.schema_id AND r.present
	ORDER BY r.ordinal;
END;
REVOKE ALL ON FUNCTION caredata.clk_risks(integer, name, text, double precision) FROM PUBLIC;
COMMENT ON FUNCTION caredata.clk_risks(integer, name, text, double precision) IS
	'Risks of table clk_risk that a project would have; internal to create_clk_project()';

CREATE FUNCTION caredata.create_clk_project(
	name             name,
	schema_name      name,
	purpose          text,
	ends_on          date,
	secret           name DEFAULT NULL,
	salt_feature     text DEFAULT NULL,
	salt_part        text DEFAULT 'whole',
	balanced         boolean DEFAULT false,
	flip_probability double precision DEFAULT 0,
	invalid_values   text DEFAULT 'refuse',
	accept           text[] DEFAULT '{}')
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
DECLARE
	used caredata.clk_schema;
	risk caredata.clk_risk;
	accepted text[] := '{}';
	fill double precision;
	new_domain integer;
BEGIN
	IF coalesce(create_clk_project.name, '') = '' THEN
		RAISE EXCEPTION 'the project has no name' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	-- one at a time, so that two do not take the same secret
	LOCK TABLE caredata.clk_project IN SHARE ROW EXCLUSIVE MODE;
	IF EXISTS (SELECT FROM caredata.clk_project p WHERE p.name = create_clk_project.name) THEN
		RAISE EXCEPTION 'linkage project "%" already exists', create_clk_project.name
			USING ERRCODE = 'duplicate_object',
				  HINT = 'A project is one linkage, with a secret of its own; give another one another name.';
	END IF;
	SELECT s.* INTO used FROM caredata.clk_schema s WHERE s.name = create_clk_project.schema_name FOR KEY SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'CLK schema "%" does not exist', coalesce(create_clk_project.schema_name::text, 'NULL')
			USING ERRCODE = 'undefined_object',
				  HINT = 'create_clk_schema() makes one.';
	END IF;
	IF coalesce(btrim(create_clk_project.purpose), '') = '' THEN
		RAISE EXCEPTION 'the purpose is missing'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Say what is linked with whom and why; who approves reads it.';
	END IF;
	IF create_clk_project.ends_on IS NULL OR create_clk_project.ends_on < caredata.today() THEN
		RAISE EXCEPTION 'the term is missing, or over'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the last day on which CLKs are made.';
	END IF;
	IF create_clk_project.salt_feature IS NOT NULL
	   AND NOT EXISTS (SELECT FROM caredata.clk_feature f
					   WHERE f.schema_id = used.schema_id AND f.identifier = create_clk_project.salt_feature) THEN
		RAISE EXCEPTION 'CLK schema "%" has no feature of the name to salt by', create_clk_project.schema_name
			USING ERRCODE = 'undefined_object',
				  HINT = 'It may be an ignored one.';
	END IF;
	IF NOT coalesce(create_clk_project.flip_probability >= 0 AND create_clk_project.flip_probability <= 0.9, false)
	   OR coalesce(create_clk_project.salt_part, '') NOT IN ('whole', 'year')
	   OR create_clk_project.balanced IS NULL
	   OR coalesce(create_clk_project.invalid_values, '') NOT IN ('refuse', 'leave out') THEN
		RAISE EXCEPTION 'a way of hardening does not exist'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'flip_probability is from 0 to 0.9, salt_part whole or year, invalid_values refuse or leave out.';
	END IF;
	IF create_clk_project.balanced AND used.bits > 32768 THEN
		RAISE EXCEPTION 'a balanced CLK of this schema would have more than 65536 bits'
			USING ERRCODE = 'program_limit_exceeded';
	END IF;
	IF create_clk_project.secret IS NOT NULL
	   AND NOT EXISTS (SELECT FROM caredata.compat_secret c WHERE c.name = create_clk_project.secret) THEN
		RAISE EXCEPTION 'compatibility secret "%" does not exist', create_clk_project.secret
			USING ERRCODE = 'undefined_object',
				  HINT = 'A superuser imports it from a file with import_compat_secret().';
	END IF;
	IF NOT coalesce(accept, '{}') <@ ARRAY(SELECT r.risk FROM caredata.clk_risk r WHERE r.acceptable) THEN
		RAISE EXCEPTION 'an accepted risk does not exist, or cannot be accepted'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Table caredata.clk_risk lists them.';
	END IF;

	FOR risk IN
		SELECT r.* FROM caredata.clk_risks(used.schema_id, create_clk_project.secret, create_clk_project.salt_feature,
			create_clk_project.flip_probability) WITH ORDINALITY x(risk, n)
		JOIN caredata.clk_risk r ON r.risk = x.risk ORDER BY x.n
	LOOP
		IF NOT risk.acceptable THEN
			RAISE EXCEPTION 'linkage project "%" is refused: %', create_clk_project.name, risk.risk
				USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = risk.description || '.',
					  HINT = CASE risk.risk WHEN 'reused secret' THEN 'Agree upon another secret.'
							 ELSE 'Hash more fields, or such as have more values.' END;
		END IF;
		IF NOT risk.risk = ANY (coalesce(accept, '{}')) THEN
			RAISE EXCEPTION 'linkage project "%" has a risk that is not accepted: %', create_clk_project.name, risk.risk
				USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = risk.description || '.',
					  HINT = format('Mend it, or say accept => ARRAY[%L]; the guardian who approves sees it.', risk.risk);
		END IF;
		accepted := accepted || risk.risk;
	END LOOP;
	fill := caredata.clk_schema_fill(used.schema_id);
	IF fill > 0.6 THEN
		RAISE WARNING 'CLKs of linkage project "%" will be about % %% full before folding', create_clk_project.name, round(100 * fill)
			USING HINT = 'Above 60 % they tell less apart and more about single tokens: have more bits (l), or fewer for each feature.';
	END IF;

	BEGIN
		new_domain := caredata.create_domain(left('clk_' || create_clk_project.name, 63)::name);
	EXCEPTION WHEN unique_violation THEN
		RAISE EXCEPTION 'pseudonym domain "%" already exists', left('clk_' || create_clk_project.name, 63)
			USING ERRCODE = 'duplicate_object',
				  HINT = 'Give the project another name.';
	END;
	INSERT INTO caredata.clk_project (name, schema_id, domain_id, shared, secret, salt_feature, salt_part, balanced,
		flip_probability, invalid_values, accepted_risks, purpose, ends_on, requested_by)
	VALUES (create_clk_project.name, used.schema_id, new_domain, create_clk_project.secret IS NOT NULL, create_clk_project.secret,
		create_clk_project.salt_feature, create_clk_project.salt_part, create_clk_project.balanced,
		create_clk_project.flip_probability, create_clk_project.invalid_values, accepted,
		btrim(create_clk_project.purpose), create_clk_project.ends_on, caredata.requester());
END
$body$;
REVOKE ALL ON FUNCTION caredata.create_clk_project(name, name, text, date, name, text, text, boolean, double precision, text, text[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.create_clk_project(name, name, text, date, name, text, text, boolean, double precision, text, text[]) IS
	'Drafts a linkage on CLKs for a guardian to approve: under a schema, with a secret of its own or one that was imported from a file, hardened by salting, balance and flips. Risks of table clk_risk are refused, or have to be accepted by name';

-- A project, locked; an error if there is none of the name, or it has ended.
CREATE FUNCTION caredata.lock_clk_project(name name) RETURNS caredata.clk_project
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	found_project caredata.clk_project;
BEGIN
	SELECT p.* INTO found_project FROM caredata.clk_project p
	WHERE p.name = lock_clk_project.name FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'linkage project "%" does not exist', coalesce(lock_clk_project.name::text, 'NULL')
			USING ERRCODE = 'undefined_object',
				  HINT = 'clk_projects() lists them.';
	END IF;
	IF found_project.ended_at IS NOT NULL THEN
		RAISE EXCEPTION 'linkage project "%" has ended', lock_clk_project.name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Another project needs another secret: create_clk_project().';
	END IF;
	RETURN found_project;
END
$body$;
REVOKE ALL ON FUNCTION caredata.lock_clk_project(name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.lock_clk_project(name) IS
	'A linkage project that has not ended, locked for the transaction';

CREATE FUNCTION caredata.approve_clk_project(name name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
DECLARE
	asked caredata.clk_project;
BEGIN
	asked := caredata.lock_clk_project(approve_clk_project.name);
	IF asked.approved_at IS NOT NULL THEN
		RAISE EXCEPTION 'linkage project "%" is already approved', asked.name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'clk_projects() shows by whom.';
	END IF;
	PERFORM caredata.require_another_person(asked.requested_by, 'a linkage project cannot be approved');
	IF asked.ends_on < caredata.today() THEN
		RAISE EXCEPTION 'the term of linkage project "%" is over', asked.name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Draft another one.';
	END IF;
	UPDATE caredata.clk_project p SET approved_by = caredata.requester(), approved_at = now()
	WHERE p.name = asked.name;
END
$body$;
REVOKE ALL ON FUNCTION caredata.approve_clk_project(name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.approve_clk_project(name) IS
	'Approves a linkage project, so that CLKs can be made; refused to who drafted it';

CREATE FUNCTION caredata.end_clk_project(name name, reason text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
BEGIN
	PERFORM caredata.lock_clk_project(end_clk_project.name);
	UPDATE caredata.clk_project p
	SET ended_by = caredata.requester(), ended_at = now(), reason = end_clk_project.reason
	WHERE p.name = end_clk_project.name;
END
$body$;
REVOKE ALL ON FUNCTION caredata.end_clk_project(name, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.end_clk_project(name, text) IS
	'Ends a linkage project, or refuses a draft: no more CLKs are made. Its key is destroyed with request_key_destruction(), a shared secret with drop_compat_secret()';

CREATE FUNCTION caredata.clk_projects()
	RETURNS TABLE (name name, state text, schema_name name, bits integer, shared boolean, secret name,
				   xor_folds integer, salt_feature text, salt_part text, balanced boolean,
				   flip_probability double precision, accepted_risks text[], purpose text, ends_on date,
				   requested_by name[], approved_by name[], ended_by name[], reason text, domain_id integer)
	LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 20
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT p.name,
		   CASE WHEN p.ended_at IS NOT NULL THEN 'ended'
				WHEN p.approved_at IS NULL THEN 'draft'
				WHEN p.ends_on < caredata.today() THEN 'over'
				ELSE 'approved' END,
		   s.name, CASE WHEN p.balanced THEN 2 ELSE 1 END * s.bits, p.shared, p.secret,
		   s.xor_folds, p.salt_feature, CASE WHEN p.salt_feature IS NOT NULL THEN p.salt_part END, p.balanced,
		   p.flip_probability, p.accepted_risks, p.purpose, p.ends_on,
		   p.requested_by, p.approved_by, p.ended_by, p.reason, p.domain_id
	FROM caredata.clk_project p JOIN caredata.clk_schema s ON s.schema_id = p.schema_id
	ORDER BY p.requested_at, p.name;
END
$body$;
REVOKE ALL ON FUNCTION caredata.clk_projects() FROM PUBLIC;
COMMENT ON FUNCTION caredata.clk_projects() IS
	'Linkage projects with their state, hardening and accepted risks, who drafted and who approved';

-- ---------------------------------------------------------------- encoding

CREATE FUNCTION caredata.clk_columns(project name) RETURNS text[]
	LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
BEGIN
	RETURN (SELECT array_agg(f.identifier ORDER BY f.ordinal)
			FROM caredata.clk_project p JOIN caredata.clk_feature f ON f.schema_id = p.schema_id
			WHERE p.name = clk_columns.project AND (NOT f.ignored OR f.identifier = p.salt_feature));
END
$body$;
REVOKE ALL ON FUNCTION caredata.clk_columns(name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.clk_columns(name) IS
	'Fields whose values clk_of() takes, in its order: the hashed ones, and the one to salt by; NULL if there is no such project';

CREATE FUNCTION caredata.clk_of(project name, record_id text, VARIADIC fields text[]) RETURNS caredata.clk
	LANGUAGE c STABLE PARALLEL SAFE COST 300
	AS 'MODULE_PATHNAME', 'caredata_clk_of';
REVOKE ALL ON FUNCTION caredata.clk_of(name, text, text[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.clk_of(name, text, text[]) IS
	'CLK of one record in an approved project, of the values of clk_columns() in its order, NULL for a missing one; the id decides which bits are flipped. For superusers and caredata_linker';

CREATE FUNCTION caredata.clk_agreement(project name) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'caredata_clk_agreement';
REVOKE ALL ON FUNCTION caredata.clk_agreement(name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.clk_agreement(name) IS
	'Sixteen hexadecimal digits that two parties compare before they encode: the same if and only if secret, schema and hardening are. For superusers and caredata_linker';

CREATE FUNCTION caredata.encode_clks(project name, source regclass, id_column name, columns name[] DEFAULT NULL)
	RETURNS TABLE (record_id text, clk caredata.clk)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10000
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
DECLARE
	wanted text[] := caredata.clk_columns(project);
	absent text;
BEGIN
	IF wanted IS NULL THEN
		RAISE EXCEPTION 'linkage project "%" does not exist', coalesce(project::text, 'NULL')
			USING ERRCODE = 'undefined_object',
				  HINT = 'clk_projects() lists them.';
	END IF;
	IF columns IS NOT NULL AND cardinality(columns) <> cardinality(wanted) THEN
		RAISE EXCEPTION 'linkage project "%" takes % columns, not %', project, cardinality(wanted), cardinality(columns)
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'They are those of clk_columns(), in its order.';
	END IF;
	wanted := coalesce(columns::text[], wanted);
	SELECT c INTO absent FROM unnest(wanted || id_column::text) c
	WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = c
					  AND a.attnum > 0 AND NOT a.attisdropped) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'column "%" of relation "%" does not exist', coalesce(absent, 'NULL'), source
			USING ERRCODE = 'undefined_column',
				  HINT = 'Columns are those of clk_columns() unless others are named.';
	END IF;
	-- dates as they are written in every schema that reads them, whatever the session's DateStyle
	RETURN QUERY EXECUTE format(
		'SELECT r.%I::text, caredata.clk_of(%L, r.%I::text, VARIADIC ARRAY[%s]::text[]) FROM %s r',
		id_column, project, id_column,
		(SELECT string_agg(format(CASE WHEN a.atttypid = 'date'::regtype THEN 'to_char(r.%I, ''YYYY-MM-DD'')' ELSE 'r.%I::text' END, c), ', ' ORDER BY n)
		 FROM unnest(wanted) WITH ORDINALITY u(c, n)
		 JOIN pg_attribute a ON a.attrelid = source AND a.attname = c),
		source);
END
$body$;
REVOKE ALL ON FUNCTION caredata.encode_clks(name, regclass, name, name[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.encode_clks(name, regclass, name, name[]) IS
	'Every record of a table with its CLK: the columns that are called as the schema''s fields, or those named in their order. Reads with the caller''s rights; dates are written YYYY-MM-DD. For superusers and caredata_linker';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.create_clk_project(name,name,text,date,name,text,text,boolean,double precision,text,text[])'),
	('caredata_admin', 'caredata.end_clk_project(name,text)'),
	('caredata_admin', 'caredata.clk_projects()'),
	('caredata_guardian', 'caredata.approve_clk_project(name)'),
	('caredata_guardian', 'caredata.end_clk_project(name,text)'),
	('caredata_guardian', 'caredata.clk_projects()'),
	('caredata_auditor', 'caredata.clk_projects()'),
	('caredata_linker', 'caredata.clk_projects()'),
	('caredata_linker', 'caredata.clk_columns(name)'),
	('caredata_linker', 'caredata.clk_of(name,text,text[])'),
	('caredata_linker', 'caredata.clk_agreement(name)'),
	('caredata_linker', 'caredata.encode_clks(name,regclass,name,name[])');
