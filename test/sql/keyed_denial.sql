--
-- Every function that works with a key, a pseudonym or a secret, called by every
-- role: first as it is granted, then with EXECUTE granted to everybody, when
-- its own lock must hold. A new one comes into this test by its name.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_denial;
\c regress_denial
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c
SET client_min_messages = warning;
SET search_path = public, caredata;
CREATE ROLE regress_denial_reader NOLOGIN;
CREATE ROLE regress_denial_other NOLOGIN;
CREATE ROLE regress_denial_nobody NOLOGIN;
SELECT create_domain('regress_denial', 'regress_denial_reader') AS one, create_domain('regress_denial_other', 'regress_denial_other') AS two;

-- A view for each, made by a superuser: it holds the handle, as a release's
-- view does, and the function runs with the rights of who reads it.
CREATE SCHEMA attempt;
GRANT USAGE ON SCHEMA attempt TO PUBLIC;
CREATE FUNCTION public.some_value(type regtype) RETURNS text LANGUAGE sql AS $$
	SELECT CASE type::text
		WHEN 'integer' THEN '1' WHEN 'bigint' THEN '1::bigint' WHEN 'text' THEN '''9990000018''::text'
		WHEN 'name' THEN '''regress_denial''::name' WHEN 'bytea' THEN '''\x00''::bytea' WHEN 'boolean' THEN 'true'
		WHEN 'date' THEN '''2020-01-01''::date' WHEN 'text[]' THEN '''{gp}''::text[]' WHEN 'double precision' THEN '0.5::float8'
		WHEN 'double precision[]' THEN '''{1,2,0.5}''::float8[]' WHEN 'integer[]' THEN '''{1}''::integer[]'
		WHEN 'regclass' THEN '''public.nothing''::regclass'
		WHEN 'nhs_number' THEN '''9990000018''::caredata.nhs_number'
		WHEN 'release_ref' THEN '''1''::caredata.release_ref'
		WHEN 'pseudonym' THEN '''00000000000000000000000000000000''::caredata.pseudonym'
		WHEN '"any"' THEN '''nhs_number''::text, ''9990000018''::text' END $$;
CREATE TABLE public.nothing (id bigint, clk bytea);
CREATE TABLE public.call AS
SELECT p.oid::regprocedure::text AS call, 'call_' || p.oid AS view,
	   CASE unknown WHEN 0 THEN format('SELECT 1 AS one FROM caredata.%I(%s)', proname, a.list) END AS query
FROM pg_proc p JOIN pg_language l ON l.oid = prolang
CROSS JOIN LATERAL (SELECT string_agg(CASE WHEN n = pronargs AND provariadic NOT IN (0, '"any"'::regtype) THEN 'VARIADIC ' ELSE '' END
									  || public.some_value(t::regtype), ', ' ORDER BY n) AS list,
						   count(*) FILTER (WHERE public.some_value(t::regtype) IS NULL) AS unknown
	FROM unnest(proargtypes) WITH ORDINALITY AS u(t, n)) a
WHERE pronamespace = 'caredata'::regnamespace AND lanname = 'c' AND NOT has_function_privilege('public', p.oid, 'EXECUTE')
  AND (proname ~ '(pid|pseudonym|person_|number_of|nhs_like|fpe|shift|digest|ndr|sha|secret|domain_key|master_key|quota)' OR 'release_ref'::regtype = ANY (proargtypes::oid[]))
  AND prokind = 'f' AND prorettype <> 'trigger'::regtype AND 'internal'::regtype <> ALL (proargtypes::oid[]) AND prorettype <> 'internal'::regtype;
SET search_path = public, caredata;
-- each has its values
SELECT call FROM public.call WHERE query IS NULL;
SELECT count(*) > 40 AS enough FROM public.call;
DO $$
DECLARE
	one record;
BEGIN
	FOR one IN SELECT * FROM public.call LOOP
		EXECUTE format('CREATE VIEW attempt.%I AS %s', one.view, one.query);
		EXECUTE format('GRANT SELECT ON attempt.%I TO PUBLIC', one.view);
	END LOOP;
END $$;
GRANT SELECT ON public.call TO PUBLIC;

CREATE FUNCTION public.attempt(view text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT count(*) FROM attempt.%I', view);
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE TABLE public.outcome (granted boolean, role name, call text, result text);
GRANT INSERT, SELECT ON public.outcome TO PUBLIC;
CREATE FUNCTION public.try_all(granted boolean, role name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET ROLE %I', role);
	INSERT INTO public.outcome SELECT try_all.granted, try_all.role, c.call, public.attempt(c.view) FROM public.call c;
	RESET ROLE;
END $$;
CREATE VIEW public.roles AS SELECT r FROM unnest(ARRAY['regress_denial_nobody', 'regress_denial_reader', 'regress_denial_other',
	'caredata_admin', 'caredata_loader', 'caredata_linker', 'caredata_guardian', 'caredata_auditor']::name[]) r;

\pset format unaligned
-- 1. As it is granted. A release's readers get theirs when it is activated;
-- here nobody did.
SELECT count(public.try_all(false, r)) FROM public.roles;
SELECT call, string_agg(role || ': ' || result, ', ' ORDER BY role) AS not_refused FROM public.outcome
WHERE NOT granted AND result <> '42501' GROUP BY call ORDER BY call COLLATE "C";
SELECT count(*) AS refused_all FROM (SELECT call FROM public.outcome WHERE NOT granted GROUP BY call HAVING bool_and(result = '42501')) x \gset
SELECT :refused_all > 25 AS most_are_refused_to_all;

-- 2. EXECUTE granted to everybody by mistake
DO $$
DECLARE
	one text;
BEGIN
	FOR one IN SELECT call FROM public.call LOOP
		EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', one);
	END LOOP;
END $$;
SELECT count(public.try_all(true, r)) FROM public.roles;
-- what has a lock of its own: who is let in by it, and to what
SELECT call, string_agg(role || ': ' || result, ', ' ORDER BY role) FILTER (WHERE result <> '42501') AS let_in FROM public.outcome
WHERE granted GROUP BY call HAVING count(*) FILTER (WHERE result = '42501') > 0 ORDER BY call COLLATE "C";
-- what has none, and rests on EXECUTE alone
SELECT call, string_agg(DISTINCT result, ', ') AS results FROM public.outcome
WHERE granted GROUP BY call HAVING count(*) FILTER (WHERE result = '42501') = 0 ORDER BY call COLLATE "C";

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_denial;
DROP ROLE regress_denial_reader, regress_denial_other, regress_denial_nobody;
